"""What an import makes: targets and queries as they are written into our files; frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from monitor.config.toml.problems import Origin

TomlTable: TypeAlias = Mapping[str, Any]
"""Keys and values as TOML has them: texts, numbers, booleans, lists, tables."""


@dataclass(frozen=True, slots=True)
class ImportedMetric:
    """One `[metrics.NAME]`."""

    name: str
    keys: TomlTable
    origin: Origin


@dataclass(frozen=True, slots=True)
class ImportedQuery:
    """The two files of one query."""

    name: str
    sql: str
    keys: TomlTable
    """The top of NAME.toml."""
    metrics: Sequence[ImportedMetric]
    origin: Origin
    parameters: TomlTable = field(default_factory=dict)
    for_each: TomlTable = field(default_factory=dict)

    @property
    def label_names(self) -> set[str]:
        """Return the labels of all its metrics."""
        names: set[str] = set()
        if self.for_each:
            names.add(self.for_each["label"])
        for metric in self.metrics:
            names.update(metric.keys.get("labels", ()), metric.keys.get("values", ()))
        return names


@dataclass(frozen=True, slots=True)
class ImportedTarget:
    """One `[targets.NAME]`."""

    name: str
    keys: TomlTable
    queries: Sequence[str]
    origin: Origin
    password: str | None = None
    """What belongs into the file that `password_file` names."""
    schedules: Mapping[str, TomlTable] = field(default_factory=dict)
    """When those of its queries run that run at other times elsewhere; of some that were left out since, too."""

    @property
    def own_schedules(self) -> dict[str, TomlTable]:
        """Return the schedules of those queries that are still its own."""
        names = [name for name in self.schedules if name in self.queries]
        return {name: self.schedules[name] for name in names}

    @property
    def queries_key(self) -> str:
        """Return the key of its list of queries: where `queries` is their tables the list is `only`."""
        return "only" if self.own_schedules else "queries"

    @property
    def password_file(self) -> str:
        """Return the name of the file with its password; empty where it has none."""
        return str(self.keys.get("password_file", ""))


@dataclass(frozen=True, slots=True)
class Imported:
    """All that an import makes."""

    kind: str
    """Whose configuration it was."""
    targets: Sequence[ImportedTarget]
    queries: Sequence[ImportedQuery]
    web: TomlTable = field(default_factory=dict)
