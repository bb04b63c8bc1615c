"""Prometheus's alerting rules equal in meaning to ours, and why some cannot be; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.cli.printed.expressions import (
    PrintedRule,
    SharedRule,
    burn_rate,
    expression,
    recorded,
    uses_by_query,
)
from monitor.cli.printed.texts import UNKNOWN, template
from monitor.detection.burn_rate import POLICIES
from monitor.model.detectors import SloDetector, learns
from monitor.model.settings import Job, Metric, Query, Rule, Scalar
from monitor.timing.durations import format_duration

_SHORT_WINDOWS = {"1h": "5m", "6h": "30m", "3d": "6h"}
"""Of the SRE workbook, by the long ones."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A rule that Prometheus cannot judge, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """The rules of one query, as Prometheus's file has them, and those that are left out."""

    name: str
    interval: str
    rules: list[Mapping[str, object]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def rule_groups(jobs: Sequence[Job], everywhere: Sequence[Job]) -> list[RuleGroup]:
    """Return a group for each query that has rules, of some of the jobs that there are everywhere."""
    populations = _queries_of_metrics(jobs)
    runs: dict[str, set[str]] = defaultdict(set)
    for job in everywhere:
        runs[job.query.name].add(job.target.name)
    return [
        _group(uses, runs[name], populations)
        for name, uses in uses_by_query(jobs).items()
    ]


def _queries_of_metrics(jobs: Iterable[Job]) -> dict[str, tuple[Metric, Query]]:
    """Return every metric by its name, and the query that gives it."""
    found: dict[str, tuple[Metric, Query]] = {}
    for job in jobs:
        for metric in job.query.metrics:
            found[metric.name] = (metric, job.query)
    return found


def _group(
    uses: Sequence[SharedRule],
    runs_on: Collection[str],
    populations: Mapping[str, tuple[Metric, Query]],
) -> RuleGroup:
    query = uses[0].query
    seconds = query.schedule.interval_seconds or 60.0
    group = RuleGroup(query.name, f"{max(15, min(60, round(seconds)))}s")
    for use in uses:
        # Another target has the series too, and the rule not, or another one.
        targets = tuple(use.targets) if len(use.targets) < len(runs_on) else ()
        _add(use, targets, populations, group)
    return group


def _add(
    use: SharedRule,
    targets: tuple[str, ...],
    populations: Mapping[str, tuple[Metric, Query]],
    group: RuleGroup,
) -> None:
    rule = use.rule
    metric = use.judged_metric
    why = _why_not(rule, metric)
    if why:
        group.left_out.append(LeftOut(rule.name, why))
        return
    counted: tuple[str, ...] = ()
    counts: Query | None = None
    if rule.population is not None and rule.population.metric in populations:
        of_population, counts = populations[rule.population.metric]
        counted = of_population.label_names
    for level in replace(rule, metric=metric.name).by_levels():
        printed = PrintedRule(level, use.query, metric, targets, counted, counts)
        # Several objectives of one metric record the same.
        new = [one for one in _printed(printed) if one not in group.rules]
        group.rules.extend(new)


def _printed(printed: PrintedRule) -> Iterator[Mapping[str, object]]:
    """Yield what a rule is to Prometheus: one alert, or several with what they are made of."""
    detector = printed.rule.detector
    if isinstance(detector, SloDetector) and detector.objective is not None:
        yield from _of_objective(printed, detector.objective)
        return
    yield _alerting(printed, expression(printed), printed.rule.name)


def _why_not(rule: Rule, metric: Metric) -> str:
    """Return why Prometheus cannot judge a rule; empty where it can."""
    if not metric.exported:
        return f"it judges the column {metric.value}, which is not exported"
    if rule.active is not None:
        return f"it is {rule.active_words}; leave it to time intervals of Alertmanager"
    detector = rule.detector
    if isinstance(detector, SloDetector):
        if detector.objective is None:
            return "its objective is learned; give slo.objective"
        return ""
    if learns(detector):
        return f"it remembers ({detector.key}), which PromQL cannot say"
    return ""


def _alerting(printed: PrintedRule, expr: str, name: str) -> Mapping[str, object]:
    rule = printed.rule
    entry: dict[str, object] = {"alert": name, "expr": expr}
    if rule.hold:
        entry["for"] = format_duration(rule.hold)
    if rule.keep_firing_for:
        entry["keep_firing_for"] = format_duration(rule.keep_firing_for)
    entry["labels"] = {**rule.labels, "severity": rule.severity.value}
    entry["annotations"] = dict(_annotations(printed))
    return entry


def _annotations(printed: PrintedRule) -> Iterator[tuple[str, str]]:
    rule = printed.rule
    texts = {
        "summary": rule.summary,
        "description": rule.description,
        **rule.annotations,
        "runbook": rule.runbook,
    }
    values: Mapping[str, Scalar] = printed.query.parameters
    threshold = rule.condition.threshold_text
    labels = printed.metric.label_names
    for name, text in texts.items():
        shown = template(text, labels, values, threshold)
        if name == "summary":
            shown = _with_labels(shown, labels)
        if shown not in ("", UNKNOWN):
            yield name, shown


def _with_labels(summary: str, labels: Sequence[str]) -> str:
    """Return a summary that names what it is about, where it did so by what only the monitor knows."""
    if UNKNOWN not in summary or not labels:
        return summary
    named = ", ".join([f"{{{{ $labels.{label} }}}}" for label in labels])
    return f"{summary} ({named})"


def _of_objective(
    printed: PrintedRule, objective: float
) -> Iterator[Mapping[str, object]]:
    """Yield recording rules of each window, and an alert for each policy of the workbook."""
    detector = printed.rule.detector
    metric = printed.metric.name
    policies = [
        policy
        for policy in POLICIES
        if isinstance(detector, SloDetector) and policy.window in detector.over
    ]
    windows: dict[str, None] = {}
    for policy in policies:
        windows.update({policy.window: None, _SHORT_WINDOWS[policy.window]: None})
    for window in windows:
        yield {
            "record": recorded(metric, window),
            "expr": f"avg_over_time({metric}[{window}])",
        }
    for policy in policies:
        short = _SHORT_WINDOWS[policy.window]
        expr = burn_rate(printed, objective, policy.factor, policy.window, short)
        yield _alerting(printed, expr, printed.rule.name)
