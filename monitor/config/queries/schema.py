"""The schemas of what a query's .toml may hold."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.config.queries.rule_values import (
    HoldLevels,
    HoursValue,
    LabelFilter,
    ThresholdLevels,
    ThresholdRange,
    ThresholdValue,
)
from monitor.config.queries.run_schemas import CursorSchema as CursorSchema
from monitor.config.queries.run_schemas import ForEachSchema as ForEachSchema
from monitor.config.queries.run_schemas import LedgerSchema as LedgerSchema
from monitor.config.queries.run_schemas import SweepSchema as SweepSchema
from monitor.config.toml.validation import (
    Duration,
    Interval,
    Limit,
    OnlyTrue,
    ScalarValue,
    Schema,
    Text,
    integer_in,
)
from monitor.model.detectors import ACCEPTED_AFTER
from monitor.model.metric_kinds import Aggregate


class EvidenceSchema(Schema):
    """`[evidence]`."""

    sql: Text


class MissingColumnsSchema(Schema):
    """`[schema]`: result columns of a query that says which columns are missing."""

    table: Text
    column: Text
    missing: Text
    expects: list[Text] = []


class ApplicationColumnsSchema(Schema):
    """`[application]`: result columns of a query that says which columns the application's tables have."""

    table: Text
    column: Text
    type: Text
    folded: Text


class QuerySchema(Schema):
    """The top of NAME.toml; metrics and rules are checked one by one."""

    stand_ins = {"summary": "-"}

    summary: Text
    interval: Interval = timedelta(minutes=1)
    cron: Text | None = None
    time_zone: Text = "UTC"
    timeout: Limit = timedelta(seconds=10)
    max_rows: Annotated[int, integer_in(1, 1_000_000)] = 1000
    needs: list[Text] = []
    enabled: bool = True
    off_without_right: bool = False
    parameters: dict[str, ScalarValue] = {}
    # Any: their tables are checked one by one, so that each problem has the line of its key.
    metrics: dict[str, Any] = {}
    evidence: EvidenceSchema | None = None
    schema_: MissingColumnsSchema | None = Field(default=None, alias="schema")
    application: ApplicationColumnsSchema | None = None
    cursor: CursorSchema | None = None
    sweep: SweepSchema | None = None
    ledger: LedgerSchema | None = None
    for_each: dict[str, Any] | None = None
    rules: dict[str, Any] = {}

    def cycle_of(self, sweep: SweepSchema) -> timedelta:
        """Return how long a cycle takes at least; whoever gives an interval means how old a result may be."""
        return self.interval if "interval" in self.model_fields_set else sweep.cycle


class MetricOfTypeSchema(Schema):
    """What `[metrics.NAME]` of each type has."""

    stand_ins = {"help": "-"}

    help: Text
    labels: list[Text] = []
    null_label: str | None = None
    type: Literal["gauge", "counter", "stateset", "info", "histogram"] = "gauge"


class StatesetSchema(MetricOfTypeSchema):
    """`[metrics.NAME]` with `type = "stateset"`."""

    stand_ins = {**MetricOfTypeSchema.stand_ins, "value": "-", "states": ["-"]}

    value: Text
    states: list[Text]
    null: Literal["error", "skip", "zero"] = "error"


class InfoSchema(MetricOfTypeSchema):
    """`[metrics.NAME]` with `type = "info"`."""


class HistogramSchema(MetricOfTypeSchema):
    """`[metrics.NAME]` with `type = "histogram"`."""

    stand_ins = {
        **MetricOfTypeSchema.stand_ins,
        "buckets": {},
        "sum": "-",
        "count": "-",
    }

    buckets: dict[str, Text]
    sum: Text
    count: Text
    null: Literal["error", "skip", "zero"] = "error"


class MetricSchema(MetricOfTypeSchema):
    """`[metrics.NAME]` that is a gauge or a counter."""

    value: Text | None = None
    values: dict[str, list[Text]] | None = None
    states: dict[str, float] = {}
    constant: float | None = None
    aggregate: Aggregate | None = None
    # NULL is never silently 0 or dropped: the query says what it means, and by default it is an error.
    null: Literal["error", "skip", "zero", "nan"] = "error"
    at_least: dict[str, Text] = {}
    windows: list[Text] = []
    window: Text | None = None
    distinct: Text | None = None
    future: bool = False
    seen: bool = False
    of_cursor: (
        Literal[
            "late_rows",
            "dropped_gaps",
            "left_out",
            "restarts",
            "behind_seconds",
            "estimated",
            "emptied",
        ]
        | None
    ) = None
    of_ledger: (
        Literal[
            "drift_users",
            "drift_tokens",
            "drift_events",
            "cancelled",
            "auto_initializations",
            "auto_initializations_hour",
            "refilled_users",
            "overwritten_users",
            "storm_users",
            "stopped_calls",
            "tracked_users",
            "unjudged_ratio",
        ]
        | None
    ) = None
    positive: bool = False
    per: str = ""


class OwnMetricSchema(Schema):
    """`[metrics.NAME]` of the monitor's own rules: a series that is never exported under this name."""

    stand_ins = {"help": "-"}

    help: Text
    labels: list[Text] = []


class SeriesSchema(Schema):
    """What of a metric is one series for a detector."""

    total: bool = False
    per: str = ""
    missing: Literal["zero", "skip"] = "zero"
    direction: Literal["any", "up", "down"] = "any"


class BaselineSchema(SeriesSchema):
    """`baseline = {}` of a rule."""

    least_rise: float = 0.0


class ChangeSchema(SeriesSchema):
    """`change = { by = 0.2, over = "1h" }` of a rule."""

    stand_ins = {"by": 1.0, "over": timedelta(hours=1)}

    by: float
    over: Interval
    at_least: float = 0.0
    share_of: str = ""
    accept: Interval = ACCEPTED_AFTER


class SloSchema(Schema):
    """`slo = {}` of a rule."""

    objective: float | None = None
    over: list[Literal["1h", "6h", "3d"]] = ["1h", "6h", "3d"]


class RuleSchema(Schema):
    """`[rules.NAME]`."""

    stand_ins = {"severity": "info", "summary": "-"}

    metric: Text | None = None
    column: Text | None = None
    by: list[Text] | None = None
    where: dict[str, LabelFilter] = {}
    above: ThresholdLevels = None
    below: ThresholdLevels = None
    equals: ThresholdValue = None
    not_equals: ThresholdValue = None
    between: ThresholdRange | None = None
    not_between: ThresholdRange | None = None
    clear_below: ThresholdValue = None
    clear_above: ThresholdValue = None
    absent: OnlyTrue | None = None
    # Any: checked by themselves, so that each problem has the line of its key.
    baseline: dict[str, Any] | None = None
    change: dict[str, Any] | None = None
    new: OnlyTrue | None = None
    slo: dict[str, Any] | None = None
    rate: Literal["per_second", "increase", "resets"] | None = None
    over: Interval | None = None
    for_: HoldLevels = Field(default=timedelta(0), alias="for")
    keep_firing_for: Duration = timedelta(0)
    max_alerts: Annotated[int, integer_in(1, 100_000)] = 1000
    severity: Literal["critical", "warning", "info"]
    summary: Text
    group_summary: str = ""
    resolved_summary: str = ""
    description: str = ""
    runbook: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    needs: list[Text] = []
    details: list[Text] = []
    evidence: Text | None = None
    active: HoursValue = None
    explains: list[Text] = []
    explains_where: dict[str, list[Text]] = {}
    muted_by: list[Text] = []
    repaired: Text | None = None
    population: Text | None = None
    above_share: ThresholdValue = None
    enabled: bool = True
