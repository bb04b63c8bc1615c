from __future__ import annotations

from pathlib import Path

import pytest

from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from monitor.notify.ntfy.message import message_of
from monitor.notify.ntfy.topic import topic_of
from tests.notify.delivering import PAGE, failure_of, notification, sending
from tests.notify.far_end import START, alert
from tests.notify.services import SERVICES

OVER = alert("basic", state=AlertState.RESOLVED)


@pytest.mark.parametrize(
    ("alerts", "priority", "tag"),
    [
        ((alert(severity=Severity.CRITICAL), alert("free")), 5, "rotating_light"),
        ((OVER, alert()), 4, "warning"),
        ((alert(severity=Severity.INFO),), 3, "information_source"),
        ((OVER,), 2, "white_check_mark"),
        ((*[OVER] * 60, alert(severity=Severity.CRITICAL)), 5, "rotating_light"),
        ((*[alert()] * 60, alert(severity=Severity.CRITICAL)), 5, "rotating_light"),
    ],
)
def test_the_worst_that_fires_says_how_loud_it_is(
    alerts: tuple[Alert, ...], priority: int, tag: str
) -> None:
    message = message_of(notification("r", *alerts), "t", PAGE)
    assert (message["priority"], message["tags"]) == (priority, [tag])


def test_every_attempt_has_the_same_id_and_another_notification_another() -> None:
    ids = [
        message_of(notification("r", key=key), "t", PAGE)["sequence_id"]
        for key in ("1", "1", "2:00+00:00")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_letters_of_many_bytes_keep_to_the_limit() -> None:
    texts = (("description", "ж" * 9000), ("summary", "💥" * 999))
    for count in (1, 10, 40):
        message = message_of(
            notification("r", *[alert(annotations=texts)] * count), "t", PAGE
        )
        assert len(message["message"].encode()) <= 4096
        assert "…" in message["message"]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://ntfy.sh/a-Topic_1", ("https://ntfy.sh/", "a-Topic_1")),
        ("https://h:8443/ntfy/t/", ("https://h:8443/ntfy/", "t")),
        ("https://ntfy.sh/", None),
        ("https://ntfy.sh", None),
        ("https://ntfy.sh/a topic", None),
        ("https://[ntfy/t", None),
        ("https://ntfy.sh/" + "t" * 65, None),
    ],
)
def test_an_address_is_a_server_and_a_topic(
    address: str, found: tuple[str, str] | None
) -> None:
    assert topic_of(address) == found


def test_an_address_without_a_topic_is_named_by_its_file(tmp_path: Path) -> None:
    service = SERVICES["ntfy"]
    with service.stub() as server:
        one = service.receiver(server.url, tmp_path)
        (tmp_path / "address").write_text(f"{server.url}/not a topic")
        with sending(one) as sender:
            error = failure_of(sender, notification("r"))
            assert (error.reason, error.recoverable) == ("url_file", True)
            assert error.message == f"{tmp_path}/address: names no topic"
            (tmp_path / "address").write_text(f"{server.url}/s3cretTopicOfOurs1")
            sender.send(notification("r"), START)


def test_a_token_goes_over_tls_only_wherever_the_address_comes_from(
    tmp_path: Path,
) -> None:
    service = SERVICES["ntfy"]
    with service.stub() as server:
        one = service.receiver(server.url, tmp_path)
        (tmp_path / "address").write_text("http://ntfy.example.com/aTopicOfOurs1")
        with sending(one) as sender:
            error = failure_of(sender, notification("r"))
    assert (error.reason, error.recoverable) == ("url_file", True)
    assert error.message == (
        f"{tmp_path}/address: the token is not sent without TLS beyond this machine; give https://…"
    )
