"""What the names of one SELECT, UPDATE or DELETE can mean: its tables, and what sub-selects offer; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NameSource:
    """What stands behind FROM: a table of the database, or what a sub-select makes of some."""

    tables: tuple[str, ...] = ()
    """Every column of these is offered."""
    names: frozenset[str] = frozenset()
    """Columns that it makes itself, in small letters."""
    is_open: bool = False
    """It may have any column beside those."""


OPEN = NameSource(is_open=True)


def merged(sources: Iterable[NameSource]) -> NameSource:
    """Return what several sources offer together."""
    tables: dict[str, None] = {}
    names: frozenset[str] = frozenset()
    is_open = False
    for source in sources:
        tables.update(dict.fromkeys(source.tables))
        names |= source.names
        is_open |= source.is_open
    return NameSource(tuple(tables), names, is_open)


@dataclass(slots=True)
class SelectScope:
    """The sources of one SELECT by their aliases, those around it, and the common table expressions in force."""

    outer: SelectScope | None = None
    made: Mapping[str, NameSource] = field(default_factory=dict)
    """Common table expressions, by their names in small letters."""
    sources: dict[str, NameSource] = field(default_factory=dict)

    def inner(self) -> SelectScope:
        """Return the scope of a SELECT within this one."""
        return SelectScope(self, self.made)

    def put(self, alias: str, source: NameSource) -> None:
        """Add a source under its alias."""
        self.sources[alias.lower()] = source

    def named(self, alias: str) -> NameSource | None:
        """Return what an alias stands for here or around, None where it stands for nothing."""
        for scope in self._outward():
            if alias.lower() in scope.sources:
                return scope.sources[alias.lower()]
        return None

    def tables_of(self, column: str, alias: str) -> tuple[str, ...]:
        """Return the tables that may have this column; none where it comes from elsewhere or cannot be told."""
        source = self._meant(alias)
        if source.is_open or column.lower() in source.names:
            return ()
        return source.tables

    def _meant(self, alias: str) -> NameSource:
        if not alias:
            found = (
                source for one in self._outward() for source in one.sources.values()
            )
            return merged(found)
        return self.named(alias) or OPEN

    def _outward(self) -> Iterator[SelectScope]:
        scope: SelectScope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer
