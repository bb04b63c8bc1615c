"""A service by the library Apprise: what it is told, how long it may take, what is said of it."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context

import pytest
import requests

from monitor.config.receivers import ReceiverTable
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from monitor.notify.apprise.message import MessageRoom, message_of
from monitor.notify.apprise.settings import read_apprise
from monitor.telemetry.log import configure
from tests.notify.apprise.services import STUBS, AppriseStub
from tests.notify.certificates import write
from tests.notify.delivering import PAGE, failure_of, notification, sending
from tests.notify.far_end import (
    START,
    Reported,
    alert,
    far_end,
    receiver,
    stall,
    status,
    trickle,
    until,
)
from tests.notify.services import SERVICES, said
from tests.notify.test_faults_services import told

OVER = alert("basic", state=AlertState.RESOLVED)
ROCKET = STUBS["Rocket.Chat"]


@pytest.mark.parametrize(
    ("alerts", "type_"),
    [
        ((alert(severity=Severity.CRITICAL), alert("free")), "failure"),
        ((OVER, alert()), "warning"),
        ((alert(severity=Severity.INFO),), "info"),
        ((OVER,), "success"),
    ],
)
def test_the_worst_that_fires_says_how_bad_it_is(
    alerts: tuple[Alert, ...], type_: str
) -> None:
    made = message_of(notification("r", *alerts), MessageRoom(250, 1000), PAGE)
    assert made.type == type_


@pytest.mark.parametrize(
    "room", [MessageRoom(250, 1024), MessageRoom(60, 400), MessageRoom(0, 300)]
)
def test_a_message_keeps_to_the_room_that_there_is(room: MessageRoom) -> None:
    texts = (("description", "жы " * 9000), ("summary", "@all 💥" * 999))
    for count in (1, 2, 10, 40):
        one = notification("r", *[alert(annotations=texts)] * count)
        made = message_of(one, room, PAGE)
        heading = 0 if room.title else len(made.title) + 2
        assert len(made.title) <= (room.title or 200)
        assert 0 < len(made.body) + heading <= room.body
        assert "@all" not in made.title + made.body


def test_each_alert_is_an_incident_that_its_own_end_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splunk = STUBS["Splunk On-Call"]
    louder = alert("pro", severity=Severity.CRITICAL)
    over = alert("pro", severity=Severity.CRITICAL, state=AlertState.RESOLVED)
    with splunk.stub(patch=monkeypatch) as server:
        with sending(splunk.receiver(server, tmp_path)) as sender:
            sender.send(notification("r", alert("pro"), alert("free")), START)
            sender.send(notification("r", louder, key="2"), START)
            sender.send(notification("r", over, key="3"), START)
        made = [
            (each.json["message_type"], each.json["entity_id"])
            for each in server.requests
        ]
    (_, pro), (_, free), *_ = made
    assert pro != free
    assert made == [
        ("WARNING", pro),
        ("WARNING", free),
        ("CRITICAL", pro),
        ("RECOVERY", pro),
    ]


def test_of_several_alerts_only_those_that_were_not_taken_are_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splunk = STUBS["Splunk On-Call"]
    answers = (said(200, {}), status(400, body=b"no"), status(503))
    one = notification("r", alert("a"), alert("b"), alert("c"))
    with (
        splunk.stub(*answers, patch=monkeypatch) as server,
        sending(splunk.receiver(server, tmp_path)) as sender,
    ):
        error = failure_of(sender, one)
        assert (error.reason, error.recoverable) == ("http_503", True)
        error = failure_of(sender, one)
        assert (error.reason, error.recoverable) == ("http_400", False)
        names = [each.json["entity_id"] for each in server.requests]
    assert len(names) == 4
    assert names[2] == names[3]
    assert len(set(names)) == 3


def test_an_answer_in_drops_is_cut_in_time_and_may_be_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x")
    reported = Reported()
    with ROCKET.stub(drops, patch=monkeypatch) as server:
        one = ROCKET.receiver(server, tmp_path, 'timeout = "2s"')
        with told(one, reported):
            until(lambda: reported.deliveries)
    first = reported.deliveries[0]
    assert first.reason == "maybe_delivered"
    assert first.message.endswith("no answer in time, so that it may be delivered")
    assert first.duration_seconds < 20


def test_links_lead_somewhere_where_the_service_writes_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        ROCKET.stub(patch=monkeypatch) as server,
        sending(ROCKET.receiver(server, tmp_path)) as sender,
    ):
        sender.send(notification("r"), START)
        (request,) = server.requests
    assert f"Alert: {PAGE}/alerts/" in ROCKET.require(request)


def test_what_was_not_sent_yet_when_time_was_up_is_not_delivered(
    tmp_path: Path,
) -> None:
    (tmp_path / "address").write_text(
        ROCKET.address.replace("rocket:", "rockets:").replace("{place}", "{}")
    )
    with far_end(is_silent=True) as server:
        text = (tmp_path / "address").read_text().format(f"127.0.0.1:{server.port}")
        (tmp_path / "address").write_text(text)
        one = receiver(
            kind="apprise",
            name="r",
            url_file=tmp_path / "address",
            timeout=timedelta(seconds=1),
        )
        with sending(one) as sender:
            error = failure_of(sender, notification("r"))
    assert (error.reason, error.recoverable) == ("timeout", True)


def test_a_service_that_hangs_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("slow", "quick"):
        (tmp_path / name).mkdir()
    hung, quick = Reported(), Reported()
    with (
        ROCKET.stub(stall, patch=monkeypatch) as slow_end,
        ROCKET.stub(patch=monkeypatch) as end,
        told(ROCKET.receiver(slow_end, tmp_path / "slow"), hung),
    ):
        until(lambda: slow_end.requests)
        with told(ROCKET.receiver(end, tmp_path / "quick"), quick) as state:
            until(lambda: not state.outbox() and len(quick.deliveries) == 2)
        assert not hung.deliveries
    assert quick.reasons("r") == ["", ""]


def test_one_that_is_stopped_sends_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ROCKET.stub(stall, patch=monkeypatch) as server:
        with sending(ROCKET.receiver(server, tmp_path)) as sender:
            thread = threading.Thread(
                target=failure_of, args=(sender, notification("r"))
            )
            thread.start()
            until(lambda: server.requests)
            sender.abort()
            thread.join(20)
            assert not thread.is_alive()
            error = failure_of(sender, notification("r"))
        assert len(server.requests) == 1
    assert (error.reason, error.recoverable) == ("network", True)


def test_tls_is_checked_and_nothing_is_sent_to_who_is_not_trusted(
    tmp_path: Path,
) -> None:
    certificate, key = write(tmp_path, "127.0.0.1")
    server_tls = SSLContext(PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(certificate, key)
    trusting = create_default_context(cafile=str(certificate))
    with far_end(tls=server_tls, otherwise=SERVICES["apprise"].answer) as server:
        text = ROCKET.address.replace("rocket:", "rockets:")
        text = text.replace("{place}", f"127.0.0.1:{server.port}")
        (tmp_path / "address").write_text(text)
        one = receiver(kind="apprise", name="r", url_file=tmp_path / "address")
        with sending(one) as sender:
            error = failure_of(sender, notification("r"))
        assert (error.reason, error.recoverable) == ("tls", True)
        assert not server.requests
        with sending(one, tls=trusting) as sender:
            sender.send(notification("r"), START)
        assert len(server.requests) == 1


def test_proxies_of_the_environment_and_redirects_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    away = status(307, headers="Location: http://127.0.0.1:1/\r\n")
    with (
        ROCKET.stub(away, patch=monkeypatch) as server,
        sending(ROCKET.receiver(server, tmp_path)) as sender,
    ):
        assert failure_of(sender, notification("r")).reason == "redirect"
        sender.send(notification("r"), START)
        assert len(server.requests) == 2


def test_a_login_is_kept_for_as_long_as_the_address_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = STUBS["Matrix"]
    with (
        matrix.stub(patch=monkeypatch) as server,
        sending(matrix.receiver(server, tmp_path)) as sender,
    ):
        for key in "12":
            sender.send(notification("r", key=key), START)
        logins = [each for each in server.requests if each.path.endswith("/login")]
    assert len(logins) == 1


def test_after_a_429_it_is_us_who_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = STUBS["Matrix"]
    throttled = said(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 60_000})
    with (
        matrix.stub(throttled, patch=monkeypatch) as server,
        sending(matrix.receiver(server, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r"))
        messages = [each for each in server.requests if matrix.is_message(each)]
    assert (error.reason, error.recoverable) == ("http_429", True)
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nosuchservice://host", "Apprise makes no service of this address"),
        (
            "rocket://s3cretHook0123/s3cretTokenOfRocket@127.0.0.1/%23a/%23b",
            "Rocket.Chat: the address has 2 destinations; give each a receiver",
        ),
        ("pover://only", "Apprise makes no service of this address"),
    ],
)
def test_an_address_that_is_none_is_said_without_it(
    tmp_path: Path, address: str, message: str
) -> None:
    (tmp_path / "address").write_text(address)
    one = receiver(kind="apprise", name="r", url_file=tmp_path / "address")
    with sending(one) as sender:
        error = failure_of(sender, notification("r"))
    assert (error.reason, error.message) == ("bad_url", message)
    assert error.recoverable


def test_a_file_with_several_addresses_is_named(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("json://a.s3cret, json://b.s3cret")
    one = receiver(kind="apprise", name="r", url_file=tmp_path / "address")
    with sending(one) as sender:
        error = failure_of(sender, notification("r"))
    assert error.reason == "url_file"
    assert error.message.startswith(f"{tmp_path}/address: has several addresses")
    assert "s3cret" not in error.message


def test_nothing_of_the_library_reaches_any_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    log = configure(written, level="debug")
    log.take_in_libraries()
    splunk = STUBS["Splunk On-Call"]
    try:
        with (
            splunk.stub(status(500), status(200), patch=monkeypatch) as server,
            sending(splunk.receiver(server, tmp_path)) as sender,
        ):
            failure_of(sender, notification("r"))
            sender.send(notification("r"), START)
    finally:
        log.close()
    assert written.getvalue() == b""


def test_the_library_asks_nobody_but_in_a_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ROCKET.stub(patch=monkeypatch) as server:
        with sending(ROCKET.receiver(server, tmp_path)) as sender:
            sender.send(notification("r"), START)
        with pytest.raises(requests.ConnectionError, match="no delivery"):
            requests.get(server.url, timeout=1)
        assert len(server.requests) == 1


def test_without_the_package_the_configuration_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    path = tmp_path / "receiver.toml"
    path.write_text('kind = "apprise"\nurl_file = "address"\n')
    problems = Problems()
    section = read_document(path, path.name, problems)
    assert section is not None
    read_apprise(ReceiverTable(section, tmp_path, problems))
    (problem,) = problems.in_order()
    assert (problem.line, problem.key) == (1, "kind")
    assert 'pip install "token-monitor[apprise]"' in problem.message


IMPORTED = """
import sys
from datetime import timedelta
from pathlib import Path
from monitor.model.settings import Receiver
from monitor.notify.apprise.settings import AppriseSettings
from monitor.notify.context import SenderContext
from monitor.notify.kinds import kind_of
from monitor.notify.transport import Transport
from monitor.timing.deadlines import Watchdog
one = Receiver("r", AppriseSettings(url_file=Path("none")))
kind_of(one).sender(one, SenderContext(Transport(Watchdog()), timedelta(seconds=1)))
print(*({"apprise", "requests"} & sys.modules.keys()))
"""


def test_the_library_is_not_loaded_before_there_is_something_to_send() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_a_stub_of_each_service_that_is_named_is_tried() -> None:
    page = Path(__file__).parents[3] / "docs" / "receivers.md"
    section = page.read_text("utf-8").partition("\n## Apprise\n")[2]
    section = section.partition("\n## ")[0]
    for one in STUBS.values():
        assert isinstance(one, AppriseStub)
        assert one.name in section
