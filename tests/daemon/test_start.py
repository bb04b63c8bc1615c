"""The causes that keep the daemon from starting: how long each is tried, and what it is in the end."""

from __future__ import annotations

import errno
import io
import json
import sqlite3
from collections.abc import Iterator
from itertools import count

import pytest

from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import note_unreadable
from monitor.daemon.start import (
    Ending,
    Obstacle,
    StartError,
    obstacle_of,
    start_patiently,
)
from monitor.model.errors import (
    ConfigError,
    ListenError,
    MonitorError,
    Problem,
    StateError,
    StateInUseError,
    StateLockedError,
)
from monitor.telemetry.log import configure

WRONG = Problem("config.toml", "unknown key", "web.listn")
RENEWED = Problem("web.yml", "certificate and key do not fit", may_pass=True)


@pytest.mark.parametrize(
    ("error", "ending", "worth_seconds"),
    [
        (ConfigError((WRONG,)), Ending.BAD_CONFIG, 0),
        (ConfigError((WRONG, RENEWED)), Ending.BAD_CONFIG, 0),
        (ConfigError((RENEWED,)), Ending.FAILED, 60),
        (ListenError("no right", may_pass=False), Ending.BAD_CONFIG, 0),
        (ListenError("in use", may_pass=True), Ending.FAILED, 60),
        (StateError("of a newer version"), Ending.IN_USE, 0),
        (StateInUseError("in use", phase="running"), Ending.IN_USE, 5),
        (StateInUseError("in use", phase="starting"), Ending.FAILED, 60),
        (StateInUseError("in use", phase="stopping"), Ending.FAILED, 60),
        (StateInUseError("in use", phase=""), Ending.IN_USE, 15),
        (StateLockedError("a backup"), Ending.FAILED, 60),
        (MonitorError("the web server did not start"), Ending.FAILED, 60),
        (RuntimeError("can't start new thread"), Ending.FAILED, 60),
        (OSError(24, "Too many open files"), Ending.FAILED, 60),
        (MemoryError(), Ending.FAILED, 60),
        (sqlite3.OperationalError("disk I/O error"), Ending.FAILED, 60),
    ],
)
def test_each_cause_is_tried_as_long_as_it_may_pass_and_ends_as_what_it_is(
    error: Exception, ending: Ending, worth_seconds: float
) -> None:
    message = str(error) or type(error).__name__
    assert obstacle_of(error, 60) == Obstacle(message, ending, worth_seconds)


@pytest.mark.parametrize(
    ("number", "ending"),
    [
        (errno.EMFILE, Ending.FAILED),
        (errno.ENOMEM, Ending.FAILED),
        (errno.EIO, Ending.FAILED),
        (errno.ESTALE, Ending.FAILED),
        (errno.EACCES, Ending.BAD_CONFIG),
        (errno.ENOENT, Ending.BAD_CONFIG),
        (errno.EISDIR, Ending.BAD_CONFIG),
    ],
)
def test_a_file_that_the_machine_cannot_read_just_now_is_no_bad_configuration(
    number: int, ending: Ending
) -> None:
    problems = Problems()
    note_unreadable(Origin("config.toml"), OSError(number, "said"), problems)
    obstacle = obstacle_of(ConfigError(problems.in_order()), 60)
    assert obstacle is not None
    assert (obstacle.message, obstacle.ending) == (
        "config.toml: cannot be read: said",
        ending,
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("dictionary changed size"), KeyError("x"), TypeError("x")]
)
def test_a_defect_is_no_obstacle(error: Exception) -> None:
    assert obstacle_of(error, 60) is None


class Start:
    """A start that fails so often with these, and then succeeds; waits for nobody."""

    def __init__(self, *errors: Exception) -> None:
        self.stream = io.BytesIO()
        self.pauses: list[float] = []
        self._errors: Iterator[Exception] = iter(errors)
        self._stops_at = count(1000)

    def stopped_at(self, number: int) -> Start:
        """Be asked to stop in this pause."""
        self._stops_at = count(number)
        return self

    def attempt(self) -> str:
        for error in self._errors:
            raise error
        return "started"

    def pause(self, seconds: float) -> str:
        self.pauses.append(seconds)
        return "SIGTERM" if len(self.pauses) > next(self._stops_at) else ""

    def go(self, seconds: float = 60) -> str | None:
        log = configure(self.stream, libraries=False)
        return start_patiently(
            self.attempt, log, start_seconds=seconds, stopped_within=self.pause
        )

    def events(self) -> list[tuple[str, str]]:
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [(line["event"], line["message"]) for line in lines]


def test_what_passes_is_reported_once_and_what_comes_then_as_well() -> None:
    taken, locked = ListenError("taken", may_pass=True), StateLockedError("locked")
    start = Start(locked, locked, locked, taken, taken)
    assert start.go() == "started"
    assert start.events() == [("start.delayed", "locked"), ("start.delayed", "taken")]
    assert start.pauses == [0.25, 0.5, 1, 2, 4]


def test_one_who_is_asked_to_stop_meanwhile_stops() -> None:
    start = Start(*[StateLockedError("locked")] * 9).stopped_at(0)
    assert start.go() is None
    assert (
        json.loads(start.stream.getvalue().splitlines()[-1])["event"]
        == "monitor.stopped"
    )


def test_what_does_not_pass_ends_the_start_and_is_reported() -> None:
    start = Start(*[StateLockedError("locked")] * 9)
    with pytest.raises(StartError, match="locked") as failed:
        start.go(seconds=0)
    assert failed.value.ending is Ending.FAILED
    assert start.pauses == []


def test_a_defect_comes_through() -> None:
    with pytest.raises(KeyError):
        Start(KeyError("x")).go()
