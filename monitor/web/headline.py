"""Say in one line what the alerts of one rule say together; for the page's headline and groups; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.model.alerts import Alert
from monitor.model.settings import Rule, Scalar
from monitor.rules import format_number
from monitor.text import names_in, render
from monitor.web.words import age, count, shortened

OWN_LABELS = frozenset({"alertname", "severity"})
"""Labels that every alert of a rule shares."""


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule as one of its targets has it, and the parameters that its texts may name."""

    rule: Rule
    parameters: Mapping[str, Scalar] = field(default_factory=dict)


def differing_labels(alerts: Sequence[Alert]) -> dict[str, int]:
    """Count the values of each label that is not the same in all alerts; the target first."""
    values: dict[str, set[str]] = {}
    every = [dict(alert.labels) for alert in alerts]
    for name in sorted({name for labels in every for name in labels}):
        values[name] = {labels.get(name, "") for labels in every}
    order = sorted(values, key=lambda name: (name != "target", name))
    return {name: len(values[name]) for name in order if len(values[name]) > 1 and name not in OWN_LABELS}


def since_text(alert: Alert) -> str:
    """Write since when, as the rule's `{since}` does."""
    at_least = "at least " if alert.since_at_least else ""
    return f"{at_least}{alert.active_at:%Y-%m-%d %H:%M:%S} UTC"


def summary_of(alerts: Sequence[Alert], known: KnownRule | None) -> str:
    """Say what these alerts of one rule, the worst first, say together; not since when.

    With `group_summary` the rule says it itself; without, the worst speaks and the others are counted.
    """
    first = alerts[0]
    if len(alerts) > 1 and known is not None and known.rule.group_summary:
        return _of_group(alerts, known)
    said = shortened(dict(first.annotations).get("summary", "")) or first.name
    said = said.replace(f" since {since_text(first)}", "")
    return said if len(alerts) == 1 else f"{said}, and {len(alerts) - 1} more"


def headline(alerts: Sequence[Alert], known: KnownRule | None, now: datetime) -> str:
    """Say what these alerts of one rule say together, and for how long it has been so."""
    oldest = min(alerts, key=lambda alert: alert.active_at)
    at_least = "at least " if oldest.since_at_least else ""
    return f"{summary_of(alerts, known)}, for {at_least}{age(now - oldest.active_at)}"


def _of_group(alerts: Sequence[Alert], known: KnownRule) -> str:
    text = known.rule.group_summary
    differing = differing_labels(alerts)
    shared = {name: value for name, value in alerts[0].labels if name not in differing}
    values = {
        **{name: _scalar(value) for name, value in known.parameters.items()},
        **shared,
        **{name: _counted(number, name) for name, number in differing.items()},
        "total": format_number(sum(alert.value for alert in alerts)),
        "count": str(len(alerts)),
        "threshold": format_number(known.rule.condition.threshold),
    }
    said = render(text, {**dict.fromkeys(names_in(text), ""), **values})
    return ", ".join([said, *_untold(differing, text)])


def _untold(differing: Mapping[str, int], text: str) -> Iterable[str]:
    """Count the values of the labels that differ; one that the alerts themselves are counted by is told."""
    told = names_in(text)
    return [_counted(n, name) for name, n in differing.items() if name not in told and "count" not in told]


def _counted(number: int, label: str) -> str:
    name = label.replace("_", " ")
    return count(number, name, f"{name[:-1]}ies" if name.endswith("y") else f"{name}s")


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else format_number(value)
