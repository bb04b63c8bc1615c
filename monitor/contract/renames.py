"""What a statement gives another name: columns and tables, with their rows; for the changes of a schema; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

from monitor.config.sql.lexer import Token
from monitor.model.application import SchemaChange

_AFTER_OLD: Final = frozenset(("TO", "WAIT", "NOWAIT"))
"""What stands behind the old name of a table."""


def renamed_part(
    table: str,
    words: Sequence[str],
    rest: Sequence[Token],
) -> Iterator[SchemaChange]:
    """Yield what a part of an ALTER TABLE that begins with these words gives another name."""
    match words:
        case ["CHANGE", *_]:
            yield from _column(table, rest[:2])
        case ["RENAME", "COLUMN"]:
            names = [*rest[:1], *rest[2:3]]
            yield from _column(table, names)
        case ["RENAME", kind] if kind not in ("INDEX", "KEY"):
            # the table itself: RENAME new, RENAME TO new
            for last in rest[-1:]:
                yield SchemaChange(last.name, old_name=table)
        case _:
            return


def renamed_tables(
    items: Iterable[Sequence[Token]],
) -> Iterator[SchemaChange]:
    """Yield the new names of what the parts of a RENAME TABLE say, such as `old TO new`."""
    for item in items:
        kept = takewhile(lambda token: token.word not in _AFTER_OLD, item)
        old = list(kept)
        if 0 < len(old) < len(item) - 1:
            yield SchemaChange(
                table=item[-1].name,
                old_name=old[-1].name,
            )


def _column(
    table: str,
    names: Sequence[Token],
) -> Iterator[SchemaChange]:
    """Yield the new one of two names, without the type: to add it would leave the rows under the old one."""
    match [token.name for token in names]:
        case [old, new] if old.lower() != new.lower():
            yield SchemaChange(
                table=table,
                column=new,
                old_name=old,
            )
        case _:
            return
