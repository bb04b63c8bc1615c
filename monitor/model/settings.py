"""What the files said, checked and resolved: the frozen Config, the first value in the pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from monitor.model.application import Contract
from monitor.model.cause_graph import CauseGraph, graph_of
from monitor.model.columns import ColumnName as ColumnName
from monitor.model.columns import Labels as Labels
from monitor.model.columns import SchemaColumns as SchemaColumns
from monitor.model.columns import labels_of as labels_of
from monitor.model.contract import ContractFiles
from monitor.model.deploys import DeploySettings
from monitor.model.derivations import Derivation
from monitor.model.discovery import HttpSdSettings, TargetsFiles
from monitor.model.for_each import ForEach
from monitor.model.levels import Flavor as Flavor
from monitor.model.levels import Severity as Severity
from monitor.model.metric_kinds import (
    BUCKET_LABEL,
    Aggregate,
    HistogramColumns,
    MetricType,
)
from monitor.model.process_settings import (
    HeartbeatSettings,
    LogSettings,
    StateSettings,
    Web,
)
from monitor.model.receivers import DEFAULT_REPEAT_INTERVAL as DEFAULT_REPEAT_INTERVAL
from monitor.model.receivers import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
from monitor.model.receivers import Receiver as Receiver
from monitor.model.receivers import ReceiverSettings as ReceiverSettings
from monitor.model.rules import Rule as Rule
from monitor.model.schedules import Every, QuerySchedule
from monitor.model.shards import Shard
from monitor.model.silences import MaintenanceWindow
from monitor.model.statements import Bindable as Bindable
from monitor.model.statements import Scalar as Scalar
from monitor.model.statements import Statement as Statement
from monitor.model.targets import UTC_ZONE, Target
from monitor.model.walks import WINDOW_LABEL, CursorFact, LedgerFact, Walk, Window


@dataclass(frozen=True, slots=True)
class Metric:
    """What columns of a query mean as samples.

    Either `value` names the one column with the number, or `values` names columns that become the values of one
    more label, `values_label`. A metric that is not exported feeds rules only. `details` are columns kept as text
    for alerts. `at_least` has, by value columns, those that say with 1 that not all was counted.
    With a cursor: rows are added up over `windows`, or different values of `distinct` counted; `is_future`
    takes rows alone whose time is still to come; `of_cursor` is what the cursor knows of itself. With a ledger:
    `of_ledger` is what it knows.
    A value of text is a number by its `words`, in small letters. A stateset has a sample for each of its `states`,
    with a label of its own name; of `constant`, each row is one.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    value: str | None = None
    values_label: str | None = None
    values: tuple[str, ...] = ()
    kind: MetricType = "gauge"
    null: Literal["error", "skip", "zero", "nan"] = "error"
    details: tuple[str, ...] = ()
    exported: bool = True
    at_least: Mapping[str, str] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    distinct: str | None = None
    is_future: bool = False
    is_seen: bool = False  # its window goes by when a row was first read
    of_cursor: CursorFact | None = None
    of_ledger: LedgerFact | None = None
    positive: bool = False  # no row takes anything off it
    per: str = ""  # of a sweep: its sum is divided by that of this metric of the query
    words: Mapping[str, float] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    constant: float | None = None
    histogram: HistogramColumns | None = None
    null_label: str | None = None  # what NULL in a label becomes; None: an error
    aggregate: Aggregate | None = None  # of rows with the same labels; None: an error

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return the names of all labels of the metric's samples, without the target's."""
        names = self.labels
        if self.values_label is not None:
            names = (*names, self.values_label)
        if self.names_windows:
            names = (*names, WINDOW_LABEL)
        if self.kind == "stateset":
            names = (*names, self.name)
        if self.histogram is not None:
            names = (*names, BUCKET_LABEL)
        return names

    @property
    def histogram_columns(self) -> HistogramColumns:
        """Return the columns of a histogram; ValueError for any other metric."""
        if self.histogram is None:
            raise ValueError(f"{self.name} is not a histogram")
        return self.histogram

    @property
    def sample_names(self) -> tuple[str, ...]:
        """Return what its samples are called: by its own name, but for those of a histogram."""
        if self.histogram is None:
            return (self.name,)
        return (f"{self.name}_bucket", f"{self.name}_count", f"{self.name}_sum")

    @property
    def names_windows(self) -> bool:
        """Return whether a label says which window a sample is of: not where there is one only, without a name."""
        return any(window.name for window in self.windows)

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Return the columns whose cells become values; none of what is counted once, or is a fact."""
        if self.of_cursor is not None or self.of_ledger is not None:
            return ()
        return self.values if self.value is None else (self.value,)

    @property
    def has_memory(self) -> bool:
        """Return whether its samples come from the rows of the last day, and not of the last range alone."""
        return bool(self.windows) or self.is_future

    def labels_of_column(self, column: str) -> Labels:
        """Return the label that a value has by its column alone, if there is one."""
        return () if self.values_label is None else ((self.values_label, column),)


@dataclass(frozen=True, slots=True)
class Query:
    """One health query as it is on one target: parameters bound, identifiers put in."""

    name: str
    summary: str
    statement: Statement
    schedule: QuerySchedule
    timeout: timedelta
    max_rows: int
    source: Path
    shipped: bool = False
    variants: Mapping[Flavor, Statement] = field(default_factory=dict)
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    needs: tuple[ColumnName, ...] = ()
    metrics: tuple[Metric, ...] = ()
    rules: tuple[Rule, ...] = ()
    schema: SchemaColumns | None = None
    contract: Contract | None = None
    """The application's statements that its rows are compared with; None: they are samples as they are."""
    off_without_right: bool = False  # to be refused is no fault
    walk: Walk | None = None
    """How it reads what is too much for one statement; None: it is one statement."""
    fallback: Statement | None = None
    accounts: Statement | None = None
    """With a ledger: the balances and limits of the users that it tracks."""
    time_zone: str = UTC_ZONE
    """The zone of the session that it runs in: an offset, a name, or SERVER_ZONE."""
    local_time: tuple[str, ...] = ()
    """Which functions its statements use that answer in the session's time zone, such as NOW()."""
    for_each: ForEach | None = None
    derivation: Derivation | None = None
    """How it is computed from the results of others; then no server is asked, and `statement` is empty."""

    @property
    def derived_by(self) -> Derivation:
        """Return how it is derived; ValueError of what asks a server."""
        if self.derivation is None:
            raise ValueError(f"{self.name} is not derived")
        return self.derivation

    @property
    def rule_names(self) -> frozenset[str]:
        """Return the names of its rules."""
        return frozenset(rule.name for rule in self.rules)

    @property
    def has_detectors(self) -> bool:
        """Return whether a rule of its remembers something from run to run."""
        return any(rule.detector is not None for rule in self.rules)

    @property
    def own_statements(self) -> list[Statement]:
        """Return its statement for each kind of server, and that which gives its items."""
        statements = [self.statement, *self.variants.values()]
        if self.for_each is not None and self.for_each.statement is not None:
            statements.append(self.for_each.statement)
        return statements

    @property
    def rule_statements(self) -> list[Statement]:
        """Return the statements of its rules: evidence, and who was repaired."""
        statements: list[Statement] = []
        for rule in self.rules:
            if rule.evidence is not None:
                statements.append(rule.evidence)
            if rule.repaired is not None:
                statements.append(rule.repaired.statement)
        return statements

    @property
    def exported_metrics(self) -> tuple[Metric, ...]:
        """Return the metrics that are on /metrics; the others are for rules only."""
        return tuple(metric for metric in self.metrics if metric.exported)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of its rules and of what it exports: targets may want different ones."""
        exported = (metric.name for metric in self.exported_metrics)
        return (*(rule.name for rule in self.rules), *exported)

    @property
    def is_about_schema(self) -> bool:
        """Return whether it asks what tables and columns there are, and reads no row of them."""
        return self.schema is not None or self.contract is not None

    @property
    def may_wait(self) -> bool:
        """Return whether it may run later or more rarely for the server's sake: nothing critical hangs on it.

        What says whether the schema is whole never waits: all other queries depend on it.
        """
        if self.schema is not None:
            return False
        return all(rule.loudest is not Severity.CRITICAL for rule in self.rules)

    def statement_for(self, flavor: Flavor) -> Statement:
        """Return the statement for this kind of server."""
        return self.variants.get(flavor, self.statement)


JobKey: TypeAlias = tuple[str, str]
"""The names of a job's target and of its query."""


@dataclass(frozen=True, slots=True)
class Job:
    """One query on one target: what is scheduled."""

    target: Target
    query: Query

    @property
    def key(self) -> JobKey:
        """Return what the job is known by: the names of its target and of its query."""
        return (self.target.name, self.query.name)

    def runs_as(self, other: Job) -> bool:
        """Return whether a run of one is as good as one of the other: only rules, texts or times differ."""
        return self is other or self._as_run() == other._as_run()

    def _as_run(self) -> Job:
        query = replace(
            self.query,
            rules=(),
            summary="",
            schedule=self.query.schedule.as_run(),
            timeout=timedelta(1),
        )
        return Job(self.target.as_asked(), query)

    @property
    def is_first_to_know(self) -> bool:
        """Return whether it shows early what the target refuses: it is asked at once, or about every table.

        What has a cron waits for its hour.
        """
        return self.query.schema is not None or isinstance(self.query.schedule, Every)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the files say, valid as a whole.

    `jobs` has every (target, query) pair that runs, schema queries first within a target; `derived` those that
    are computed from their results, for which no server is ever asked.
    `own_rules` are the rules about the monitor itself. `notices` are facts worth a log line
    at start, such as a user's query that replaces a shipped one; `warnings` are likely mistakes.
    """

    path: Path
    targets: tuple[Target, ...]
    jobs: tuple[Job, ...]
    receivers: tuple[Receiver, ...]
    own_rules: tuple[Rule, ...]
    web: Web
    state: StateSettings
    external_url: str = ""
    runbook_base_url: str = ""
    served_runbooks: frozenset[str] = frozenset()
    """The names of the runbooks that the monitor itself serves, at /runbooks/NAME."""
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    heartbeat: HeartbeatSettings | None = None
    log: LogSettings = field(default_factory=LogSettings)
    targets_files: TargetsFiles | None = None
    http_sd: HttpSdSettings | None = None
    shard: Shard | None = None
    """Which of several daemons this is; `targets` and `jobs` are its own. None: it watches all."""
    replicas: int = 1
    """How many daemons watch each target."""
    contract: ContractFiles | None = None
    """The application's source, as it was read; None where there is none to read."""
    elsewhere: frozenset[str] = frozenset()
    """The names of the targets that other shards watch."""
    deploys: DeploySettings = field(default_factory=DeploySettings)
    derived: tuple[Job, ...] = ()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    causes: CauseGraph = field(init=False)
    """Which rules explain which."""

    def __post_init__(self) -> None:
        """Put the rules in order once, not at each evaluation."""
        object.__setattr__(self, "causes", graph_of(self.all_jobs, self.own_rules))

    @property
    def all_jobs(self) -> tuple[Job, ...]:
        """Return what runs, and what is derived from that: all that has samples and rules."""
        return (*self.jobs, *self.derived)

    @property
    def derived_keys(self) -> tuple[JobKey, ...]:
        """Return the keys of what is derived."""
        return tuple(job.key for job in self.derived)

    @property
    def own_rule_names(self) -> frozenset[str]:
        """Return the names of the rules about the monitor itself."""
        return frozenset(rule.name for rule in self.own_rules)

    def runbook_base_for(self, name: str) -> str:
        """Return the address below which a runbook is found; empty where there is none to name."""
        if (
            not self.runbook_base_url
            and self.external_url
            and name in self.served_runbooks
        ):
            return f"{self.external_url.rstrip('/')}/runbooks"
        return self.runbook_base_url
