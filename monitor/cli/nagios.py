"""Performance data of a check, as Nagios and what descends from it plot it; beside `reports`; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from monitor.alerting.evaluate import matching
from monitor.cli.checked import Checked, asked_of_servers
from monitor.cli.output import plain_line
from monitor.model.results import Sample, Success
from monitor.model.settings import Rule, Severity
from monitor.model.wording import format_number

MAX_SERIES = 20
"""Of one rule: a line of a plugin is read by programs that cut it at some kilobytes."""


def perfdata(checked: Sequence[Checked], counts: Mapping[str, int]) -> list[str]:
    """Write 'label'=value[unit];[warn];[crit];[min];[max], each label once; U is a value that could not be had.

    Ranges are those that alert: monitoring-plugins.org's guidelines, "Threshold and Ranges".
    """
    total = counts["queries"]
    pieces = {
        "critical": f"{counts['critical']};;0;0",
        "warning": f"{counts['warning']};0;;0",
        "failed": f"{counts['failed']};;;0;{total}",
        "blocked": f"{counts['blocked']};;;0;{total}",
    }
    for one in asked_of_servers(checked):
        pieces[_label(*one.result.job.key)] = _of_query(one)
    for one in checked:
        pieces.update(_of_rules(one))
    return [f"{label}={values}" for label, values in pieces.items()]


def _of_query(one: Checked) -> str:
    value = "U"
    if one.has_reached_server:
        value = f"{one.result.duration_seconds:.3f}s"
    timeout_seconds = one.result.job.query.timeout.total_seconds()
    return f"{value};;;0;{timeout_seconds:g}"


def _of_rules(one: Checked) -> Iterator[tuple[str, str]]:
    """Yield what the rules of a query judge, each series with the range that alerts."""
    outcome = one.result.outcome
    if not isinstance(outcome, Success):
        return
    job = one.result.job
    for rule in job.query.rules:
        alerting = _alerting_range(rule)
        for sample in _judged(rule, outcome.samples):
            of_labels = dict(sample.labels).values()
            label = _label(job.target.name, rule.name, *of_labels)
            yield label, f"{_number(sample.value)};{alerting}"


def _alerting_range(rule: Rule) -> str:
    """Return the ranges that alert, the warning one first; what is only for information has no place."""
    levels = rule.levels
    ranges = {level.severity: level.condition.nagios_range for level in levels}
    warning = ranges.get(Severity.WARNING, "")
    critical = ranges.get(Severity.CRITICAL, "")
    return f"{warning};{critical}"


def _number(value: float) -> str:
    return format_number(value) if math.isfinite(value) else "U"


def _judged(rule: Rule, samples: Sequence[Sample]) -> list[Sample]:
    """Return the series that a rule judges by their values alone; where they are many, what it found first."""
    if not rule.is_by_value or not rule.condition.nagios_range:
        return []
    of_metric = [sample for sample in samples if sample.metric == rule.metric]
    judged = [sample for sample in of_metric if rule.selects(sample.labels)]
    found = set(matching(rule, judged))
    judged.sort(key=lambda sample: sample not in found)
    return judged[:MAX_SERIES]


def _label(*names: str) -> str:
    """Return a label; a quote in it is doubled, and there is no way to write "=" in one."""
    name = plain_line("/".join(names))
    quoted = name.replace("'", "''").replace("=", "_")
    return f"'{quoted}'"
