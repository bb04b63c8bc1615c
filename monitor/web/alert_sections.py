"""Sort the alerts of a page into sections, and list under each cause what follows from it; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from monitor.model.alerts import Alert, AlertState
from monitor.model.wording import counted
from monitor.web.alert_groups import (
    AlertGroup,
    PageContext,
    group_of,
    without_anchor,
)
from monitor.web.alert_order import by_rule, newest_first
from monitor.web.headline import KnownRule

MAX_GROUPS = 30
"""So many groups of alerts are described in a section, the worst; the others are counted."""
MAX_ALERT_ROWS = 150
"""So many alerts have a row in a section."""
MAX_CONSEQUENCES = 8
"""So many rules are named under one cause, the worst; the alerts of the others are counted."""
MAX_CONSEQUENCE_ROWS = 8
"""So many alerts of each of them are named."""


@dataclass(frozen=True, slots=True)
class AlertSections:
    """Alerts by rule, in the order in which they stand on the page, by the section that they stand in."""

    active: list[list[Alert]]
    """What speaks for itself."""
    muted: list[list[Alert]]
    """What is muted under an alert that is not in `active`."""
    resolved: list[list[Alert]]
    consequences: Mapping[str, Sequence[Alert]]
    """What is muted under an alert in `active`, by the fingerprint of that one."""

    def under(self, causes: Iterable[Alert]) -> list[Alert]:
        """Return what is muted under any of these alerts."""
        found: list[Alert] = []
        for cause in causes:
            found += self.consequences.get(cause.fingerprint, ())
        return found


def sections_of(
    alerts: Iterable[Alert], rules: Mapping[str, KnownRule]
) -> AlertSections:
    """Sort alerts into what speaks for itself, what is muted and under whom, and what is over."""
    active: list[Alert] = []
    muted: list[Alert] = []
    over: list[Alert] = []
    for alert in alerts:
        if alert.state is AlertState.RESOLVED:
            over.append(alert)
        elif alert.muted_by is not None:
            muted.append(alert)
        else:
            active.append(alert)
    consequences = _by_cause(muted, {alert.fingerprint for alert in active})
    return AlertSections(
        by_rule(active, rules),
        by_rule(consequences.pop("", ()), rules),
        newest_first(by_rule(over, rules)),
        consequences,
    )


def all_described(
    sections: AlertSections, context: PageContext
) -> tuple[tuple[AlertGroup, ...], ...]:
    """Describe what is active, what is muted under others than these, and what resolved."""
    # In this order: an alert that is active keeps its anchor, and one that resolved before gets none.
    anchors: set[str] = set()
    every = (sections.active, sections.muted, sections.resolved)
    return tuple(described(one, sections, context, anchors) for one in every)


def described(
    section: Sequence[Sequence[Alert]],
    sections: AlertSections,
    context: PageContext,
    anchors: set[str],
) -> tuple[AlertGroup, ...]:
    """Describe the first groups of a section, each with what follows from it.

    `anchors` are those that stand above it on the page, and gets those within.
    """
    groups: list[AlertGroup] = []
    room = MAX_ALERT_ROWS
    for alerts in section[:MAX_GROUPS]:
        if room <= 0:
            break
        group = group_of(alerts, context, max_rows=room)
        group = without_anchor(group, anchors)
        group = with_consequences(group, sections.under(alerts), context, anchors)
        room -= group.row_count
        groups.append(group)
    return tuple(groups)


def with_consequences(
    group: AlertGroup,
    alerts: Sequence[Alert],
    context: PageContext,
    anchors: set[str],
) -> AlertGroup:
    """List under a group what follows from it, the worst rule first; the one that is asked for in any case."""
    by_severity = by_rule(alerts, context.rules)
    by_severity.sort(key=lambda rule: not _has(rule, context.asked))
    found: list[AlertGroup] = []
    for same_rule in by_severity[:MAX_CONSEQUENCES]:
        one = group_of(same_rule, context, max_rows=MAX_CONSEQUENCE_ROWS)
        found.append(without_anchor(one, anchors))
    listed = sum(one.size for one in found)
    return replace(
        group,
        consequences=tuple(found),
        consequences_title=_consequences_title(alerts),
        consequences_left_out=len(alerts) - listed,
    )


def _consequences_title(alerts: Sequence[Alert]) -> str:
    """Return why alerts are muted: what has no data was there before, and comes of something else."""
    # One that its cause explains has that cause; the others are as they were when data was lost.
    explained = sum(bool(alert.cause) for alert in alerts)
    why = "Follows from it"
    if not explained:
        why = "No data because of it, so as last seen"
    elif explained < len(alerts):
        why = "Follows from it, or has no data because of it"
    these = "it" if len(alerts) == 1 else "these"
    count = counted(len(alerts), "alert")
    return f"{why}, {count}; nobody is notified of {these} meanwhile"


def not_described(sections: AlertSections, groups: Sequence[AlertGroup]) -> int:
    """Return how many alerts that are active are in none of the groups that are described."""
    every = sum(map(len, [*sections.active, *sections.consequences.values()]))
    return every - sum(group.size + group.consequence_count for group in groups)


def _by_cause(
    muted: Sequence[Alert], speaking: Set[str]
) -> defaultdict[str, list[Alert]]:
    """Return what is muted by the alert that speaks for it; "" where none of those that speak does."""
    roots = {alert.fingerprint: alert.muted_by or "" for alert in muted}
    found: defaultdict[str, list[Alert]] = defaultdict(list)
    for alert in muted:
        root = roots[alert.fingerprint]
        found[_speaking_root(root, roots, speaking)].append(alert)
    return found


def _speaking_root(root: str, roots: Mapping[str, str], speaking: Set[str]) -> str:
    """Follow the roots from that of a muted alert to one that speaks; "" where that leads nowhere, or in a circle."""
    passed: set[str] = set()
    while root not in speaking:
        if root in passed:
            return ""
        passed.add(root)
        root = roots.get(root, "")
    return root


def _has(alerts: Iterable[Alert], fingerprint: str) -> bool:
    return any(alert.fingerprint == fingerprint for alert in alerts)
