from __future__ import annotations

from pathlib import Path

import pytest

from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from tests.notify.delivering import failure_of, notification, sending
from tests.notify.far_end import START, Answer, Request, alert, status
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


NO_ALERT = status(404, body=b'{"message": "Alert does not exist", "took": 0.01}')
OVER = alert(state=AlertState.RESOLVED)


@pytest.mark.parametrize("kind", ["opsgenie", "jira"])
def test_what_was_deleted_there_needs_no_close(kind: str, tmp_path: Path) -> None:
    service = SERVICES[kind]
    gone = notification("r", OVER, alert("b", state=AlertState.RESOLVED), attempts=3)
    with (
        service.stub(NO_ALERT) as server,
        sending(service.receiver(server.url, tmp_path)) as sender,
    ):
        sender.send(gone, START)
        assert [one.path.split("/")[-1] for one in server.requests] == [
            "close?identifierType=alias"
        ] * 2


@pytest.mark.parametrize(
    ("one", "attempts", "answer"),
    [
        pytest.param(OVER, 2, NO_ALERT, id="it may be about to be created"),
        pytest.param(alert(), 9, NO_ALERT, id="what opens is not refused by that"),
        pytest.param(OVER, 9, status(404), id="that is no answer of the service"),
        pytest.param(OVER, 9, status(404, body=b"<html>"), id="nor is a web page"),
    ],
)
def test_any_other_404_is_one_of_the_address_and_tried_again(
    one: Alert, attempts: int, answer: Answer, tmp_path: Path
) -> None:
    with (
        SERVICE.stub(answer) as server,
        sending(SERVICE.receiver(server.url, tmp_path)) as sender,
    ):
        error = failure_of(sender, notification("r", one, attempts=attempts))
    assert (error.reason, error.recoverable) == ("http_404", True)
