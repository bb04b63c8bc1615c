"""What the pipeline is handed, and whom it tells of what it did: the words of the results queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from monitor.alerting.snapshot import Snapshot
from monitor.daemon.maintenance import UpkeepListener
from monitor.model.alerts import Delivery, Scope, Transition
from monitor.model.errors import SampleError
from monitor.model.results import Result
from monitor.model.settings import Config, Job


@dataclass(frozen=True, slots=True)
class Missed:
    """Runs that were due and not made."""

    job: Job
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A second has passed: what depends on time alone is judged again."""


@dataclass(frozen=True, slots=True)
class NewConfig:
    """From here on this configuration is in force."""

    config: Config


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing comes after this."""


Message = Result | Missed | Delivery | Tick | NewConfig | Stop


class Listener(UpkeepListener, Protocol):
    """What is told of things as they happen, in the pipeline's thread; must be quick and never raise."""

    def on_result(self, result: Result, before: Snapshot, after: Snapshot) -> None:
        """Hear of a run's result, folded into the snapshot."""

    def on_missed(self, job: Job, count: int) -> None:
        """Hear of missed runs."""

    def on_transitions(self, transitions: tuple[Transition, ...]) -> None:
        """Hear of alerts that changed, after they and their notifications were recorded."""

    def on_refused(self, counts: Mapping[str, int]) -> None:
        """Hear how many alerts that began were not put in a receiver's outbox, since it is full."""

    def on_wanted(self, jobs: list[Job]) -> None:
        """Hear which jobs a result makes worth running at once."""

    def on_crash(self, message: object, error: Exception) -> None:
        """Hear of a message that a bug kept from being taken."""

    def on_clock_moved(self, by: timedelta) -> None:
        """Hear that the machine's clock was set, after all instants that are kept were moved."""

    def on_unjudged(self, scope: Scope, error: SampleError) -> None:
        """Hear of a rule whose findings could not become alerts."""
