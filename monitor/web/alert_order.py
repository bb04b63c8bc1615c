"""Put alerts into the order in which a person should read them: rule by rule, the worst first; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from monitor.alerting.severity import rank
from monitor.model.alerts import Alert, AlertState
from monitor.model.own_alerts import is_own
from monitor.model.settings import Labels
from monitor.web.headline import KnownRule

_STATES: Final = (AlertState.FIRING, AlertState.PENDING, AlertState.RESOLVED)
"""The worst first."""

AlertWeight: TypeAlias = tuple[int, int, bool, float, datetime, Labels]
GroupWeight: TypeAlias = tuple[int, int, bool, datetime, str]


def by_rule(
    alerts: Iterable[Alert], rules: Mapping[str, KnownRule]
) -> list[list[Alert]]:
    """Group alerts by their rule; the worst group first, and in each the worst alert first.

    Of the same severity what is wrong with the database comes before what is wrong with the monitor.
    """
    groups = by_name(alerts)
    for name, group in groups.items():
        group.sort(key=_alert_weight(rules.get(name)))
    return sorted(groups.values(), key=_group_weight)


def by_name(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """Group alerts by the name of their rule, in their order."""
    groups: dict[str, list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(alert.name, []).append(alert)
    return groups


def newest_first(groups: Iterable[Sequence[Alert]]) -> list[list[Alert]]:
    """Sort alerts that are over, and their groups, by when they resolved; the newest first."""
    found = [sorted(group, key=_ended_at, reverse=True) for group in groups]
    found.sort(key=lambda group: _ended_at(group[0]), reverse=True)
    return found


def _alert_weight(known: KnownRule | None) -> Callable[[Alert], AlertWeight]:
    is_low_worse = known is not None and known.rule.condition.is_lower_worse

    def weigh(alert: Alert) -> AlertWeight:
        return (
            _STATES.index(alert.state),
            -rank(alert.severity),
            # What data says now, before what it last said.
            alert.held,
            alert.value if is_low_worse else -alert.value,
            alert.active_at,
            alert.labels,
        )

    return weigh


def _group_weight(group: Sequence[Alert]) -> GroupWeight:
    worst = group[0]
    return (
        _STATES.index(worst.state),
        -rank(worst.severity),
        is_own(worst.name),
        min(alert.active_at for alert in group),
        worst.name,
    )


def _ended_at(alert: Alert) -> datetime:
    return alert.resolved_at or alert.active_at
