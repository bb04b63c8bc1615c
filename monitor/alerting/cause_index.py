"""Find, among alerts of causes, the one whose labels agree with those of another alert where both have them; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Final, TypeAlias

from monitor.model.alerts import Alert
from monitor.model.cause_graph import Claims
from monitor.model.settings import Labels, labels_of

NO_CLAIMS: Mapping[str, Claims] = MappingProxyType({})

_OF_THE_RULE: Final = frozenset({"alertname", "severity"})
"""Labels that say which rule it is, and not what it is about."""

_Names: TypeAlias = frozenset[str]


@dataclass(slots=True)
class _Index:
    """Alerts by that part of their labels whose names another alert has too."""

    alerts: dict[Labels, Alert] = field(default_factory=dict)
    names: set[_Names] = field(default_factory=set)
    """Which names those parts have."""

    def add(self, part: Labels, alert: Alert) -> None:
        """Keep the first alert of each part."""
        self.alerts.setdefault(part, alert)
        self.names.add(frozenset(dict(part)))


class CauseIndex:
    """Finds those that fire by labels; a thousand of a rule are looked through once, not a thousand times."""

    def __init__(
        self, alerts: Iterable[Alert] = (), claims: Mapping[str, Claims] = NO_CLAIMS
    ) -> None:
        self._claims = claims
        # Of several that fit any would do; by the labels it is the same one at each look.
        self._alerts = sorted(alerts, key=lambda alert: alert.labels)
        self._by_names: dict[_Names, _Index] = {}

    def root_over(self, labels: Labels) -> str:
        """Return the fingerprint of the alert under which one with these labels is: of what explains it, or
        of what that one is muted under in turn; empty where nothing explains it.
        """
        cause = self.over(labels)
        if cause is None:
            return ""
        return cause.muted_by or cause.fingerprint

    def over(self, labels: Labels) -> Alert | None:
        """Return the alert that explains one with these labels; None where none does."""
        index = self._index_for(frozenset(dict(labels)) - _OF_THE_RULE)
        found: list[Alert] = []
        for names in index.names:
            part = _part(labels, names)
            if part in index.alerts:
                found.append(index.alerts[part])
        return min(found, key=lambda alert: alert.labels, default=None)

    def _index_for(self, names: _Names) -> _Index:
        """Return the alerts by their labels of these names."""
        known = self._by_names.get(names)
        if known is not None:
            return known
        index = _Index()
        for alert in self._alerts:
            if alert.is_firing():
                for labels in self._labels_of(alert):
                    index.add(_part(labels, names), alert)
        self._by_names[names] = index
        return index

    def _labels_of(self, alert: Alert) -> Iterable[Labels]:
        """Yield the labels of an alert, once with each of the values that it claims of others."""
        claims = self._claims.get(alert.name, ())
        choices = [[(name, value) for value in values] for name, values in claims]
        for chosen in product(*choices):
            yield labels_of({**dict(chosen), **dict(alert.labels)})


def _part(labels: Labels, names: Set[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] in names)
