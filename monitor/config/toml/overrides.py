"""Merge one section over another: how config.toml overrides what a query's own file says; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.config.toml.document import Section
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.problems import Origin
from monitor.model.conditions import CONDITIONS

# Keys of which one replaces the others: an override that gives one removes those that the file has.
# By the first key of a table's path in a query's file, and by how deep the table is.
_EXCLUSIVE: Final[Mapping[tuple[KeyPath, int], tuple[tuple[str, ...], ...]]] = {
    ((), 0): (("interval", "cron", "time_zone"),),
    (("metrics",), 2): (("value", "values"),),
    (("rules",), 2): (
        tuple(CONDITIONS),
        ("metric", "column", "by"),
    ),
}

_RULE_DEPTH: Final = 2
_GO_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "above": ("above_share", "clear_below"),
    "below": ("clear_above",),
}
"""Keys that mean nothing without another one, and go with it."""


def merge(base: Section, override: Section) -> Section:
    """Put one section deep over another; lists replace; each key keeps the origin of who gave it."""
    merged = _Merged(
        data=dict(base.data),
        origins=dict(base.own_origins()),
        given=dict(override.own_origins()),
    )
    merged.put_table(merged.data, override.data, ())
    return Section(merged.data, merged.origins)


@dataclass(frozen=True, slots=True)
class _Merged:
    """What becomes of the base while an override is put over it."""

    data: dict[str, Any]
    origins: dict[KeyPath, Origin]
    given: Mapping[KeyPath, Origin]
    """Those of the override."""

    def put_table(
        self, data: dict[str, Any], override: Mapping[str, Any], path: KeyPath
    ) -> None:
        """Put a table of the override over the one that stands at the same path."""
        is_rule = path[:1] == ("rules",) and len(path) == _RULE_DEPTH
        for group in _EXCLUSIVE.get((path[:1], len(path)), ()):
            if not override.keys().isdisjoint(group):
                self._replace(data, override, path, group)
        if is_rule and _has_levels(override):
            self._remove(data, path, "severity")  # each threshold says its own
        for key, value in override.items():
            old = data.get(key)
            if isinstance(value, Mapping) and isinstance(old, Mapping):
                data[key] = below = dict(old)
                self.put_table(below, value, (*path, key))
            else:
                self._remove(data, path, key)
                data[key] = value
                self._take_origins((*path, key))

    def _replace(
        self,
        data: dict[str, Any],
        override: Mapping[str, Any],
        path: KeyPath,
        group: tuple[str, ...],
    ) -> None:
        """Take out of a table the keys of a group that the override gives another one for."""
        for key in data.keys() & set(group) - override.keys():
            for name in (key, *_GO_WITH.get(key, ())):
                self._remove(data, path, name)

    def _remove(self, data: dict[str, Any], path: KeyPath, key: str) -> None:
        """Take a key out of the table at a path, and the origins of all that is below it."""
        data.pop(key, None)
        for known in [*self.origins]:
            if _is_below(known, (*path, key)):
                del self.origins[known]

    def _take_origins(self, path: KeyPath) -> None:
        for known, origin in self.given.items():
            if _is_below(known, path):
                self.origins[known] = origin


def _has_levels(rule: Mapping[str, Any]) -> bool:
    return any(isinstance(rule.get(key), Mapping) for key in ("above", "below"))


def _is_below(path: KeyPath, top: KeyPath) -> bool:
    return path[: len(top)] == top
