from __future__ import annotations

import itertools
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.model.alerts import Delivery, Notification, ReceiverHealth
from monitor.model.settings import Receiver
from monitor.notify.manager import Deliveries
from monitor.storage import OutboxView, State
from monitor.timing.clock import AnchoredClock, SettableClock
from tests.notify.delivering import CLOCK, delivering
from tests.notify.far_end import (
    Answer,
    FarEnd,
    Reported,
    Request,
    alert,
    far_end,
    has_ended,
    receiver,
    stall,
    status,
    trickle,
    until,
)
from tests.support.servers import free_port

FOR_LONG = 300.0
"""As jitter: a wait that no test sees the end of."""


@pytest.fixture
def state() -> Iterator[State]:
    opened = State()
    yield opened
    opened.close()


@pytest.fixture
def reported() -> Reported:
    return Reported()


@contextmanager
def deliveries(
    state: State,
    reported: Reported,
    *receivers: Receiver,
    jitter: float = 0.0,
    first: float | None = None,
    is_started: bool = True,
    clock: SettableClock = CLOCK,
) -> Iterator[Deliveries]:
    """Deliver; `first` is what the jitter gives once, before it is `jitter` for good."""
    numbers = itertools.chain(
        [] if first is None else [first], itertools.repeat(jitter)
    )
    with delivering(
        receivers,
        reported,
        state=state,
        jitter=numbers,
        clock=clock,
        is_started=is_started,
    ) as made:
        yield made


def put(
    state: State,
    *keys: str,
    receiver: str = "hook",
    at: datetime | None = None,
    rule: str = "Low",
) -> None:
    group = {"alertname": rule, "target": "main"}
    made = [
        Notification(receiver, key, group, (alert(),), at or CLOCK.now())
        for key in keys
    ]
    state.record({}, (), made)


def keys(server: FarEnd) -> list[str]:
    return [request.headers["idempotency-key"] for request in server.requests]


def test_what_was_due_before_the_start_is_sent_and_leaves_the_outbox(
    state: State, reported: Reported
) -> None:
    put(state, "1")
    with (
        far_end() as server,
        deliveries(state, reported, receiver(f"{server.url}/hook")) as made,
    ):
        until(lambda: reported.deliveries)
        (request,) = server.requests
        assert made.status() == {"hook": ReceiverHealth()}
    assert (
        request.path,
        request.json["receiver"],
        request.json["alerts"][0]["labels"]["plan"],
    ) == (
        "/hook",
        "hook",
        "pro",
    )
    assert state.outbox() == {}
    (delivery,) = reported.deliveries
    assert (delivery.receiver, delivery.reason, delivery.notifications) == (
        "hook",
        "",
        1,
    )


def test_what_becomes_due_is_sent_in_order_when_asked_to(
    state: State, reported: Reported
) -> None:
    with far_end() as server, deliveries(state, reported, receiver(server.url)) as made:
        for number in range(5):
            put(state, f"{number}a", f"{number}b")
            made.poke()
        until(lambda: len(reported.deliveries) == 10)
        assert keys(server) == [
            f"{number}{letter}" for number in range(5) for letter in "ab"
        ]
        assert {request.connection for request in server.requests} == {1}


@pytest.mark.alone
def test_a_change_reaches_the_receiver_within_milliseconds(
    state: State, reported: Reported
) -> None:
    delays = []
    with far_end() as server, deliveries(state, reported, receiver(server.url)) as made:
        for number in range(21):
            put(state, str(number))
            began = time.monotonic()
            made.poke()
            until(lambda wanted=number: len(server.requests) > wanted)  # type: ignore[misc] # the loop's number
            delays.append(server.requests[-1].at - began)
    assert statistics.median(delays) < 0.25


def test_the_headers_of_the_receiver_are_sent(state: State, reported: Reported) -> None:
    put(state, "1")
    with far_end() as server:
        hook = receiver(
            server.url,
            headers={"Authorization": "Bearer x", "Content-Type": "application/x"},
        )
        with deliveries(state, reported, hook):
            until(lambda: reported.deliveries)
        (request,) = server.requests
    assert request.headers["authorization"] == "Bearer x"
    assert request.headers["idempotency-key"] == "1"
    assert request.headers["user-agent"].startswith("token-monitor/")


def test_trouble_is_tried_again_with_the_same_key_and_nothing_overtakes(
    state: State, reported: Reported
) -> None:
    put(state, "1", "2")
    with far_end(status(500), status(429), status(408)) as server:
        with deliveries(state, reported, receiver(server.url)):
            until(lambda: len(reported.deliveries) == 5)
        assert keys(server) == ["1", "1", "1", "1", "2"]
        assert {request.body for request in server.requests[:4]} == {
            server.requests[0].body
        }
    assert reported.reasons() == ["http_500", "http_429", "http_408", "", ""]
    assert {delivery.recoverable for delivery in reported.deliveries} == {True}


def failing_for(*wanted: str) -> Callable[[Request], Answer]:
    """Answer 500 to notifications with these keys, and take all others."""
    return lambda request: status(
        500 if request.headers["idempotency-key"] in wanted else 200
    )


def test_one_that_is_never_taken_delays_no_other(
    state: State, reported: Reported
) -> None:
    put(state, "poison", rule="Poison")
    put(state, "behind it", rule="Poison")
    with (
        far_end(otherwise=failing_for("poison")) as server,
        deliveries(state, reported, receiver(server.url), jitter=0.001) as made,
    ):
        until(lambda: keys(server).count("poison") > 5)
        for number in range(20):
            put(state, str(number), rule=f"Rule{number}")
            made.poke()
        until(lambda: state.outbox()["hook"].waiting == 2)
    assert [key for key in keys(server) if key != "poison"] == [
        str(number) for number in range(20)
    ]
    assert state.outbox()["hook"].waiting == 2


def test_a_receiver_that_takes_nothing_is_tried_with_one_after_the_other_until_it_takes_one(
    state: State, reported: Reported
) -> None:
    for number in range(9):
        put(state, str(number), rule=f"Rule{number}")
    with far_end(*[status(503)] * 12) as server:
        # The first waits for long: however late the second is tried, the first is not due again before.
        with deliveries(
            state, reported, receiver(server.url), jitter=0.001, first=FOR_LONG
        ):
            until(lambda: not state.outbox())
        tried = keys(server)
    assert tried[:9] == [str(number) for number in range(9)], (
        "each has one attempt before any has two"
    )
    assert sorted(tried[12:]) == [str(number) for number in range(9)]
    assert tried[13:] == sorted(tried[13:]), (
        "once one is taken the others follow, the oldest first"
    )


def test_a_receiver_that_takes_nothing_is_not_tried_with_all_that_waits(
    state: State, reported: Reported
) -> None:
    for number in range(9):
        put(state, str(number), rule=f"Rule{number}")
    with far_end(*[status(503)] * 99) as server:
        with deliveries(
            state, reported, receiver(server.url), jitter=0.999, first=FOR_LONG
        ):
            until(lambda: len(server.requests) >= 3)
        _, second, third, *_ = server.requests
    assert third.at - second.at > 1.9


def test_what_is_refused_for_good_is_given_up_counted_and_kept(
    state: State, reported: Reported
) -> None:
    put(state, "1", "2")
    with far_end(status(400, body=b"bad body"), status(422)) as server:
        with deliveries(state, reported, receiver(server.url)) as made:
            until(lambda: len(reported.deliveries) == 2)
            failing = made.status()["hook"]
            assert (failing.waiting, failing.reason) == (0, "http_422")
            assert failing.failing_since == reported.deliveries[0].at
            put(state, "3")
            made.poke()
            until(lambda: len(reported.deliveries) == 3)
            assert made.status()["hook"].failing_since is None
            assert made.status()["hook"].reason == "http_422"
        assert keys(server) == ["1", "2", "3"]
    assert [
        (delivery.reason, delivery.recoverable) for delivery in reported.deliveries
    ] == [
        ("http_400", False),
        ("http_422", False),
        ("", True),
    ]
    _, second, first = state.deliveries(9)
    assert (first.key, first.is_given_up, first.delivery.message) == (
        "1",
        True,
        "HTTP 400: bad body",
    )
    assert (second.key, second.is_given_up, second.alerts) == ("2", True, (alert(),))


def test_retry_after_wins_over_our_own_wait_and_over_a_poke(
    state: State, reported: Reported
) -> None:
    put(state, "1")
    with far_end(status(429, headers="Retry-After: 1\r\n")) as server:
        with deliveries(state, reported, receiver(server.url)) as made:
            until(lambda: reported.deliveries)
            until(lambda: len(reported.deliveries) == 2, meanwhile=made.poke)
        first, second = server.requests
    assert second.at - first.at > 0.95


def test_retry_after_holds_for_all_that_waits(state: State, reported: Reported) -> None:
    put(state, "1")
    put(state, "2", rule="Other")
    with far_end(status(429, headers="Retry-After: 1\r\n")) as server:
        with deliveries(state, reported, receiver(server.url)) as made:
            until(lambda: reported.deliveries)
            until(lambda: len(reported.deliveries) == 3, meanwhile=made.poke)
        first, *later = server.requests
    assert min(request.at for request in later) - first.at > 0.95


def test_a_wait_is_not_shorter_than_the_jitter_says(
    state: State, reported: Reported
) -> None:
    put(state, "1")
    with far_end(status(500), status(500)) as server:
        with deliveries(state, reported, receiver(server.url), jitter=0.25):
            until(lambda: len(reported.deliveries) == 3)
        first, second, third = [request.at for request in server.requests]
    assert second - first > 0.24
    assert third - second > 0.49


def test_a_receiver_that_is_down_gets_everything_when_it_is_back(
    state: State, reported: Reported
) -> None:
    port = free_port()
    put(state, "1", "2", "3")
    with deliveries(
        state, reported, receiver(f"http://127.0.0.1:{port}/hook"), jitter=0.02
    ) as made:
        until(lambda: len(reported.deliveries) >= 3)
        status_now = made.status()["hook"]
        assert (status_now.waiting, status_now.reason) == (3, "refused")
        assert status_now.message == f"127.0.0.1:{port}: connection refused"
        assert status_now.failing_since == reported.deliveries[0].at
        assert set(reported.reasons()) == {"refused"}
        with far_end(port=port) as server:
            until(lambda: not state.outbox())
            assert keys(server) == ["1", "2", "3"]


def test_a_timeout_after_the_receiver_took_it_is_sent_again_with_the_same_key(
    state: State, reported: Reported
) -> None:
    put(state, "1")
    with far_end(stall, trickle(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")) as server:
        with deliveries(
            state, reported, receiver(server.url, timeout=timedelta(seconds=0.2))
        ):
            until(lambda: not state.outbox())
        assert len(keys(server)) >= 3
        assert set(keys(server)) == {"1"}
    *timeouts, taken = reported.reasons()
    assert len(timeouts) >= 2, "a machine that stands still makes more of them"
    assert (set(timeouts), taken) == ({"timeout"}, "")


def test_a_receiver_that_hangs_delays_no_other(
    state: State, reported: Reported
) -> None:
    put(state, "slow")
    with far_end(stall) as slow, far_end() as quick:
        receivers = (
            receiver(slow.url, timeout=timedelta(minutes=5)),
            receiver(quick.url, name="quick"),
        )
        with deliveries(state, reported, *receivers) as made:
            until(lambda: slow.requests)
            put(state, "1", receiver="quick")
            made.poke()
            until(lambda: reported.reasons("quick"))
            assert made.status()["hook"].waiting == 1
        until(lambda: has_ended("deliver hook"))
        assert reported.reasons("quick") == [""]


def test_the_address_is_read_from_its_file_at_each_attempt(
    state: State, reported: Reported, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    put(state, "1")
    hook = receiver(url_file=file)
    with far_end() as server, deliveries(state, reported, hook, jitter=0.02):
        until(lambda: reported.deliveries)
        file.write_text("not an address: s3cret-token")
        until(lambda: "bad_url" in reported.reasons())
        file.write_text(f"{server.url}/s3cret-token\n")
        until(lambda: not state.outbox())
        assert [request.path for request in server.requests] == ["/s3cret-token"]
    assert reported.deliveries[0].reason == "url_file"
    assert reported.deliveries[0].message == f"{file}: No such file or directory"
    assert "s3cret-token" not in "".join(
        delivery.message for delivery in reported.deliveries
    )


def test_draining_tries_all_that_waits_once_more_also_before_its_time(
    state: State, reported: Reported
) -> None:
    put(state, "1", "2")
    with (
        far_end(status(500)) as server,
        deliveries(state, reported, receiver(server.url), jitter=FOR_LONG) as made,
    ):
        until(lambda: reported.deliveries)
        put(state, "3", at=CLOCK.now() + timedelta(hours=1))
        made.drain(30)
        assert keys(server) == ["1", "1", "2", "3"]
    assert state.outbox() == {}


def test_draining_stops_when_two_fail_and_at_its_deadline(
    state: State, reported: Reported
) -> None:
    put(state, "1")
    put(state, "2", rule="Other")
    with far_end(status(500), status(500), status(503), status(503), stall) as server:
        hook = receiver(server.url, timeout=timedelta(minutes=5))
        with deliveries(state, reported, hook, jitter=FOR_LONG) as made:
            until(lambda: len(reported.deliveries) == 2)
            made.drain(30)
            assert reported.reasons() == [
                "http_500",
                "http_500",
                "http_503",
                "http_503",
            ]
            began = time.monotonic()
            made.drain(0.2)
            assert 0.15 < time.monotonic() - began < 30
        until(lambda: has_ended("deliver hook"))
    assert state.outbox()["hook"].waiting == 2


def test_draining_what_was_never_started_returns(
    state: State, reported: Reported
) -> None:
    with deliveries(
        state, reported, receiver("http://127.0.0.1:9"), is_started=False
    ) as made:
        made.drain(5)
    assert reported.deliveries == []


def test_a_defect_in_the_outbox_does_not_end_the_worker(reported: Reported) -> None:
    broken = State()
    broken.close()
    with deliveries(broken, reported, receiver("http://127.0.0.1:9")):
        until(lambda: reported.deliveries)
    assert (reported.deliveries[0].reason, reported.deliveries[0].message) == (
        "internal",
        "ProgrammingError",
    )


class Counting(State):
    """Counts how often it was asked what waits."""

    asked = 0

    def outbox(self) -> Mapping[str, OutboxView]:
        self.asked += 1
        return super().outbox()


def test_the_status_of_all_receivers_asks_the_outbox_once(reported: Reported) -> None:
    hooks = [receiver("http://127.0.0.1:9", name=name) for name in "abc"]
    with (
        closing(Counting()) as state,
        deliveries(state, reported, *hooks, is_started=False) as made,
    ):
        put(state, "1", "2", receiver="b")
        waiting = {name: status.waiting for name, status in made.status().items()}
        assert (waiting, state.asked) == ({"a": 0, "b": 2, "c": 0}, 1)


def test_what_was_taken_while_the_state_is_locked_is_recorded_later_and_sent_once(
    reported: Reported, tmp_path: Path
) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(str(path), busy_seconds=0.05)) as state, far_end() as server:
        put(state, "1", "2")
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with deliveries(state, reported, receiver(server.url)) as made:
            until(
                lambda: reported.reasons().count("internal") >= 3, meanwhile=made.poke
            )
            assert keys(server) == ["1"]
            assert reported.reasons()[0] == ""
            assert made.status()["hook"].failing_since is not None
            shell.close()
            until(lambda: not state.outbox(), meanwhile=made.poke)
            until(lambda: reported.reasons()[-1] == "")
            assert made.status()["hook"].failing_since is None
        assert keys(server) == ["1", "2"]
        assert [(past.key, past.delivery.reason) for past in state.deliveries(9)] == [
            ("2", ""),
            ("1", ""),
        ]


def test_what_was_taken_while_the_state_is_locked_is_not_sent_again_by_who_delivers_after_reloads(
    reported: Reported, tmp_path: Path
) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(str(path), busy_seconds=0.05)) as state, far_end() as server:
        put(state, "1", "2")
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        hook = receiver(server.url)
        with deliveries(state, reported, hook) as made:
            until(lambda: "internal" in reported.reasons(), meanwhile=made.poke)
            for minutes in (1, 2):
                changed = replace(hook, repeat_interval=timedelta(minutes=minutes))
                made.apply([changed], external_url="https://monitor")
            shell.close()
            until(lambda: not state.outbox(), meanwhile=made.poke)
        assert keys(server) == ["1", "2"]
        assert [past.key for past in state.deliveries(9)] == ["2", "1"]


@pytest.mark.parametrize(("code", "past"), [(200, [""]), (500, ["", "http_500"])])
def test_a_locked_state_does_not_leave_a_receiver_failing_that_has_nothing_to_get(
    reported: Reported, tmp_path: Path, code: int, past: list[str]
) -> None:
    path = tmp_path / "state.sqlite"
    with (
        closing(State(str(path), busy_seconds=0.05)) as state,
        far_end(status(code)) as server,
    ):
        put(state, "1")
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with deliveries(state, reported, receiver(server.url)) as made:
            until(
                lambda: reported.reasons().count("internal") >= 2, meanwhile=made.poke
            )
            assert reported.reasons()[0] == past[-1]
            assert made.status()["hook"].failing_since is not None
            shell.close()
            until(lambda: not state.outbox(), meanwhile=made.poke)
            until(lambda: made.status()["hook"].failing_since is None)
        assert keys(server) == ["1"] * len(past)
        assert [one.delivery.reason for one in state.deliveries(9)] == past


def test_what_is_too_old_is_reported_not_sent_and_no_trouble_of_the_receiver(
    reported: Reported,
) -> None:
    day = timedelta(hours=24)
    with closing(State()) as state, far_end() as server:
        put(state, "old", at=CLOCK.now() - day)
        put(state, "1", "2")
        with deliveries(state, reported, receiver(server.url)) as made:
            until(lambda: not state.outbox() and len(reported.deliveries) == 3)
            assert made.status()["hook"] == ReceiverHealth()
        assert keys(server) == ["1", "2"]
        assert [(one.reason, one.recoverable) for one in reported.deliveries] == [
            ("expired", False),
            ("", True),
            ("", True),
        ]
        assert [past.key for past in state.deliveries(9) if past.is_given_up] == ["old"]


class Later(AnchoredClock):
    """Tells the time as it will be `by` later."""

    by = timedelta(0)

    def reading(self) -> tuple[datetime, timedelta]:
        at, clock_shift = super().reading()
        return at + self.by, clock_shift


def test_what_has_waited_too_long_is_given_up_while_its_receiver_is_down(
    reported: Reported,
) -> None:
    clock = Later()
    with closing(State()) as state:
        put(state, "1")
        hook = receiver(f"http://127.0.0.1:{free_port()}")
        with deliveries(state, reported, hook, jitter=FOR_LONG, clock=clock) as made:
            until(lambda: made.status()["hook"].untaken)
            clock.by = timedelta(hours=25)
            made.poke()
            until(lambda: "expired" in reported.reasons())
            until(lambda: not state.outbox())
            assert made.status()["hook"].reason == "refused"
            assert made.status()["hook"].failing_since == reported.deliveries[0].at
            assert made.status()["hook"].untaken is None


class Stuck:
    """Keeps every worker that tells it something."""

    def __init__(self) -> None:
        self.held: list[Delivery] = []
        self.free = threading.Event()

    def __call__(self, delivery: Delivery) -> None:
        self.held.append(delivery)
        self.free.wait()


def test_closing_waits_once_for_all_that_cannot_be_cut(state: State) -> None:
    stuck = Stuck()
    hooks = [receiver("http://127.0.0.1:9", name=name) for name in "abc"]
    for hook in hooks:
        put(state, "1", receiver=hook.name)
    with delivering(hooks, stuck, state=state, jitter=0.5) as made:
        until(lambda: len(stuck.held) == 3)
        began = time.monotonic()
        made.close()
        assert 1.9 < time.monotonic() - began < 5.7, "two seconds for each would be six"
        stuck.free.set()


def test_requests_are_whole(state: State, reported: Reported) -> None:
    put(state, *map(str, range(20)))
    with far_end() as server, deliveries(state, reported, receiver(server.url)):
        until(lambda: len(reported.deliveries) == 20)
        requests: list[Request] = server.requests
        assert all(
            int(request.headers["content-length"]) == len(request.body)
            for request in requests
        )
