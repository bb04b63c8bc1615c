from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.model.alerts import Alert, AlertState
from monitor.model.errors import DeliveryError
from monitor.model.settings import Receiver, Severity
from monitor.model.targets import PasswordSource
from monitor.notify.outbox import Sender
from monitor.notify.pagerduty.event import event
from monitor.notify.test_alert import send_test_alert
from monitor.timing.clock import AnchoredClock
from tests.notify.delivering import PAGE, failure_of, notification, sending
from tests.notify.far_end import (
    START,
    Answer,
    FarEnd,
    Request,
    alert,
    far_end,
    receiver,
    stall,
    status,
)

ROUTING_KEY = "R0123456789ABCDEF0123456789ABCDE"
ACCEPTED = status(
    202, body=b'{"status":"success","message":"Event processed","dedup_key":"x"}'
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "routing-key"
    path.write_text(f"{ROUTING_KEY}\n")
    return path


def pager(server: FarEnd, key_file: Path, **options: Any) -> Receiver:
    source = PasswordSource(file=key_file)
    return receiver(
        f"{server.url}/v2/enqueue",
        name="pager",
        kind="pagerduty",
        routing_key=source,
        **options,
    )


def failure(sender: Sender, *alerts: Alert, key: str = "key") -> DeliveryError:
    return failure_of(sender, notification("pager", *alerts, key=key))


def plans(requests: list[Request]) -> list[str]:
    by_key = {alert(plan).fingerprint: plan for plan in "abcde"}
    return [by_key[request.json["dedup_key"]] for request in requests]


def require_event(body: bytes) -> Any:
    """Check what PagerDuty's documentation of the Events API v2 demands."""
    assert len(body) <= 512 * 1000
    sent = json.loads(
        body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")
    )
    body.decode("ascii")
    assert isinstance(sent["routing_key"], str)
    assert len(sent["routing_key"]) == 32
    assert sent["event_action"] in ("trigger", "resolve")
    assert 1 <= len(sent["dedup_key"]) <= 255
    if sent["event_action"] == "resolve":
        assert set(sent) == {"routing_key", "event_action", "dedup_key"}
        return sent
    assert set(sent) <= {
        *(
            "routing_key",
            "event_action",
            "dedup_key",
            "client",
            "client_url",
            "links",
            "payload",
        )
    }
    for link in sent["links"]:
        assert set(link) == {"href", "text"}
        assert link["href"].startswith("https://")
    payload = sent["payload"]
    assert set(payload) == {
        *(
            "summary",
            "source",
            "severity",
            "timestamp",
            "component",
            "group",
            "class",
            "custom_details",
        ),
    }
    assert 1 <= len(payload["summary"]) <= 1024
    assert payload["source"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert datetime.fromisoformat(payload["timestamp"]).tzinfo is not None
    assert isinstance(payload["custom_details"], dict)
    return sent


def test_each_alert_is_one_event(key_file: Path) -> None:
    firing = alert(
        evidence=({"user_id": 7, "balance": None, "share": 0.5},),
        annotations=(
            ("description", "Nothing is left."),
            ("runbook_url", "https://wiki.example.com/low"),
            ("summary", "pro is low"),
        ),
        severity=Severity.CRITICAL,
    )
    resolved = alert("basic", state=AlertState.RESOLVED)
    with (
        far_end(ACCEPTED, ACCEPTED) as server,
        sending(pager(server, key_file)) as sender,
    ):
        sender.send(notification("pager", firing, resolved), START)
        one, two = server.requests
    assert one.path == "/v2/enqueue"
    assert one.headers["content-type"] == "application/json"
    assert require_event(one.body) == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": firing.fingerprint,
        "client": "token-monitor",
        "client_url": PAGE,
        "links": [
            {
                "href": f"{PAGE}/alerts/{firing.fingerprint}",
                "text": "Alert",
            },
            {"href": "https://wiki.example.com/low", "text": "Runbook"},
        ],
        "payload": {
            "summary": "pro is low",
            "source": "main",
            "severity": "critical",
            "timestamp": "2026-11-22T14:00:00+00:00",
            "component": "balances",
            "group": "token-monitor",
            "class": "Low",
            "custom_details": {
                "value": 9.0,
                "labels": {"plan": "pro", "severity": "critical", "target": "main"},
                "annotations": {
                    "description": "Nothing is left.",
                    "course": "firing, since 2026-11-22 13:58:00 UTC",
                },
                "evidence": [{"user_id": 7, "balance": None, "share": 0.5}],
            },
        },
    }
    assert require_event(two.body) == {
        "routing_key": ROUTING_KEY,
        "event_action": "resolve",
        "dedup_key": resolved.fingerprint,
    }


def test_a_retry_goes_on_with_what_was_not_taken(key_file: Path) -> None:
    five = [alert(plan) for plan in "abcde"]
    with far_end(ACCEPTED, ACCEPTED, status(503), *[ACCEPTED] * 9) as server:
        with sending(pager(server, key_file)) as sender:
            error = failure(sender, *five)
            assert (error.reason, error.recoverable) == ("http_503", True)
            sender.send(notification("pager", *five), START)
            assert plans(server.requests) == list("abccde")
            sender.send(notification("pager", *five, key="next"), START)
        with sending(pager(server, key_file)) as sender:
            error = failure(sender, *five)
            assert error.reason == "http_200", "the far end has no more 202"
        assert plans(server.requests[6:]) == list("abcdeab")


def test_one_that_is_refused_for_good_takes_no_other_with_it(key_file: Path) -> None:
    refusal = status(
        400, body=b'{"status":"invalid event","errors":["payload is invalid"]}'
    )
    three = [alert(plan) for plan in "abc"]
    with far_end(
        refusal, ACCEPTED, status(429, headers="Retry-After: 9\r\n"), ACCEPTED
    ) as server:
        with sending(pager(server, key_file)) as sender:
            first = failure(sender, *three)
            assert (first.reason, first.recoverable, first.retry_after_seconds) == (
                "http_429",
                True,
                9,
            )
            second = failure(sender, *three)
        assert plans(server.requests) == list("abcc")
    assert (second.reason, second.recoverable) == ("http_400", False)
    assert second.message.startswith("1 of 3 events: HTTP 400: ")


@pytest.mark.parametrize(
    ("answer", "reason", "is_recoverable"),
    [
        (status(400, body=b"Event object is invalid"), "http_400", False),
        (
            status(
                400,
                body=b"'routing_key' R is invalid".replace(b"R", ROUTING_KEY.encode()),
            ),
            "http_400",
            True,
        ),
        (status(403), "http_403", True),
        (status(404), "http_404", True),
        (status(413), "http_413", False),
        (status(500), "http_500", True),
        (status(302), "redirect", True),
        (status(200, body=b"<html>log in</html>"), "http_200", True),
    ],
)
def test_an_answer_says_whether_to_try_again(
    key_file: Path, answer: Answer, reason: str, is_recoverable: bool
) -> None:
    with far_end(answer) as server, sending(pager(server, key_file)) as sender:
        error = failure(sender)
        assert (error.reason, error.recoverable) == (reason, is_recoverable)
        assert ROUTING_KEY not in repr(error) + error.message


def test_all_events_together_have_one_time_limit(key_file: Path) -> None:
    def slowly(connection: socket.socket, ended: threading.Event) -> bool:
        ended.wait(0.15)
        return ACCEPTED(connection, ended)

    many = [alert(f"plan{number}") for number in range(10)]
    with far_end(*[slowly] * 40) as server:
        with sending(pager(server, key_file, timeout=timedelta(seconds=0.5))) as sender:
            assert failure(sender, *many).reason == "timeout"
            attempts, is_taken = 1, False
            while not is_taken and attempts < 30:
                attempts += 1
                with suppress(DeliveryError):
                    sender.send(notification("pager", *many), START)
                    is_taken = True
        assert is_taken
        assert len({request.json["dedup_key"] for request in server.requests}) == 10
        assert len(server.requests) < 10 + attempts, (
            "an attempt repeats no more than what it was cut at"
        )


def test_a_far_end_that_hangs_costs_the_time_limit(key_file: Path) -> None:
    hasty = timedelta(seconds=0.3)
    with (
        far_end(stall) as server,
        sending(pager(server, key_file, timeout=hasty)) as sender,
    ):
        began = time.monotonic()
        assert failure(sender, alert("a"), alert("b")).reason == "timeout"
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "text",
    [
        '<script> & "quoted" \\ \r\n\x00 \ud800',
        "é" * 1_000_000,
        "\x1b" * 1000,
        "'" * 200_000,
    ],
)
def test_hostile_texts_keep_to_the_limits(text: str) -> None:
    hostile = alert(
        annotations=tuple(
            (name, text) for name in ("description", "runbook_url", "summary", "zone")
        ),
        evidence=({"note": text, "share": math.nan},) * 10,
    )
    hostile = replace(hostile, value=math.inf)
    body = event(
        hostile,
        notification("pager", hostile),
        routing_key=ROUTING_KEY,
        external_url=PAGE,
    )
    assert require_event(body)["payload"]["custom_details"]["value"] == "+Inf"


def test_evidence_goes_first_where_the_body_is_too_long() -> None:
    big = alert(
        annotations=(("description", "d" * 100_000), ("summary", "s")),
        evidence=({"note": "x" * 90_000},) * 10,
    )
    details = require_event(
        event(
            big, notification("pager", big), routing_key=ROUTING_KEY, external_url=PAGE
        )
    )["payload"]["custom_details"]
    assert (len(details["annotations"]["description"]), len(details["evidence"])) == (
        100_000,
        2,
    )
    big = replace(big, evidence=({f"note{n}": "x" * 90_000 for n in range(9)},))
    details = require_event(
        event(
            big, notification("pager", big), routing_key=ROUTING_KEY, external_url=PAGE
        )
    )["payload"]["custom_details"]
    assert len(details["annotations"]["description"]) == 100_000
    assert details["evidence"] == "left out: too long"


def test_the_routing_key_is_read_at_each_attempt_and_shown_nowhere(
    tmp_path: Path,
) -> None:
    file = tmp_path / "key"
    with far_end(ACCEPTED, ACCEPTED) as server:
        hook = pager(server, file)
        with sending(hook) as sender:
            error = failure(sender)
            assert (error.reason, error.recoverable) == ("secret", True)
            assert error.message == f"{file}: No such file or directory"
            for key in ("1" * 32, "2" * 32):
                file.write_text(key)
                sender.send(notification("pager", key=key), START)
            assert [request.json["routing_key"] for request in server.requests] == [
                "1" * 32,
                "2" * 32,
            ]


def test_a_routing_key_can_come_from_a_variable() -> None:
    with far_end(ACCEPTED) as server:
        hook = receiver(
            f"{server.url}/v2/enqueue",
            kind="pagerduty",
            routing_key=PasswordSource(env="TM_TEST_ROUTING_KEY"),
        )
        os.environ["TM_TEST_ROUTING_KEY"] = ROUTING_KEY
        try:
            with sending(hook) as sender:
                sender.send(notification("pager"), START)
        finally:
            del os.environ["TM_TEST_ROUTING_KEY"]
        assert server.requests[0].json["routing_key"] == ROUTING_KEY


def test_a_receiver_can_be_tried(key_file: Path) -> None:
    with far_end(ACCEPTED) as server:
        assert (
            send_test_alert(pager(server, key_file), AnchoredClock(), "").reason == ""
        )
        sent = require_event(server.requests[0].body)
    assert (sent["payload"]["source"], sent["links"]) == ("token-monitor", [])
