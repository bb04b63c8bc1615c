"""The timer on clocks that are not the machine's: APScheduler has to ask ours."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from monitor.collector.timer import Timer
from tests.support.calls import steps

LONG_AGO = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
MOMENT = timedelta(milliseconds=30)
YEAR = timedelta(days=365)


class FarClock:
    """A clock that goes as the machine's does, but shows another century."""

    def __init__(self) -> None:
        self._began_seconds = time.monotonic()

    def now(self) -> datetime:
        passed = time.monotonic() - self._began_seconds
        return LONG_AGO + timedelta(seconds=passed)


class Calls:
    """A timer, and what it called: each name with the instant by its own clock."""

    def __init__(self) -> None:
        self.clock = FarClock()
        self.timer = Timer(self.clock.now)
        self.due: dict[str, datetime | None] = {}
        self._made: queue.SimpleQueue[tuple[str, datetime]] = queue.SimpleQueue()

    def plan(self, name: str, due: datetime | None, then: datetime | None) -> None:
        """Have a name called when it is due, and then at the next time."""

        def call() -> None:
            self.due[name] = then
            self.note(name)

        self.due[name] = due
        self.timer.set(name, due=lambda: self.due[name], call=call)

    def note(self, name: str) -> None:
        self._made.put((name, self.clock.now()))

    def next(self) -> tuple[str, datetime]:
        return self._made.get(timeout=30)

    def are_over(self) -> bool:
        return self._made.empty()


@pytest.fixture
def calls() -> Iterator[Calls]:
    one = Calls()
    yield one
    one.timer.stop()


def test_it_waits_by_the_clock_that_it_is_given_and_is_never_early(
    calls: Calls,
) -> None:
    due = calls.clock.now() + MOMENT
    later = due + MOMENT
    calls.plan("soon", due, later)
    calls.plan("in a year", due + YEAR, None)
    calls.plan("never", None, None)
    calls.timer.start()
    for expected in (due, later):
        calls.due["soon"] = expected
        name, at = calls.next()
        assert name == "soon"
        assert expected <= at < expected + timedelta(seconds=20)


def test_what_is_late_is_called_once_and_not_dropped(calls: Calls) -> None:
    calls.plan("late", LONG_AGO - YEAR, LONG_AGO + YEAR)
    calls.timer.start()
    assert calls.next()[0] == "late"
    calls.plan("other", LONG_AGO, LONG_AGO + YEAR)
    assert calls.next()[0] == "other"
    assert calls.are_over()


def test_a_time_that_changed_is_heard_of_when_it_is_asked_to_look_again(
    calls: Calls,
) -> None:
    calls.plan("one", LONG_AGO + YEAR, LONG_AGO + YEAR)
    calls.timer.start()
    calls.due["one"] = calls.clock.now()
    calls.timer.look_again()
    assert calls.next()[0] == "one"


def test_what_raises_is_called_again_and_holds_up_nothing(calls: Calls) -> None:
    def fail() -> None:
        raise MemoryError

    calls.timer.set("fails", due=calls.clock.now, call=fail)
    calls.plan("well", calls.clock.now() + 5 * MOMENT, LONG_AGO + YEAR)
    calls.timer.start()
    assert calls.next()[0] == "well"
    assert calls.timer.is_running()


def test_what_is_removed_is_not_called_and_may_be_gone_already(calls: Calls) -> None:
    calls.plan("gone", calls.clock.now() + 5 * MOMENT, None)
    calls.timer.start()
    calls.timer.remove("gone")
    calls.timer.remove("gone")
    calls.plan("last", calls.clock.now() + 6 * MOMENT, LONG_AGO + YEAR)
    assert calls.next()[0] == "last"
    assert calls.are_over()


def test_of_what_is_due_together_each_is_called_once_and_none_that_another_removed(
    calls: Calls,
) -> None:
    def remove() -> None:
        calls.due["first"] = None
        calls.timer.remove("second")
        # Plans all that is due once more, while it is being called.
        calls.timer.look_again()
        calls.note("first")

    calls.due["first"] = LONG_AGO
    calls.timer.set("first", due=lambda: calls.due["first"], call=remove)
    calls.plan("second", LONG_AGO, None)
    calls.plan("third", LONG_AGO, None)
    calls.timer.start()

    assert calls.next()[0] == "first"
    assert calls.next()[0] == "third"
    calls.plan("last", calls.clock.now(), None)
    assert calls.next()[0] == "last"
    assert calls.are_over()


def test_to_call_many_that_are_due_together_takes_a_dozen_calls_each(
    calls: Calls,
) -> None:
    made: list[int] = []

    def plan(number: int) -> None:
        due: list[datetime | None] = [LONG_AGO]

        def call() -> None:
            due[0] = None
            made.append(number)

        calls.timer.set(str(number), due=lambda: due[0], call=call)

    for number in range(100):
        plan(number)
    work = calls.timer.call_due

    assert steps(work) <= 100 * 11 + 50
    assert made == list(range(100))


def test_it_says_whether_it_runs(calls: Calls) -> None:
    assert not calls.timer.is_running()
    calls.timer.start()
    assert calls.timer.is_running()
    calls.timer.stop()
    assert not calls.timer.is_running()
    calls.timer.wake()


def test_after_its_end_it_may_be_given_things_and_asked_to_look_again(
    calls: Calls,
) -> None:
    calls.timer.start()
    calls.timer.stop()
    calls.plan("too late", LONG_AGO, None)
    calls.timer.look_again()
    assert calls.are_over()


def test_what_is_planned_while_it_starts_is_called_whatever_the_instant() -> None:
    for _ in range(300):
        calls = Calls()
        begun = threading.Barrier(2)

        def start(timer: Timer = calls.timer, begun: threading.Barrier = begun) -> None:
            begun.wait()
            timer.start()

        starter = threading.Thread(target=start)
        starter.start()
        begun.wait()
        calls.plan("one", LONG_AGO, LONG_AGO + YEAR)
        calls.timer.look_again()
        assert calls.next()[0] == "one"
        starter.join()
        calls.timer.stop()


def test_a_look_at_what_is_due_while_a_call_is_made_puts_off_nothing(
    calls: Calls,
) -> None:
    lookers: list[threading.Thread] = []
    rounds = 50

    def call() -> None:
        calls.due["one"] = calls.clock.now() + timedelta(milliseconds=1)
        # What it plans is far, and first for as long as this call is under way.
        looker = threading.Thread(
            target=calls.plan, args=("far", LONG_AGO + YEAR, LONG_AGO + YEAR)
        )
        looker.start()
        looker.join(0.005)
        lookers.append(looker)
        calls.note("one")

    calls.due["one"] = LONG_AGO
    calls.timer.set("one", due=lambda: calls.due["one"], call=call)
    calls.timer.start()
    for _ in range(rounds):
        assert calls.next()[0] == "one"
    for looker in lookers:
        looker.join(30)
