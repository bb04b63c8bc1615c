"""The real monitor on a driven clock: runs of its jobs on a real connection, through the real pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from monitor.alerting.blocking import blocked_run
from monitor.alerting.updates import Update
from monitor.collector.execute import execute
from monitor.collector.slots import slot_at, slot_index
from monitor.config import load
from monitor.daemon.commands import Executor
from monitor.daemon.latest import Latest
from monitor.daemon.messages import NewConfig, PipelineListener, Tick, Work
from monitor.daemon.pipeline import Pipeline
from monitor.daemon.sources import Sources
from monitor.database import Database
from monitor.model.alerts import Alert, Delivery, Notification, Scope, Transition
from monitor.model.errors import SampleError
from monitor.model.own_alerts import CLOCK_SKEW
from monitor.model.results import Failure, Result
from monitor.model.schedules import Every
from monitor.model.settings import Config, Job, JobKey
from monitor.notify.kinds import KINDS
from monitor.secrets.reader import SecretReader
from monitor.storage import open_directory
from monitor.timing.clock import SLEPT
from monitor.timing.deadlines import Watchdog
from scripts.scorecard_parts.tables import DATABASE, MONITOR, MONITOR_PASSWORD

RECEIVER = "pager"
_NOTHING = timedelta(0)
_LONG_STEP = timedelta(minutes=1)
_PASSWORD = "SCORECARD_PASSWORD"
_CONFIG = """
[targets.main]
unix_socket = "{socket}"
user = "{user}"
password_env = "{password_env}"
database = "{database}"
[receivers.{receiver}]
kind = "webhook"
url = "http://127.0.0.1:9/"
repeat_interval = "0s"
[state]
directory = "{state}"
{extra}
"""


def write_config(folder: Path, socket: Path, extra: str = "") -> Path:
    """Write the configuration: what is shipped, on one target, with one receiver."""
    path = folder / "config.toml"
    values = {"socket": socket, "user": MONITOR, "database": DATABASE}
    text = _CONFIG.format(
        **values,
        receiver=RECEIVER,
        password_env=_PASSWORD,
        state=folder / "state",
        extra=extra,
    )
    path.write_text(text, encoding="utf-8")
    return path


def read_config(path: Path) -> Config:
    """Read it, as the program does.

    Without the rule about clocks: the driver compares the server's with that of this machine, which is not driven.
    """
    config = load(path, {}, KINDS)
    rules = tuple(rule for rule in config.own_rules if rule.name != CLOCK_SKEW)
    return replace(config, own_rules=rules)


def coarse(config: Config, step: timedelta) -> Config:
    """Return the configuration with no interval below a step: for days on which nothing happens."""
    return replace(config, jobs=tuple(_slower(job, step) for job in config.jobs))


def _slower(job: Job, step: timedelta) -> Job:
    schedule = job.query.schedule
    if not isinstance(schedule, Every) or schedule.interval >= step:
        return job
    return replace(job, query=replace(job.query, schedule=Every(step)))


@dataclass(slots=True)
class DrivenClock:
    """The clock of the monitor, which shows what it was set to."""

    at: datetime

    @property
    def clock_shift(self) -> timedelta:
        """Return by how much it was moved: a driven clock is never wrong."""
        return _NOTHING

    def now(self) -> datetime:
        """Return the instant."""
        return self.at

    def reading(self) -> tuple[datetime, timedelta]:
        """Return the instant, and by how much the clock was moved."""
        return self.at, _NOTHING

    def catch_up(self) -> timedelta:
        """Return by how much the machine's clock was set."""
        return _NOTHING


@dataclass(slots=True)
class Heard(PipelineListener):
    """What the pipeline told since somebody last looked; also the listener and the far ends of its commands.

    What a listener is told beside that, nothing is noted of.
    """

    notifications: list[Notification] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    wanted: list[Job] = field(default_factory=list)

    def on_result(self, update: Update) -> None:
        """Note a run that failed."""
        outcome = update.result.outcome
        if isinstance(outcome, Failure):
            query = update.result.job.query.name
            self.failures.append(f"{query}: {outcome.reason} {outcome.message}")

    def on_transitions(self, transitions: tuple[Transition, ...]) -> None:
        """Note what alerts became."""
        self.transitions.extend(transitions)

    def on_config(self, config: Config) -> None:
        """Note nothing: the configuration stays as it is."""

    def on_missed(self, job: Job, count: int) -> None:
        """Note nothing: no run is missed here."""

    def on_series_left_out(self, job: Job, counts: Mapping[str, int]) -> None:
        """Note rules that remember as many series as they may."""
        self.failures += [f"{job.query.name}: {rule} is full" for rule in counts]

    def on_refused(self, counts: Mapping[str, int]) -> None:
        """Note nothing: the outbox is emptied in each step."""

    def on_unclaimed(self, receiver: str, count: int, oldest_at: datetime) -> None:
        """Note nothing: receivers stay as they are."""

    def on_disk_back(self) -> None:
        """Note nothing: the disk is always there."""

    def on_given_up(self, delivery: Delivery) -> None:
        """Note nothing: nothing is delivered."""

    def on_unreadable(self, warning: str) -> None:
        """Note a part of the state that could not be read."""
        self.failures.append(warning)

    def on_clock_moved(self, by: timedelta) -> None:
        """Note nothing: the clock is never set."""

    def on_unevaluated(self, scope: Scope, error: SampleError) -> None:
        """Note a rule that could not judge its result."""
        self.failures.append(f"{scope.rule}: {error}")

    def run_now(self, jobs: Iterable[Job]) -> None:
        """Note which jobs are to run at once."""
        self.wanted.extend(jobs)

    def stretch(self, stretches: Mapping[JobKey, int]) -> None:
        """Stretch nothing: what statements take is not measured by a driven clock."""

    def poke(self) -> None:
        """Wake nobody: the outbox is read in each step."""

    def move(self, by: timedelta) -> None:
        """Move nothing."""


class Watcher:
    """One process of the monitor, from its start on the state that it finds to `close`."""

    def __init__(self, config: Config, at: datetime) -> None:
        self.config = config
        self.clock = DrivenClock(at)
        self.heard = Heard()
        self._opened = open_directory(
            config.state.directory, now=at, on_lost_disk=self.heard.failures.append
        )
        self._watchdog = Watchdog()
        self._database = self._open_database()
        sources = Sources(receivers=dict, next_run_at=self._next_run_at)
        self._pipeline = Pipeline(
            self.clock, self._opened.state, self.heard, Latest(config, at), sources
        )
        self._executor = Executor(self.heard, self.heard, self.heard, self.heard)
        self._take(NewConfig(config))

    def use(self, config: Config) -> None:
        """Reload: from here on this configuration is in force."""
        self.config = config
        self._take(NewConfig(config))

    def watch(self, until: datetime) -> None:
        """Let time pass with a tick as often as the process needs one, then run what is due at its end.

        Over a long step it sleeps, as a machine does that is suspended.
        """
        begins = self.clock.at
        if until - begins > _LONG_STEP:
            self.clock.at = until - SLEPT
        while until - self.clock.at > SLEPT:
            self.clock.at += SLEPT
            self._tick()
        self.clock.at = until
        self._tick()
        if not until.second:
            # What is known of the server is read again after some seconds, and these are not driven.
            self._database.close()
            self._database = self._open_database()
        for job in self.config.jobs:
            if _is_due(job, begins, until):
                self._run(job, until)

    def notifications(self) -> Iterator[Notification]:
        """Take what waits for the receiver."""
        state = self._opened.state
        while due := state.due(RECEIVER, now=self.clock.at):
            for notification in due:
                yield notification
                state.delivered(notification, Delivery(RECEIVER, self.clock.at, 0.0))

    def alerts(self) -> tuple[Alert, ...]:
        """Return what is pending and what fires."""
        return self._pipeline.active_alerts()

    def close(self) -> None:
        """End the process; its state stays."""
        self._database.close()
        self._watchdog.close()
        self._opened.state.close()
        self._opened.lock.release()

    def _open_database(self) -> Database:
        secrets = SecretReader({_PASSWORD: MONITOR_PASSWORD})
        (target,) = self.config.targets
        return Database(target, secrets=secrets, watchdog=self._watchdog)

    def _tick(self) -> None:
        self._take(Tick())
        while self.heard.wanted:
            wanted, self.heard.wanted = self.heard.wanted, []
            for job in {job.key: job for job in wanted}.values():
                self._run(job, self.clock.at)

    def _run(self, job: Job, scheduled_at: datetime) -> None:
        snapshot = self._pipeline.snapshot
        result = blocked_run(job, scheduled_at, snapshot, self.clock.at)
        self._take(result or self._execute(job, scheduled_at))

    def _execute(self, job: Job, scheduled_at: datetime) -> Result:
        snapshot = self._pipeline.snapshot
        result = execute(
            job,
            scheduled_at,
            self._database,
            self.clock,
            snapshot.position_of(job.key),
            alerts=snapshot.alerts,
            turns=snapshot.turns_of(job.key),
        )
        return replace(result, clock_shift=_NOTHING)

    def _take(self, message: Work) -> None:
        for command in self._pipeline.take(message):
            self._executor.carry_out(command)

    def _next_run_at(self, key: JobKey) -> datetime | None:
        for job in self.config.jobs:
            if job.key == key and isinstance(job.query.schedule, Every):
                interval = job.query.schedule.interval
                index = slot_index(self.clock.at, interval, _NOTHING)
                return slot_at(index + 1, interval, _NOTHING)
        return None


def _is_due(job: Job, begins: datetime, ends: datetime) -> bool:
    """Return whether a slot of the job lies in a step; what has a cron waits for a night that nobody drives."""
    schedule = job.query.schedule
    if not isinstance(schedule, Every):
        return False
    interval = schedule.interval
    return slot_index(ends, interval, _NOTHING) > slot_index(begins, interval, _NOTHING)
