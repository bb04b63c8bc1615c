from __future__ import annotations

from pathlib import Path

import pytest

from monitor.model.alerts import AlertState
from monitor.model.settings import Severity
from tests.notify.delivering import failure_of, notification, sending
from tests.notify.far_end import START, Request, alert, status
from tests.notify.services import SERVICES

SERVICE = SERVICES["opsgenie"]


def aliases(requests: list[Request]) -> list[str]:
    return [request.json["alias"] for request in requests]


@pytest.mark.parametrize(
    ("severity", "priority"),
    [(Severity.CRITICAL, "P1"), (Severity.WARNING, "P3"), (Severity.INFO, "P5")],
)
def test_how_bad_it_is_is_the_priority(
    severity: Severity, priority: str, tmp_path: Path
) -> None:
    with (
        SERVICE.stub() as server,
        sending(SERVICE.receiver(server.url, tmp_path)) as sender,
    ):
        sender.send(notification("r", alert(severity=severity)), START)
        (request,) = server.requests
    assert request.json["priority"] == priority
    assert request.json["tags"] == ["Low", severity]


def test_an_alert_is_closed_by_the_alias_that_it_was_opened_with(
    tmp_path: Path,
) -> None:
    over = alert(state=AlertState.RESOLVED)
    with (
        SERVICE.stub() as server,
        sending(SERVICE.receiver(server.url, tmp_path)) as sender,
    ):
        sender.send(notification("r", alert(), key="1"), START)
        sender.send(notification("r", over, key="2"), START)
        opened, closed = server.requests
    alias = opened.json["alias"]
    assert closed.path == f"/v2/alerts/{alias}/close?identifierType=alias"
    assert closed.json == {"source": "token-monitor", "note": "resolved after 1m"}


def test_a_retry_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    three = [alert(plan) for plan in "abc"]
    with (
        SERVICE.stub(SERVICE.taken, status(503)) as server,
        sending(SERVICE.receiver(server.url, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r", *three))
        sender.send(notification("r", *three), START)
        tried = aliases(server.requests)
    a, b, c = (one.fingerprint for one in three)
    assert (error.reason, error.recoverable) == ("http_503", True)
    assert tried == [a, b, b, c]


def test_one_that_is_refused_for_good_takes_no_other_with_it(tmp_path: Path) -> None:
    three = [alert(plan) for plan in "abc"]
    with (
        SERVICE.stub(status(422, body=b"bad")) as server,
        sending(SERVICE.receiver(server.url, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r", *three))
        assert len(server.requests) == 3
    assert (error.reason, error.recoverable) == ("http_422", False)
    assert error.message == "1 of 3 alerts: HTTP 422: bad"
