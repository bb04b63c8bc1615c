from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.model.settings import Severity
from monitor.notify.test_alert import send_test_alert
from monitor.timing.clock import AnchoredClock
from tests.notify.far_end import far_end, receiver, stall, status

CLOCK = AnchoredClock()
SUMMARY = "This is a test of the receiver hook"


def test_a_webhook_gets_one_test_alert_whatever_it_filters() -> None:
    with far_end() as server:
        hook = receiver(
            f"{server.url}/hook",
            min_severity=Severity.CRITICAL,
            headers={"Authorization": "x"},
        )
        delivery = send_test_alert(hook, CLOCK, "https://monitor")
        (request,) = server.requests
    assert (delivery.receiver, delivery.reason, delivery.notifications) == (
        "hook",
        "",
        1,
    )
    assert (request.path, request.headers["authorization"]) == ("/hook", "x")
    assert (request.json["status"], request.json["receiver"]) == ("firing", "hook")
    (alert,) = request.json["alerts"]
    assert alert["labels"] == {"alertname": "TokenMonitorTest", "severity": "info"}
    assert alert["annotations"] == {"summary": SUMMARY}
    assert (
        abs((datetime.fromisoformat(alert["startsAt"]) - CLOCK.now()).total_seconds())
        < 60
    )


def test_each_test_alert_has_a_key_of_its_own() -> None:
    with far_end() as server:
        send_test_alert(receiver(server.url), CLOCK, "")
        send_test_alert(receiver(server.url), CLOCK, "")
        first, second = (
            request.headers["idempotency-key"] for request in server.requests
        )
    assert first != second


def test_every_address_of_an_alertmanager_gets_an_alert_that_ends_in_a_minute() -> None:
    with far_end() as one, far_end() as other:
        delivery = send_test_alert(
            receiver(one.url, other.url, kind="alertmanager"), CLOCK, "https://monitor"
        )
        sent = [request for server in (one, other) for request in server.requests]
    assert delivery.reason == ""
    assert [request.path for request in sent] == ["/api/v2/alerts"] * 2
    for request in sent:
        (alert,) = request.json
        ends_in = datetime.fromisoformat(alert["endsAt"]) - datetime.fromisoformat(
            alert["startsAt"]
        )
        assert timedelta(seconds=60) <= ends_in < timedelta(seconds=65)
        assert (alert["labels"]["alertname"], alert["annotations"]["summary"]) == (
            "TokenMonitorTest",
            SUMMARY,
        )


def test_one_address_that_fails_is_the_outcome() -> None:
    with far_end() as good, far_end(status(401, body=b"who?")) as bad:
        delivery = send_test_alert(
            receiver(good.url, bad.url, kind="alertmanager"), CLOCK, ""
        )
        assert len(good.requests) == 1
    assert (delivery.reason, delivery.message, delivery.recoverable) == (
        "http_401",
        "HTTP 401: who?",
        True,
    )


def test_it_is_not_tried_again() -> None:
    with far_end(status(500)) as server:
        assert send_test_alert(receiver(server.url), CLOCK, "").reason == "http_500"
        assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
def test_it_ends_in_time(kind: str) -> None:
    with far_end(stall) as server:
        hook = receiver(server.url, kind=kind, timeout=timedelta(seconds=0.2))
        began = time.monotonic()
        assert send_test_alert(hook, CLOCK, "").reason == "timeout"
        assert time.monotonic() - began < 20


class Stuck(Mapping[str, Path]):
    """Headers that cannot be read to the end, as on a disk that hangs."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def __iter__(self) -> Iterator[str]:
        self.free.wait()
        return iter(())

    def __len__(self) -> int:
        return 0

    def __getitem__(self, name: str) -> Path:
        raise KeyError(name)


def test_it_ends_in_time_also_where_nothing_can_be_cut() -> None:
    stuck = Stuck()
    hook = receiver(
        "http://127.0.0.1:9", timeout=timedelta(seconds=0.1), header_files=stuck
    )
    began = time.monotonic()
    try:
        delivery = send_test_alert(hook, CLOCK, "")
        assert time.monotonic() - began < 20
        assert (delivery.reason, delivery.message) == ("timeout", "no answer in time")
    finally:
        stuck.free.set()


def test_a_pipe_in_place_of_an_address_is_said_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "url")  # to open it would last until somebody writes
    delivery = send_test_alert(receiver(url_file=tmp_path / "url"), CLOCK, "")
    assert (delivery.reason, delivery.message) == (
        "url_file",
        f"{tmp_path}/url: is no regular file",
    )


def test_a_file_without_an_address_is_said(tmp_path: Path) -> None:
    delivery = send_test_alert(receiver(url_file=tmp_path / "url"), CLOCK, "")
    assert delivery.reason == "url_file"
