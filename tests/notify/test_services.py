"""What holds of every service: what it takes, that data calls nobody, that no secret is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from monitor.model.alerts import Alert, AlertState, Notification
from monitor.model.errors import DeliveryError
from monitor.model.settings import Severity
from monitor.notify.kinds import KINDS
from monitor.notify.test_alert import send_test_alert
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import AnchoredClock
from tests.notify.delivering import PAGE, failure_of, notification, sending
from tests.notify.far_end import START, Answer, alert, status
from tests.notify.services import SERVICES, Service, said

NEW = ("ntfy", "telegram", "discord", "mattermost", "teams", "google_chat")
HOSTILE = (
    "@everyone @here @channel @all <!channel> <!here|here> <@U012> <users/all> <at>x</at>",
    "<script>alert(1)</script></b></pre></a><b>",
    "[click](https://evil.example.com) <https://evil.example.com|Runbook> www.evil.example.com",
    "``` *bold* _it_ ~~no~~ ||spoiler|| `code` # head\n> quote\n1. one",
    "&lt;!channel&gt; &amp; & \" ' \\",
    "a\r\nb\x00\x1b[31m \ud800 \u202egnp.exe",
    "&" * 10_000,
    "<" * 10_000,
    "💥" * 10_000,
    "\\" * 10_000,
    "ab 12 " * 2000,
)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


def hostile(text: str) -> Alert:
    return alert(
        # A label is UTF-8: of anything else there would be no sample.
        text.replace("\ud800", ""),
        annotations=(
            ("description", text),
            ("repair", f"ALTER TABLE t\n{text}"),
            ("runbook_url", f"https://wiki.example.com/{text[:999]}"),
            ("summary", text),
            ("zone", text),
        ),
        evidence=({"note": text, "user_id": 7},),
        severity=Severity.CRITICAL,
    )


def sent(service: Service, folder: Path, one: Notification) -> list[object]:
    """Send a notification to the service, which refuses what the real one would; return the bodies."""
    with (
        service.stub() as server,
        sending(service.receiver(server.url, folder)) as sender,
    ):
        sender.send(one, START)
        return [request.json for request in server.requests]


def failure(service: Service, folder: Path, answer: Answer) -> DeliveryError:
    """Send a notification that is answered so, and return the error."""
    with (
        service.stub(answer) as server,
        sending(service.receiver(server.url, folder)) as sender,
    ):
        return failure_of(sender, notification("r"))


def test_every_kind_that_is_a_service_has_its_stub() -> None:
    assert set(KINDS) - {"alertmanager", "email"} == set(SERVICES)


@pytest.mark.parametrize("count", [1, 3, 12, 40])
def test_a_service_takes_what_fires_and_what_is_over(
    service: Service, tmp_path: Path, count: int
) -> None:
    firing = [alert(f"plan{number}") for number in range(count)]
    over = alert("basic", state=AlertState.RESOLVED, peak=12.0)
    assert sent(service, tmp_path, notification("r", *firing, over))


def test_the_worst_that_fires_is_in_the_message_however_much_comes_before_it(
    service: Service, tmp_path: Path
) -> None:
    over = [alert(f"p{number}", state=AlertState.RESOLVED) for number in range(60)]
    worst = alert("zebra", severity=Severity.CRITICAL)
    bodies = sent(service, tmp_path, notification("r", *over, alert("yak"), worst))
    assert "zebra is low" in json.dumps(bodies)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("count", [1, 12])
def test_a_service_takes_whatever_the_database_holds(
    service: Service, tmp_path: Path, text: str, count: int
) -> None:
    one = Notification("r", "k", {"alertname": text}, (hostile(text),) * count, START)
    for body in sent(service, tmp_path, one):
        for shown in service.texts(body):
            assert shown
            if service.kind != "webhook":  # which is read by programs
                assert "\x1b" not in shown
                assert "\u202e" not in shown


@pytest.mark.parametrize("kind", NEW)
def test_what_is_too_long_says_that_it_was_cut(kind: str, tmp_path: Path) -> None:
    service = SERVICES[kind]
    (body,) = sent(service, tmp_path, notification("r", hostile("x" * 10_000)))
    assert any("…" in text for text in service.texts(body))
    (body,) = sent(service, tmp_path, notification("r", *[alert()] * 40))
    assert "and 30 more" in json.dumps(body)


@pytest.mark.parametrize("kind", ["telegram", "discord", "mattermost"])
def test_no_text_calls_anybody_or_becomes_a_link(kind: str, tmp_path: Path) -> None:
    service = SERVICES[kind]
    for text in HOSTILE[:3]:
        firing = alert(
            text, annotations=(("description", text), ("summary", text), ("zone", text))
        )
        one = Notification("r", "k", {"alertname": text}, (firing,), START)
        (body,) = sent(service, tmp_path, one)
        for shown in service.texts(body):
            rest = shown.replace(PAGE, "").replace("\\<", "")
            for call in ("@everyone", "@here", "@channel", "@all", "<!", "<@", "://"):
                assert call not in rest
            assert "www.evil" not in rest


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422, 500])
def test_no_secret_that_an_answer_repeats_is_shown(
    service: Service, tmp_path: Path, code: int
) -> None:
    echo = " ".join((service.path, *service.secrets)).encode()
    with service.stub(status(code, body=echo)) as server:
        one = service.receiver(server.url, tmp_path)
        with sending(one) as sender:
            error = failure_of(sender, notification("r"))
    assert error.reason == f"http_{code}"
    assert error.recoverable == (code not in (400, 422))
    for secret in service.secrets:
        assert secret not in error.message
        assert secret not in repr(one)


def test_every_secret_is_reported_before_it_is_sent(
    service: Service, tmp_path: Path
) -> None:
    known: set[str] = set()
    with service.stub() as server:

        def hear(_place: str, secrets: Iterable[str]) -> None:
            assert not server.requests
            known.update(secrets)

        one = service.receiver(server.url, tmp_path)
        reader = SecretReader(on_read=hear)
        with sending(one, secrets=reader) as sender:
            sender.send(notification("r"), START)
        assert len(server.requests) == 1
    assert known >= set(service.secrets)


def test_a_secret_is_read_at_each_attempt_and_named_by_its_file(
    service: Service, tmp_path: Path
) -> None:
    with service.stub() as server:
        one = service.receiver(server.url, tmp_path)
        name, *_ = service.files
        (tmp_path / name).unlink()
        with sending(one) as sender:
            error = failure_of(sender, notification("r"))
            assert error.recoverable
            assert error.reason in ("secret", "url_file")
            assert error.message.startswith(f"{tmp_path}/{name}: ")
            service.write(name, server.url, tmp_path)
            sender.send(notification("r"), START)
        assert len(server.requests) == 1


def test_a_receiver_of_every_kind_can_be_tried(
    service: Service, tmp_path: Path
) -> None:
    with service.stub() as server:
        delivery = send_test_alert(
            service.receiver(server.url, tmp_path), AnchoredClock(), ""
        )
        assert (delivery.reason, delivery.message) == ("", "")
        assert len(server.requests) == 1


@pytest.mark.parametrize("kind", set(SERVICES) - {"webhook", "slack", "apprise"})
def test_a_page_of_something_on_the_way_is_no_yes(kind: str, tmp_path: Path) -> None:
    service = SERVICES[kind]
    page = status(200, body=b"\n<!DOCTYPE html><html>Log in</html>")
    with (
        service.stub(page) as server,
        sending(service.receiver(server.url, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r"))
        sender.send(notification("r"), START)
    assert (error.reason, error.recoverable) == ("http_200", True)


def test_a_service_says_when_to_come_again(service: Service, tmp_path: Path) -> None:
    with (
        service.stub(service.throttled(7)) as server,
        sending(service.receiver(server.url, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r"))
    assert (error.reason, error.recoverable) == ("http_429", True)
    assert error.retry_after_seconds == pytest.approx(7, abs=0.02)


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [
        (b'{"retry_after": 2.5}', "Retry-After: 9\r\n", 9),
        (b'{"retry_after": 99999}', "", 3600),
        (b'{"retry_after": -1}', "", None),
        (b'{"retry_after": 0}', "", None),
        (b'{"retry_after": 0.01}', "", 1),
        (b'{"retry_after": NaN}', "", None),
        (b'{"retry_after": "soon"}', "", None),
        (b'{"retry_after": null}', "", None),
        (b"[" * 4000, "", None),
        (b"<html>", "Retry-After: 3\r\n", 3),
    ],
)
def test_of_two_waits_the_longer_counts_and_a_senseless_one_is_none(
    tmp_path: Path, body: bytes, header: str, seconds: float | None
) -> None:
    service = SERVICES["discord"]
    answer = status(429, body=body, headers=header)
    error = failure(service, tmp_path, answer)
    assert error.retry_after_seconds == seconds


SETTINGS = {
    "ntfy": said(400, {"code": 40009, "error": "invalid request: topic invalid"}),
    "telegram": said(400, {"description": "Bad Request: chat not found"}),
    "discord": said(400, {"message": "Forums need a thread_name", "code": 220001}),
    "mattermost": said(400, {"id": "web.incoming_webhook.invalid.app_error"}),
    "teams": said(400, {"error": {"code": "WorkflowTriggerIsNotEnabled"}}),
    "google_chat": said(400, {"error": {"message": "API key not valid."}}),
    "opsgenie": said(422, {"message": "Key format is not valid!"}),
    "jira": said(422, {"message": "Key format is not valid!"}),
    "slack": status(410, body=b"channel_is_archived"),
    "pagerduty": said(400, {"errors": ["Routing key is wrong"]}),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_refusal_that_somebody_can_end_is_tried_again(
    kind: str, tmp_path: Path
) -> None:
    service = SERVICES[kind]
    with (
        service.stub(SETTINGS[kind]) as server,
        sending(service.receiver(server.url, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r"))
        sender.send(notification("r"), START)
    assert error.recoverable
