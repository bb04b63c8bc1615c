"""The words of the results queue: what the pipeline is handed, and the listener that logs what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from monitor.alerting.updates import Update
from monitor.daemon.commands import DeclareAnswer
from monitor.daemon.maintenance import MaintenanceListener
from monitor.model.alerts import Alert, Delivery, Scope, Transition
from monitor.model.declared import DeclareRequest
from monitor.model.deploys import DeployNews
from monitor.model.errors import SampleError
from monitor.model.results import Result
from monitor.model.settings import Config, Job
from monitor.model.silences import Acknowledge, MaintenanceWindow, SilenceNews


@dataclass(frozen=True, slots=True)
class Missed:
    """Runs that were due and not made."""

    job: Job
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A second has passed: what depends on time alone is evaluated again."""


@dataclass(frozen=True, slots=True)
class NewConfig:
    """From here on this configuration is in force."""

    config: Config


@dataclass(frozen=True, slots=True)
class Declare:
    """Somebody declares something, such as a deployment or a silence, and waits until that is recorded."""

    request: DeclareRequest
    answer: DeclareAnswer


@dataclass(frozen=True, slots=True)
class DeployFile:
    """A look at the file of `[deploys]`: the reason that is in it; None where it is not there."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing comes after this; it ends the thread, and the pipeline never sees it."""


Work: TypeAlias = Result | Missed | Delivery | Tick | NewConfig | Declare | DeployFile
Message: TypeAlias = Work | Stop


class PipelineListener(MaintenanceListener, Protocol):
    """Called as things happen, in the pipeline's thread. Must be quick and never raise; nothing follows from it."""

    def on_result(self, update: Update) -> None:
        """Log a run's result, after it was taken into the snapshot."""

    def on_derived(self, result: Result) -> None:
        """Log what a derived value came to, after it was taken into the snapshot."""

    def on_config(self, config: Config) -> None:
        """Forget what a configuration has no more, which is in force from now on."""

    def on_missed(self, job: Job, count: int) -> None:
        """Log missed runs."""

    def on_transitions(self, transitions: tuple[Transition, ...]) -> None:
        """Log alerts that changed, after they and their notifications were recorded."""

    def on_refused(self, counts: Mapping[str, int]) -> None:
        """Count the alerts that began and were not put in a receiver's outbox, since it is full."""

    def on_unclaimed(self, receiver: str, count: int, oldest_at: datetime) -> None:
        """Log how much waits for a receiver that a configuration has no more."""

    def on_deploy(self, news: DeployNews) -> None:
        """Log what became of a declared deployment, after it was recorded."""

    def on_silence(self, news: SilenceNews) -> None:
        """Log what became of a silence, after it was recorded."""

    def on_acknowledged(self, alert: Alert, request: Acknowledge) -> None:
        """Log that somebody knows of an alert, or does not after all, after it was recorded."""

    def on_maintenance(self, window: MaintenanceWindow, *, is_open: bool) -> None:
        """Log that a maintenance window has opened or closed."""

    def on_clock_moved(self, by: timedelta) -> None:
        """Log that the machine's clock was set, after what is on the disk was moved."""

    def on_series_left_out(self, job: Job, counts: Mapping[str, int]) -> None:
        """Log which rules have no place for how many of the series of a result, {} where all have one."""

    def on_unevaluated(self, scope: Scope, error: SampleError) -> None:
        """Log a rule whose findings could not become alerts."""
