"""Look whether a database has what an application's statements name, and touch what looks missing; in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from monitor.contract.comparison import SchemaComparison, compared
from monitor.contract.schema import MissingName, SchemaTables
from monitor.model.application import HOLE, ApplicationSql
from monitor.model.errors import QueryError, Reason
from monitor.model.identifiers import quoted
from monitor.model.results import Failure

MAX_TOUCHES: Final = 200
"""Statements of one look that touch; what is beyond them is unknown until the next, never missing."""
MAX_LOOKS: Final = 3
"""A look and what it touches are several statements: a table that is altered between them makes them differ."""

Look = Callable[[], SchemaTables]
"""Ask for the tables and columns; QueryError as the server answers."""
Touch = Callable[[str], None]
"""Send a statement; QueryError as the server answers."""


class _Touched(Enum):
    """What a table or column turned out to be that looked missing."""

    MISSING = "missing"
    DENIED = "denied"
    PRESENT = "present"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class SchemaLook:
    """What a database has of an application's statements."""

    schema: SchemaTables
    comparison: SchemaComparison
    missing: tuple[MissingName, ...]
    unknown: tuple[MissingName, ...]
    """What the account may not see, or what was told differently by two statements."""
    refusals: tuple[Failure, ...]


@dataclass(slots=True)
class _TouchedNames:
    """Touches what looks missing, each table or column of a table once."""

    touch: Touch
    refusals: list[Failure] = field(default_factory=list)
    known: dict[str, _Touched] = field(default_factory=dict)

    def of(self, name: MissingName) -> _Touched:
        """Return what a name is; one that several tables may have is missing where none of them has it."""
        for table in name.tables:
            # Of a name that only the application knows whole there is nothing to touch.
            if HOLE not in table:
                found = self._touched(table, name.column)
                if found is not _Touched.MISSING:
                    return found
        return _Touched.MISSING

    def _touched(self, table: str, column: str) -> _Touched:
        what = quoted(column) if column else "1"
        sql = f"SELECT {what} FROM {quoted(table)} LIMIT 0"
        if sql not in self.known:
            if len(self.known) >= MAX_TOUCHES:
                return _Touched.UNTOUCHED
            self.known[sql] = self._ask(sql)
        return self.known[sql]

    def _ask(self, sql: str) -> _Touched:
        try:
            self.touch(sql)
        except QueryError as error:
            if error.reason is Reason.SCHEMA_MISSING:
                return _Touched.MISSING
            if error.reason is not Reason.ACCESS_DENIED:
                raise
            failure = Failure(error.reason, error.message, error.code, error.detail)
            self.refusals.append(failure)
            return _Touched.DENIED
        return _Touched.PRESENT


def look_at_schema(
    application: ApplicationSql,
    ignored: Sequence[str],
    look: Look,
    touch: Touch,
) -> SchemaLook:
    """Look, and touch what looks missing; look again while the two disagree (ADR 0001).

    information_schema hides what the account may not see: 1142 and 1143 distinguish that from 1054 and 1146. On
    MariaDB it also hides a table for the moment in which it is altered or renamed.
    """
    for number in range(1, MAX_LOOKS + 1):
        schema = look()
        comparison = compared(application, schema, ignored)
        touches = _TouchedNames(touch)
        found = {name: touches.of(name) for name in comparison.missing}
        # A table is gone for the moment of a RENAME: it is only believed to be when it is seen twice.
        is_settled = number > 1 or not _has_lost_table(found)
        if is_settled and _Touched.PRESENT not in found.values():
            break
    missing = [name for name, what in found.items() if what is _Touched.MISSING]
    unknown = [name for name in found if name not in missing]
    return SchemaLook(
        schema=schema,
        comparison=comparison,
        missing=tuple(missing),
        unknown=tuple(unknown),
        refusals=tuple(touches.refusals),
    )


def _has_lost_table(found: dict[MissingName, _Touched]) -> bool:
    return any(
        what is _Touched.MISSING and not name.column for name, what in found.items()
    )
