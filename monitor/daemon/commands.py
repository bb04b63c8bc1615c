"""What a message makes due outside of the pipeline, as values; carried out here, and nowhere else."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeAlias, assert_never

from monitor.model.settings import Job, JobKey

DeclareAnswer: TypeAlias = queue.SimpleQueue[None]
"""Takes the word that what somebody declared is recorded."""


@dataclass(frozen=True, slots=True)
class RunNow:
    """These jobs are worth running without waiting for their time."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class WakeReceivers:
    """Alerts or what waits in the outbox changed, and that is recorded."""


@dataclass(frozen=True, slots=True)
class ShiftTimes:
    """The machine's clock was set: instants that are kept anywhere move by this much."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class SetPace:
    """These jobs are to have so many times their own intervals."""

    stretches: Mapping[JobKey, int]


@dataclass(frozen=True, slots=True)
class ConfirmDeclared:
    """Who declared something, and waits, is to hear that it is recorded."""

    answer: DeclareAnswer


Command: TypeAlias = RunNow | WakeReceivers | ShiftTimes | SetPace | ConfirmDeclared
Commands: TypeAlias = Iterator[Command]


class Runner(Protocol):
    """Runs jobs."""

    def run_now(self, jobs: Iterable[Job]) -> None:
        """Run jobs without waiting for their time; returns at once."""


class Pacer(Protocol):
    """Says when jobs are due."""

    def stretch(self, stretches: Mapping[JobKey, int]) -> None:
        """Make the intervals of jobs so many times their own; returns at once."""


class Notifier(Protocol):
    """Delivers to the receivers."""

    def poke(self) -> None:
        """Wake every receiver's worker to look at what there is for it; returns at once."""

    def move(self, by: timedelta) -> None:
        """Move all instants that are kept."""


class Movable(Protocol):
    """Keeps instants."""

    def move(self, by: timedelta) -> None:
        """Move all instants that are kept."""


@dataclass(frozen=True, slots=True)
class Executor:
    """Carries commands out, in the pipeline's thread; never waits for anything outside."""

    runner: Runner
    notifier: Notifier
    heartbeat: Movable
    pacer: Pacer

    def carry_out(self, command: Command) -> None:
        """Do what a message has made due."""
        match command:
            case RunNow(jobs):
                self.runner.run_now(jobs)
            case WakeReceivers():
                self.notifier.poke()
            case ShiftTimes(by):
                self.notifier.move(by)
                self.heartbeat.move(by)
            case SetPace(stretches):
                self.pacer.stretch(stretches)
            case ConfirmDeclared(answer):
                answer.put(None)
            case _:
                assert_never(command)
