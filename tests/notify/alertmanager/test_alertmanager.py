from __future__ import annotations

import itertools
import json
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.model.alerts import Alert, AlertState
from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Receiver, Severity
from monitor.notify.manager import Deliveries
from monitor.timing.shift import moved
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import (
    FarEnd,
    Reported,
    alert,
    far_end,
    has_ended,
    receiver,
    stall,
    status,
    until,
)
from tests.support.servers import free_port

RARELY = timedelta(minutes=1)
OFTEN = timedelta(milliseconds=50)
FOR_LONG = 300.0
"""As jitter: a wait that no test sees the end of."""


class Alerts:
    """What the program would say is active."""

    def __init__(self, *alerts: Alert) -> None:
        self.now: Sequence[Alert] = alerts
        self.is_broken = False

    def __call__(self) -> Sequence[Alert]:
        if self.is_broken:
            raise LookupError
        return self.now


@pytest.fixture
def reported() -> Reported:
    return Reported()


def alertmanager(
    *urls: str, resend_delay: timedelta = RARELY, **options: Any
) -> Receiver:
    return receiver(
        *urls, name="am", kind="alertmanager", resend_delay=resend_delay, **options
    )


@contextmanager
def deliveries(
    alerts: Alerts, reported: Reported, *receivers: Receiver, jitter: float = 0.999
) -> Iterator[Deliveries]:
    with delivering(receivers, reported, snapshot=alerts, jitter=jitter) as made:
        yield made


def fresh(plan: str = "pro", **options: Any) -> Alert:
    return alert(plan, at=CLOCK.now() - timedelta(minutes=1), **options)


def plans(server: FarEnd) -> list[list[str]]:
    return [
        [one["labels"]["plan"] for one in request.json] for request in server.requests
    ]


def seconds_ahead(instant: str) -> float:
    return (datetime.fromisoformat(instant) - CLOCK.now()).total_seconds()


def test_what_is_active_is_sent_at_the_start_and_at_each_change(
    reported: Reported,
) -> None:
    alerts = Alerts(fresh("a"))
    with (
        far_end() as server,
        deliveries(alerts, reported, alertmanager(f"{server.url}/am/")) as made,
    ):
        until(lambda: reported.deliveries)
        alerts.now = [
            fresh("b"),
            replace(alerts.now[0], state=AlertState.RESOLVED, resolved_at=CLOCK.now()),
        ]
        made.poke()
        until(lambda: len(reported.deliveries) == 2)
        assert plans(server) == [["a"], ["a", "b"]]
        first, second = server.requests
        assert first.path == "/am/api/v2/alerts"
        assert first.connection == second.connection
        (firing,) = first.json
        assert firing["generatorURL"].startswith("https://monitor/")
        alive = datetime.fromisoformat(firing["endsAt"]) - reported.deliveries[0].at
        assert 239 < alive.total_seconds() < 250
        assert -60 < seconds_ahead(second.json[0]["endsAt"]) <= 0
    assert [
        (delivery.reason, delivery.notifications) for delivery in reported.deliveries
    ] == [("", 1), ("", 2)]


def test_what_is_active_is_sent_again_and_again_also_when_it_is_held(
    reported: Reported,
) -> None:
    alerts = Alerts(fresh("a"), fresh("b", held=True, muted_by="f" * 16))
    with (
        far_end() as server,
        deliveries(alerts, reported, alertmanager(server.url, resend_delay=OFTEN)),
    ):
        until(lambda: len(server.requests) >= 4)
        assert plans(server)[:4] == [["a", "b"]] * 4
        gaps = [b.at - a.at for a, b in itertools.pairwise(server.requests)]
        assert min(gaps) >= 0.045
        ends = [request.json[0]["endsAt"] for request in server.requests]
        assert ends == sorted(ends)
        assert ends[0] < ends[-1]


def test_a_change_sends_what_changed_and_what_is_sent_again_unchanged_is_marked_so(
    reported: Reported,
) -> None:
    alerts = Alerts(fresh("a"))

    def after(count: int) -> bool:
        until(lambda: len(reported.deliveries) >= count)
        return reported.deliveries[count - 1].is_resend

    with (
        far_end(status(500)) as server,
        deliveries(alerts, reported, alertmanager(server.url), jitter=FOR_LONG) as made,
    ):
        assert after(1) is False
        assert reported.deliveries[0].reason == "http_500"
        made.poke()
        assert after(2) is False
        alerts.now = [
            replace(alerts.now[0], annotations=(("summary", "another value"),)),
            fresh("b"),
        ]
        made.poke()
        assert after(3) is False
        alerts.now = [
            alerts.now[0],
            replace(alerts.now[1], state=AlertState.RESOLVED, resolved_at=CLOCK.now()),
        ]
        made.poke()
        assert after(4) is False
        assert plans(server) == [["a"], ["a"], ["b"], ["b"]]
    reported.deliveries.clear()
    with (
        far_end() as server,
        deliveries(alerts, reported, alertmanager(server.url, resend_delay=OFTEN)),
    ):
        assert (after(1), after(2), after(3)) == (False, True, True)
        assert plans(server)[:3] == [["a", "b"]] * 3
        assert server.requests[1].json[0]["annotations"]["summary"] == "another value"


def test_what_an_alertmanager_has_forgotten_is_news_to_it(reported: Reported) -> None:
    with (
        far_end(status(200), *[status(500)] * 4) as server,
        deliveries(
            Alerts(fresh("a")),
            reported,
            alertmanager(server.url, resend_delay=OFTEN),
            jitter=0.999,
        ),
    ):
        until(lambda: reported.reasons("am").count("") >= 2)
        first_again = reported.deliveries[5]
        assert reported.reasons("am")[:6] == ["", *["http_500"] * 4, ""]
        assert (first_again.at - reported.deliveries[0].at) >= 4 * OFTEN
        assert first_again.is_resend is False


def test_all_is_sent_again_with_the_right_times_when_the_clock_was_set(
    reported: Reported,
) -> None:
    hour = timedelta(hours=1)
    alerts = Alerts(alert())
    with (
        far_end() as server,
        deliveries(alerts, reported, alertmanager(server.url)) as made,
    ):
        until(lambda: server.requests)
        alerts.now = moved(tuple(alerts.now), hour)
        made.move(hour)
        until(lambda: len(server.requests) == 2)
        first, second = (
            datetime.fromisoformat(one.json[0]["startsAt"]) for one in server.requests
        )
    assert second - first == hour


def test_nothing_active_sends_nothing(reported: Reported) -> None:
    alerts = Alerts()
    with (
        far_end() as server,
        deliveries(
            alerts, reported, alertmanager(server.url, resend_delay=OFTEN)
        ) as made,
    ):
        made.poke()
        alerts.now = [fresh("a")]
        until(lambda: server.requests)
        assert plans(server)[0] == ["a"]


@pytest.mark.alone
def test_a_change_reaches_the_alertmanager_within_milliseconds(
    reported: Reported,
) -> None:
    delays = []
    alerts = Alerts(fresh("a"))
    with (
        far_end() as server,
        deliveries(alerts, reported, alertmanager(server.url)) as made,
    ):
        until(lambda: reported.deliveries)
        for number in range(2, 22):
            alerts.now = [*alerts.now, fresh(str(number))]
            began = time.monotonic()
            made.poke()
            until(lambda wanted=number: len(reported.deliveries) == wanted)  # type: ignore[misc] # the loop's number
            delays.append(server.requests[-1].at - began)
    assert statistics.median(delays) < 0.25


def test_only_what_the_receiver_wants_is_sent_and_each_label_set_once(
    reported: Reported,
) -> None:
    again = fresh("again")
    alerts = Alerts(
        replace(again, state=AlertState.RESOLVED, resolved_at=CLOCK.now()),
        again,
        fresh("info", severity=Severity.INFO),
        fresh("pending", state=AlertState.PENDING),
        fresh("dog", name=WATCHDOG),
        fresh("gone", state=AlertState.RESOLVED),
    )
    with far_end() as server:
        with deliveries(
            alerts, reported, alertmanager(server.url, min_severity=Severity.WARNING)
        ):
            until(lambda: reported.deliveries)
        with deliveries(
            alerts,
            reported,
            alertmanager(
                server.url,
                min_severity=Severity.WARNING,
                send_resolved=False,
                watchdog=True,
            ),
        ):
            until(lambda: len(reported.deliveries) == 2)
        assert [sorted(sent) for sent in plans(server)] == [
            ["again", "gone"],
            ["again", "dog"],
        ]
        assert all(
            seconds_ahead(one["endsAt"]) > 0
            for request in server.requests
            for one in request.json
            if one["labels"]["plan"] == "again"
        )


def test_many_alerts_go_in_batches_of_256(reported: Reported) -> None:
    alerts = Alerts(*(fresh(f"{number:04}") for number in range(600)))
    with far_end() as server, deliveries(alerts, reported, alertmanager(server.url)):
        until(lambda: len(reported.deliveries) == 3)
        sent = plans(server)
    assert [len(batch) for batch in sent] == [256, 256, 88]
    assert sorted(plan for batch in sent for plan in batch) == [
        f"{number:04}" for number in range(600)
    ]


def test_every_address_is_notified_and_one_that_hangs_delays_no_other(
    reported: Reported,
) -> None:
    alerts = Alerts(fresh("a"))
    with (
        far_end(stall) as slow,
        far_end() as quick,
        deliveries(
            alerts,
            reported,
            alertmanager(slow.url, quick.url, timeout=timedelta(minutes=5)),
        ) as made,
    ):
        until(lambda: slow.requests and reported.deliveries)
        alerts.now = [*alerts.now, fresh("b")]
        made.poke()
        until(lambda: len(quick.requests) == 2)
        assert plans(slow) == [["a"]]
        until(lambda: made.status()["am"].waiting == 0)
        assert made.status()["am"].failing_since is None


def test_waiting_counts_what_no_address_took(reported: Reported) -> None:
    port = free_port()
    alerts = Alerts(fresh("a"), fresh("b"), fresh("unwanted", severity=Severity.INFO))
    receiving = alertmanager(
        f"http://127.0.0.1:{port}",
        "http://127.0.0.1:9",
        min_severity=Severity.WARNING,
        resend_delay=OFTEN,
    )
    with deliveries(alerts, reported, receiving) as made:
        until(lambda: made.status()["am"].failing_since)
        failing = made.status()["am"]
        assert (failing.waiting, failing.reason) == (2, "refused")
        assert failing.oldest_at == min(
            one.fired_at for one in alerts.now if one.fired_at
        )
        with far_end(port=port):
            until(lambda: made.status()["am"].waiting == 0)
            until(lambda: made.status()["am"].failing_since is None)
        until(lambda: made.status()["am"].waiting == 2)
        until(lambda: made.status()["am"].failing_since is not None)


def test_an_alertmanager_that_was_down_gets_what_fires_and_what_resolved_meanwhile(
    reported: Reported,
) -> None:
    port = free_port()
    gone = fresh("gone", state=AlertState.RESOLVED)
    with deliveries(
        Alerts(fresh("a"), gone),
        reported,
        alertmanager(f"http://127.0.0.1:{port}"),
        jitter=0.05,
    ):
        until(lambda: len(reported.deliveries) >= 2)
        with far_end(port=port) as server:
            until(lambda: server.requests)
            assert plans(server)[0] == ["a", "gone"]


def test_waits_after_failures_are_capped_by_the_resend_delay(
    reported: Reported,
) -> None:
    with far_end(*[status(500)] * 9) as server:
        receiving = alertmanager(server.url, resend_delay=timedelta(seconds=0.2))
        with deliveries(Alerts(fresh("a")), reported, receiving):
            until(lambda: len(reported.deliveries) >= 6)
        gaps = [b.at - a.at for a, b in itertools.pairwise(server.requests[:6])]
    # Uncapped, these five waits would be 15 seconds.
    assert min(gaps) > 0.19
    assert sum(gaps) < 12
    tried = {
        (delivery.reason, delivery.recoverable) for delivery in reported.deliveries[:6]
    }
    assert tried == {("http_500", True)}


def test_a_poke_cuts_a_wait_short(reported: Reported) -> None:
    with (
        far_end(status(500)) as server,
        deliveries(
            Alerts(fresh("a")),
            reported,
            alertmanager(server.url, resend_delay=timedelta(hours=1)),
            jitter=FOR_LONG,
        ) as made,
    ):
        until(lambda: reported.deliveries)
        made.poke()
        until(lambda: reported.reasons("am") == ["http_500", ""])


def test_retry_after_holds_against_a_poke(reported: Reported) -> None:
    with far_end(status(429, headers="Retry-After: 1\r\n")) as server:
        with deliveries(Alerts(fresh("a")), reported, alertmanager(server.url)) as made:
            until(lambda: reported.deliveries)
            until(lambda: len(reported.deliveries) >= 2, meanwhile=made.poke)
        first, second = server.requests[:2]
    assert second.at - first.at > 0.95


@pytest.mark.parametrize("code", [404, 302])
def test_even_what_other_receivers_would_give_up_is_tried_again(
    reported: Reported, code: int
) -> None:
    with far_end(status(code)) as server:
        with deliveries(
            Alerts(fresh("a")), reported, alertmanager(server.url), jitter=0.0
        ):
            until(lambda: len(reported.deliveries) == 2)
        assert plans(server) == [["a"], ["a"]]
    assert [delivery.recoverable for delivery in reported.deliveries] == [True, True]


class Picky:
    """An Alertmanager that refuses every batch with a poisonous plan in it."""

    def __init__(self, poison: set[str], code: int = 400) -> None:
        self.poison = poison
        self.code = code
        self.taken: list[str] = []
        self.server: FarEnd | None = None

    def __call__(self, connection: socket.socket, ended: threading.Event) -> bool:
        assert self.server is not None
        sent = [
            one["labels"]["plan"] for one in json.loads(self.server.requests[-1].body)
        ]
        if self.poison & set(sent):
            return status(self.code, body=b"bad label")(connection, ended)
        self.taken.extend(sent)
        return status(200)(connection, ended)


@pytest.mark.parametrize("code", [400, 413])
def test_poison_is_found_put_aside_counted_and_all_the_rest_arrives(
    reported: Reported, code: int
) -> None:
    picky = Picky({"0007", "0150"}, code)
    alerts = Alerts(*(fresh(f"{number:04}") for number in range(200)))
    with far_end(*[picky] * 200) as server:
        picky.server = server
        with deliveries(alerts, reported, alertmanager(server.url)) as made:
            until(lambda: len(picky.taken) == 198 and len(reported.reasons("am")) > 2)
            until(lambda: made.status()["am"].waiting == 2)
            assert sorted(picky.taken) == sorted(
                {f"{n:04}" for n in range(200)} - picky.poison
            )
            refused = [delivery for delivery in reported.deliveries if delivery.reason]
            assert [(d.reason, d.recoverable, d.notifications) for d in refused] == [
                (f"http_{code}", False, 1)
            ] * 2
            assert refused[0].message == f"Low: HTTP {code}: bad label"
            until(lambda: made.status()["am"].reason == f"http_{code}")
            until(lambda: made.status()["am"].failing_since is None)
            before = len(server.requests)
            alerts.now = [*alerts.now, fresh("0200")]
            made.poke()
            until(lambda: len(picky.taken) == 199)
            assert plans(server)[before:] == [["0200"]]


def test_what_was_put_aside_is_tried_again_when_it_changed_or_after_a_while(
    reported: Reported,
) -> None:
    picky = Picky({"bad"})
    alerts = Alerts(fresh("bad"), fresh("good"))
    with far_end(*[picky] * 500) as server:
        picky.server = server
        with deliveries(alerts, reported, alertmanager(server.url)) as made:
            until(lambda: made.status()["am"].reason == "http_400")
            picky.poison = set()
            alerts.now = [
                replace(alerts.now[0], annotations=(("summary", "other"),)),
                alerts.now[1],
            ]
            made.poke()
            until(lambda: "bad" in picky.taken)
        picky.poison, picky.taken = {"bad"}, []
        with deliveries(
            alerts, reported, alertmanager(server.url, resend_delay=OFTEN)
        ) as made:
            until(lambda: made.status()["am"].reason == "http_400")
            picky.poison = set()
            until(lambda: "bad" in picky.taken)


def test_an_address_that_refuses_everything_is_failing(reported: Reported) -> None:
    picky = Picky({"a", "b"})
    with far_end(*[picky] * 100) as server:
        picky.server = server
        with deliveries(
            Alerts(fresh("a"), fresh("b")), reported, alertmanager(server.url)
        ) as made:
            until(lambda: made.status()["am"].failing_since is not None)
            assert (made.status()["am"].waiting, made.status()["am"].reason) == (
                2,
                "http_400",
            )


def test_a_web_page_on_the_way_is_no_alertmanager_that_has_taken_something(
    reported: Reported,
) -> None:
    page = status(200, body=b"<!DOCTYPE html><title>Sign in</title>")
    with (
        far_end(page) as server,
        deliveries(
            Alerts(fresh()), reported, alertmanager(server.url), jitter=FOR_LONG
        ) as made,
    ):
        until(lambda: made.status()["am"].failing_since is not None)
        found = made.status()["am"]
        assert (found.waiting, found.reason) == (1, "http_200")


def test_an_address_with_nothing_to_be_sent_is_not_failing(reported: Reported) -> None:
    alerts = Alerts(fresh("a"))
    with (
        far_end(status(500)) as server,
        deliveries(alerts, reported, alertmanager(server.url), jitter=FOR_LONG) as made,
    ):
        until(lambda: made.status()["am"].failing_since is not None)
        alerts.now = []
        made.poke()
        until(lambda: made.status()["am"].failing_since is None)
        assert (len(server.requests), made.status()["am"].reason) == (1, "http_500")


def test_draining_sends_once_more_only_what_was_not_taken(reported: Reported) -> None:
    alerts = Alerts(fresh("a"))
    with (
        far_end(status(200), status(500)) as server,
        deliveries(alerts, reported, alertmanager(server.url), jitter=FOR_LONG) as made,
    ):
        until(lambda: made.status()["am"].waiting == 0)
        made.drain(30)
        assert plans(server) == [["a"]]
        alerts.now = [*alerts.now, fresh("b")]
        made.poke()
        until(lambda: len(reported.deliveries) == 2)
        made.drain(30)
        assert plans(server) == [["a"], ["b"], ["b"]]


def test_closing_cuts_what_hangs(reported: Reported) -> None:
    with far_end(stall) as server:
        with deliveries(
            Alerts(fresh("a")),
            reported,
            alertmanager(server.url, timeout=timedelta(minutes=5)),
        ):
            until(lambda: server.requests)
        until(lambda: has_ended("deliver am"))


def test_a_snapshot_that_fails_does_not_end_the_worker(reported: Reported) -> None:
    alerts = Alerts(fresh("a"))
    alerts.is_broken = True
    with (
        far_end() as server,
        deliveries(alerts, reported, alertmanager(server.url)) as made,
    ):
        until(lambda: reported.deliveries)
        assert (reported.deliveries[0].reason, reported.deliveries[0].message) == (
            "internal",
            "LookupError",
        )
        alerts.is_broken = False
        made.poke()
        until(lambda: server.requests)
