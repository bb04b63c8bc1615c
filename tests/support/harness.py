"""A small harness for tests of what comes in which order: one target, three queries, a clock that we drive."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from monitor.alerting.updates import Update
from monitor.daemon.commands import Executor
from monitor.daemon.latest import Latest
from monitor.daemon.messages import NewConfig, Tick, Work
from monitor.daemon.pipeline import Pipeline
from monitor.daemon.sources import Sources
from monitor.model.alerts import Alert, Delivery, ReceiverHealth, Scope, Transition
from monitor.model.conditions import Condition
from monitor.model.deploys import DeployNews
from monitor.model.errors import Reason, SampleError
from monitor.model.process_settings import StateSettings, Web
from monitor.model.results import Failure, Outcome, Result, Sample, Server, Success
from monitor.model.schedules import Every
from monitor.model.settings import (
    ColumnName,
    Config,
    Flavor,
    Job,
    JobKey,
    Metric,
    Query,
    Receiver,
    Rule,
    SchemaColumns,
    Severity,
    Statement,
    labels_of,
)
from monitor.model.silences import Acknowledge, MaintenanceWindow, SilenceNews
from monitor.model.targets import Target, Tls
from monitor.notify.webhook.settings import WebhookSettings
from monitor.storage import State

NextRunAt: TypeAlias = Callable[[JobKey], datetime | None]
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BALANCE = ColumnName("users", "tokens_remaining")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
_TICK = 2 * SECOND
SERVER = Server(Flavor.MARIADB, "10.11.6", limits=("lock", "statement", "read_only"))

TARGET = Target(
    name="main",
    user="m",
    database="app",
    tls=Tls("disabled"),
    unix_socket=Path("/s"),
    labels={"region": "eu"},
)
HOOK = Receiver("hook", WebhookSettings("http://127.0.0.1:9/"))


def a_rule(name: str, metric: str, **changes: object) -> Rule:
    """Make a rule on a metric."""
    settings: dict[str, object] = {
        "condition": Condition("above", 0.0),
        "severity": Severity.CRITICAL,
        "summary": f"{name} on {{target}}",
    }
    return Rule(name=name, metric=metric, **{**settings, **changes})  # type: ignore[arg-type]


def a_query(name: str, **changes: object) -> Query:
    """Make a query without metrics or rules."""
    settings: dict[str, object] = {
        "summary": "",
        "statement": Statement("SELECT 1"),
        "schedule": Every(MINUTE),
        "timeout": timedelta(seconds=10),
        "max_rows": 100,
        "source": Path(f"{name}.sql"),
    }
    return Query(name=name, **{**settings, **changes})  # type: ignore[arg-type]


COLUMNS = a_query(
    "missing_columns",
    schema=SchemaColumns("table", "column", "missing"),
    metrics=(
        Metric("token_schema_column_missing", "", ("table", "column"), value="missing"),
    ),
    rules=(a_rule("TokenColumnMissing", "token_schema_column_missing"),),
)
BALANCES = a_query(
    "balances",
    needs=(BALANCE,),
    metrics=(Metric("token_subscribers", "", ("plan",), value="subscribers"),),
    rules=(a_rule("TokenBalances", "token_subscribers", hold=2 * MINUTE),),
)
USAGE = a_query(
    "usage",
    metrics=(Metric("token_usage_age", "", value="age"),),
    rules=(a_rule("TokenUsageStopped", "token_usage_age", needs=(BALANCE,)),),
)
OWN_RULES = (
    a_rule("TokenMonitorTargetDown", "target_lost", hold=timedelta(seconds=30)),
    a_rule("TokenMonitorConnectionsRefused", "connections_refused", hold=MINUTE),
    a_rule(
        "TokenMonitorAccessDenied",
        "access_denied",
        hold=MINUTE,
        summary="{grant} {queries}",
    ),
    a_rule(
        "TokenMonitorQueryFailing",
        "query_consecutive_failures",
        condition=Condition("above", 2.0),
    ),
    a_rule("TokenMonitorQueryStale", "query_stale"),
    a_rule(
        "TokenMonitorDeliveryFailing",
        "delivery_failing_seconds",
        condition=Condition("above", 300.0),
    ),
    a_rule("TokenMonitorWatchdog", "watchdog", severity=Severity.INFO),
)


def a_config(*queries: Query, own_rules: tuple[Rule, ...] = OWN_RULES) -> Config:
    """Make the configuration of one target with these queries."""
    return Config(
        path=Path("config.toml"),
        targets=(TARGET,),
        jobs=tuple(
            Job(TARGET, query) for query in (queries or (COLUMNS, BALANCES, USAGE))
        ),
        receivers=(HOOK,),
        own_rules=own_rules,
        web=Web(),
        state=StateSettings(Path("state")),
    )


def samples(
    metric: str, values: Mapping[str, float], label: str = "plan"
) -> tuple[Sample, ...]:
    """Make the samples of a metric, one for each value of a label."""
    return tuple(
        Sample(metric, labels_of({label: name}), value)
        for name, value in values.items()
    )


def columns(*missing: ColumnName) -> Success:
    """What the schema query says: one column is expected."""
    labels = labels_of({"table": BALANCE.table, "column": BALANCE.column})
    value = float(BALANCE in missing)
    return Success(
        (Sample("token_schema_column_missing", labels, value),),
        1,
        missing=frozenset(missing),
    )


def balances(**plans: float) -> Success:
    """Make a result of the query `balances`: subscribers by plan."""
    return Success(samples("token_subscribers", plans), len(plans))


def usage(age: float) -> Success:
    """Make a result of the query `usage`: seconds since the last use."""
    return Success((Sample("token_usage_age", (), age),), 1)


LOST = Failure(Reason.TARGET_DOWN, "Can't connect", 2003, "refused", lost=True)
NO_COLUMN = Failure(
    Reason.SCHEMA_MISSING, "Unknown column 'tokens_remaining' in 'field list'", 1054
)
TIMEOUT = Failure(Reason.TIMEOUT, "took too long", 1969)


class _OwnState:
    """A state that is closed with the last of its harnesses: Python warns of a database that is left open."""

    def __init__(self) -> None:
        self.state = State()
        weakref.finalize(self, self.state.close)


class Harness:
    """The pipeline without its threads: results go in, and what was heard is kept in order."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        state: State | None = None,
        at: datetime = START,
    ) -> None:
        self.config = config or a_config()
        self.at = at
        self._own_state: _OwnState | None = None
        if state is None:
            self._own_state = _OwnState()
            state = self._own_state.state
        self.state = state
        self.heard: list[str] = []
        self.transitions: list[Transition] = []
        self.wanted: list[str] = []
        self.unjudged: list[str] = []
        self.health: dict[str, ReceiverHealth] = {}
        self.next_run_at: datetime | None = None
        self.next_run_at_of: NextRunAt = lambda _key: self.next_run_at
        self.pokes = 0
        self.stretches: dict[JobKey, int] = {}
        self.looks = 0
        """How often the pipeline asked how the receivers do."""
        self.server = SERVER
        """Who answers."""
        self.clock_shift = timedelta(0)
        self.set_by = timedelta(0)
        """By how much the machine's clock was set since we last looked."""
        self.executor = Executor(self, self, self, self)
        sources = Sources(
            receivers=self.look,
            next_run_at=lambda key: self.next_run_at_of(key),
        )
        latest = Latest(self.config, at)
        self.pipeline = Pipeline(self, self.state, self, latest, sources)

    def look(self) -> Mapping[str, ReceiverHealth]:
        """Return how the receivers do."""
        self.looks += 1
        return self.health

    def take(self, message: Work) -> None:
        """Hand the pipeline a message, and carry out what it makes due."""
        for command in self.pipeline.take(message):
            self.executor.carry_out(command)

    def now(self) -> datetime:
        """Return the instant that its clock shows."""
        return self.at

    def reading(self) -> tuple[datetime, timedelta]:
        """Return the instant, and by how much the clock had been moved."""
        return self.at, self.clock_shift

    def catch_up(self) -> timedelta:
        """Take over the step of the clock; returns by how much."""
        by, self.set_by = self.set_by, timedelta(0)
        self.at += by
        self.clock_shift += by
        return by

    def restarted(self, after: timedelta, config: Config | None = None) -> Harness:
        """End this process and begin another on the same state, so much later."""
        again = Harness(config or self.config, state=self.state, at=self.at + after)
        again._own_state = self._own_state
        again.take(NewConfig(again.config))
        return again

    def run(self, name: str, outcome: Outcome) -> None:
        """Let one run of a query end with this outcome, at this moment."""
        self.take(self.result(name, outcome))

    def result(self, name: str, outcome: Outcome) -> Result:
        """Return a run of a query that ends with this outcome, at this moment."""
        is_lost = isinstance(outcome, Failure) and outcome.lost
        reached = None if is_lost else self.server
        at = self.at
        return Result(self.job(name), at, at, at, 0.01, outcome, reached)

    def job(self, name: str) -> Job:
        """Return the job of a query, as the configuration has it now."""
        return next(job for job in self.config.jobs if job.query.name == name)

    def runs(self, columns: Outcome, balances: Outcome, usage: Outcome) -> None:
        """Let each of the three queries end a run."""
        self.run("missing_columns", columns)
        self.run("balances", balances)
        self.run("usage", usage)

    def tick(self) -> None:
        """Let the pipeline look at the clock."""
        self.take(Tick())

    def after(self, passed: timedelta) -> Harness:
        """Let time pass, with a tick every few seconds as the process has them."""
        end = self.at + passed
        while end - self.at > _TICK:
            self.at += _TICK
            self.tick()
        self.at = end
        return self

    def asleep(self, passed: timedelta) -> Harness:
        """Let time pass while the process is stopped or suspended."""
        self.at += passed
        return self

    def reported(self) -> list[str]:
        """Return what alerts did since the last call, watchdog aside."""
        heard, self.heard = self.heard, []
        return [line for line in heard if "Watchdog" not in line]

    def shown(self) -> dict[str, str]:
        """Return each alert's state as readers of the snapshot see it."""
        marks = {
            alert.name: str(alert.state)
            + (" held" if alert.held else "")
            + (" muted" if alert.muted_by else "")
            for alert in self.pipeline.snapshot.alerts
        }
        marks.pop("TokenMonitorWatchdog", None)
        return marks

    def posted(self) -> list[str]:
        """Take what waits in the outbox of the webhook."""
        found: list[str] = []
        while notifications := self.state.due("hook", now=self.at):
            for notification in notifications:
                found.extend(
                    f"{alert.name} {alert.state}" for alert in notification.alerts
                )
                self.state.delivered(notification, Delivery("hook", self.at, 0.0))
        return found

    # what the pipeline tells

    def on_result(self, update: Update) -> None:
        """Hear of a result."""

    def on_derived(self, result: Result) -> None:
        """Hear what a derived value came to."""

    def on_config(self, config: Config) -> None:
        """Keep nothing that a configuration could end."""

    def on_missed(self, job: Job, count: int) -> None:
        """Hear of runs that were due and not made."""
        self.heard.append(f"{job.query.name} missed {count}")

    def on_transitions(self, transitions: tuple[Transition, ...]) -> None:
        """Hear of what alerts became."""
        self.transitions.extend(transitions)
        self.heard.extend(
            f"{transition.alert.name} {transition.change}" for transition in transitions
        )

    def on_refused(self, counts: Mapping[str, int]) -> None:
        """Hear of alerts that a full outbox did not take."""
        self.heard.extend(
            f"{receiver} is full: {count} not told"
            for receiver, count in counts.items()
        )

    def on_unclaimed(self, receiver: str, count: int, oldest_at: datetime) -> None:
        """Hear how much waits for a receiver that is gone."""
        waited = self.at - oldest_at
        self.heard.append(f"{count} wait for {receiver}, which is gone, since {waited}")

    def on_disk_back(self) -> None:
        """Hear that the state is on the disk again."""
        self.heard.append("disk back")

    def on_unreadable(self, warning: str) -> None:
        """Hear that a part of the state could not be read."""
        self.heard.append(warning)

    def on_given_up(self, delivery: Delivery) -> None:
        """Hear of a delivery that was given up."""
        self.heard.append(f"given up {delivery.reason}")

    def on_deploy(self, news: DeployNews) -> None:
        """Hear what became of a declared deployment."""
        self.heard.append(f"deploy {news.change} {news.target}")

    def on_silence(self, news: SilenceNews) -> None:
        """Hear what became of a silence."""
        self.heard.append(f"silence {news.change}")

    def on_acknowledged(self, alert: Alert, request: Acknowledge) -> None:
        """Hear that somebody knows of an alert."""
        self.heard.append(f"{alert.name} acknowledged by {request.by}")

    def on_maintenance(self, window: MaintenanceWindow, *, is_open: bool) -> None:
        """Hear that a maintenance window has opened or closed."""
        self.heard.append(f"{window.name} {'open' if is_open else 'closed'}")

    def on_clock_moved(self, by: timedelta) -> None:
        """Hear that the clock was set."""
        self.heard.append(f"clock moved {by.total_seconds():g} s")

    def on_series_left_out(self, job: Job, counts: Mapping[str, int]) -> None:
        """Hear that rules have no place for some series."""
        self.heard.extend(
            f"{rule} has no place for {count} series" for rule, count in counts.items()
        )

    def on_unevaluated(self, scope: Scope, error: SampleError) -> None:
        """Hear that a rule could not judge its result."""
        self.unjudged.append(f"{scope.rule}: {error}")

    # what the commands do

    def run_now(self, jobs: Iterable[Job]) -> None:
        """Note which queries are to run at once."""
        self.wanted.extend(job.query.name for job in jobs)

    def stretch(self, stretches: Mapping[JobKey, int]) -> None:
        """Note how many times their own intervals jobs have."""
        self.stretches.update(stretches)

    def poke(self) -> None:
        """Count how often receivers would be woken."""
        self.pokes += 1

    def move(self, by: timedelta) -> None:
        """Move nothing: there are no receivers."""
