"""Write in one line what the alerts of one rule say together; for the page's headline and groups; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from monitor.alerting.shown import shown_annotations, total_text
from monitor.model.alert_text import names_in, render
from monitor.model.alerts import Alert
from monitor.model.settings import Labels, Rule, Scalar
from monitor.model.text_formats import people_text
from monitor.model.wording import counted, format_number, shortened, utc_second
from monitor.web.words import MAX_LINE, age

OWN_LABELS = frozenset({"alertname", "severity"})
"""Labels that every alert of a rule shares."""


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule as one of its targets has it, and the parameters that its texts may name."""

    rule: Rule
    parameters: Mapping[str, Scalar] = field(default_factory=dict)


def differing_labels(alerts: Sequence[Alert]) -> dict[str, int]:
    """Count the values of each label that is not the same in all alerts; the target first, then by name."""
    alerts_with: Counter[tuple[str, str]] = Counter()
    for alert in alerts:
        alerts_with.update(alert.labels)
    values = Counter(
        name for (name, _), number in alerts_with.items() if number < len(alerts)
    )
    return dict(sorted(values.items(), key=_target_first))


def shared_labels(alert: Alert, differing: Mapping[str, int]) -> Labels:
    """Return the labels that this alert has in common with the others of its group; the target first."""
    shared = [pair for pair in alert.labels if pair[0] not in differing]
    return tuple(sorted(shared, key=_target_first))


def since_text(alert: Alert) -> str:
    """Write since when, as the rule's `{since}` does."""
    return f"{_at_least(alert)}{utc_second(alert.active_at)}"


def summary_of(
    alerts: Sequence[Alert], known: KnownRule | None, *, for_since: str = ""
) -> str:
    """Write what these alerts of one rule, the worst first, say together; not since when.

    With `group_summary` the rule says it itself; without, the worst speaks and the others are counted.
    `for_since` is put in the place of " since …" of a summary.
    """
    worst = _of_one(alerts[0], for_since)
    others = len(alerts) - 1
    if not others:
        return worst
    if known is not None and known.rule.group_summary:
        return shortened(_of_group(alerts, known), MAX_LINE)
    return f"{worst}, and {others} more"


def headline(alerts: Sequence[Alert], known: KnownRule | None, now: datetime) -> str:
    """Write what these alerts of one rule say together, and for how long it has been so."""
    oldest = min(alerts, key=lambda alert: alert.active_at)
    length = f"for {_at_least(oldest)}{age(now - oldest.active_at)}"
    said = summary_of(alerts, known, for_since=f" {length}")
    # What counts from something else, such as the last use, gets no second length that would be read as that.
    if length in said or " since " in said:
        return said
    return f"{said}, {length}"


def _at_least(alert: Alert) -> str:
    return "at least " if alert.since_at_least else ""


def _of_one(alert: Alert, for_since: str) -> str:
    summary = shown_annotations(alert).get("summary", alert.name)
    summary = summary.replace(f" since {since_text(alert)}", for_since)
    return shortened(summary, MAX_LINE)


def _of_group(alerts: Sequence[Alert], known: KnownRule) -> str:
    """Fill in the rule's `group_summary`; what differs and is not named in it is counted behind it."""
    text = known.rule.group_summary
    named = names_in(text)
    counts = {
        name: _counted(number, name)
        for name, number in differing_labels(alerts).items()
    }
    # In the order in which later ones win; a name that nobody knows is nothing.
    values = dict.fromkeys(named, "")
    values.update((name, _scalar(value)) for name, value in known.parameters.items())
    values.update(alerts[0].labels)
    values.update(counts)
    exact = {
        "total": total_text(alerts),
        "count": str(len(alerts)),
        "threshold": known.rule.threshold_text(alerts[0].severity, alerts[0].value),
    }
    values.update((name, people_text(number)) for name, number in exact.items())
    said = render(text, values, exact)
    if "count" in named:
        return said  # it counts the alerts themselves
    not_named = [
        count
        for name, count in counts.items()
        if name not in named and name not in OWN_LABELS
    ]
    return ", ".join([said, *not_named])


def _target_first(item: tuple[str, object]) -> tuple[bool, str]:
    """Sort labels by their names, but the target before all."""
    return (item[0] != "target", item[0])


def _counted(number: int, label: str) -> str:
    name = label.replace("_", " ")
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return counted(number, name, plural)


def _scalar(value: Scalar) -> str:
    match value:
        case bool():  # a number too, in Python
            return str(value).lower()
        case str():
            return value
        case int() | float():
            return format_number(value)
        case unknown:
            assert_never(unknown)
