"""The statements in a file of an application: what each names, what was not read, what changes the schema; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from monitor.contract.changes import changes_of, is_schema_change
from monitor.contract.filling import filled
from monitor.contract.languages import LANGUAGES
from monitor.contract.literals import literal_texts
from monitor.contract.parsing import ParseError, parsed
from monitor.contract.splitting import statements_in
from monitor.contract.uses import uses_of
from monitor.model.application import (
    HOLE,
    PlacedChange,
    ReadStatement,
    SqlPlace,
    UnreadStatement,
    Uses,
)

_COMMENT: Final = r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/"
_BEGIN: Final = rf"\A(?:\s|(?:--|\#)[^\n]*\n|{_COMMENT}|\()*+"
"""Possessive: what may stand before a statement is one thing or another, so that there is nothing to try again.

Not within it as well: before Python 3.11.5 some of such patterns find nothing.
"""
_SQL: Final = re.compile(
    rf"""{_BEGIN}(?P<verb>
        SELECT\b(?=.*\bFROM\b)
      | (?:INSERT|REPLACE)\s+(?=(?:\w+\s+){{0,2}}?INTO\b|[\w`]+\s*\()
      | UPDATE\s(?=.*\bSET\b)
      | DELETE\s(?=.*\bFROM\b)
      | WITH\s(?=.*\bAS\s*\()
      | (?:CREATE|ALTER|DROP|RENAME|TRUNCATE)\s+(?=(?:TEMPORARY\s+)?TABLE\s)
    )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_VERB: Final = re.compile(
    r"\b(?:SELECT|INSERT|REPLACE|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|RENAME|TRUNCATE)\s",
    re.IGNORECASE,
)
_MAY_HOLD_SQL: Final = re.compile(
    r"""(?:['"`]|<<<\S{1,40}|\*/)[\s(]*+(?:(?:--|\#)[^\n]{0,500}\n[\s(]*+)*+
    (?:SELECT|INSERT|REPLACE|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|RENAME|TRUNCATE)\s""",
    re.VERBOSE | re.IGNORECASE,
)
"""Most files of an application hold none, and need not be looked at more closely.

Of a comment before a statement its end is enough: from its beginning on each quote within it would be tried.
"""
_ENDINGS: Final = ("", f" {HOLE}", f" {HOLE})")
"""What may stand behind a statement that ends in the middle: its end is put together elsewhere."""
_NO_PROSE: Final = re.compile(rf"[=*`?_]|{HOLE}")
_MIGRATION: Final = re.compile(
    r"(?:^|/)[A-Za-z]{0,2}\d[^/]*$|migrat|upgrad|install|patch",
    re.IGNORECASE,
)
_GOES_ON: Final = re.compile(
    r"\s*(?:AND|OR|WHERE|ORDER|GROUP|HAVING|LIMIT|FROM|SET|ON|LEFT|INNER|JOIN|UNION|VALUES|\()\b",
    re.IGNORECASE,
)
"""How what is put behind a statement begins, if it is SQL."""
_LONG: Final = 20_000
_ROWS: Final = re.compile(r"(?i)\bVALUES\s*\(")
_HEAD: Final = 100


@dataclass(frozen=True, slots=True)
class FileSql:
    """What one file holds."""

    statements: tuple[ReadStatement, ...] = ()
    unread: tuple[UnreadStatement, ...] = ()
    changes: tuple[PlacedChange, ...] = ()

    @property
    def changes_schema(self) -> bool:
        """Return whether it changes what lasts: no temporary table alone."""
        return any(not one.change.is_temporary for one in self.changes)


@dataclass(frozen=True, slots=True)
class SqlPiece:
    """A text that is a statement, or is put behind one."""

    place: SqlPlace
    text: str


def sql_of(
    file: str,
    content: str,
    database: str = "",
) -> FileSql:
    """Return what a file of the application holds; `database` is the name of ours."""
    is_script = PurePath(file).suffix == ".sql"
    groups_of = _groups_of_sql if is_script else _groups_of_code
    return _read(groups_of(file, content), database)


def is_named_as_migration(file: str) -> bool:
    """Return whether a file is named as a migration is: by a number or a date, or what it is for."""
    return _MIGRATION.search(file) is not None


def _groups_of_sql(
    file: str,
    content: str,
) -> list[list[SqlPiece]]:
    return [
        [_piece(file, line, text)]
        for line, text in statements_in(content)
        if _SQL.match(text)
    ]


def _groups_of_code(
    file: str,
    content: str,
) -> list[list[SqlPiece]]:
    """Return the statements in the literals of a file, each with what is put behind it."""
    groups: list[list[SqlPiece]] = []
    of_variable: dict[str, list[SqlPiece]] = {}
    if not _MAY_HOLD_SQL.search(content):
        return groups
    language = LANGUAGES[PurePath(file).suffix]
    for one in literal_texts(content, language, _VERB):
        if _SQL.match(one.text):
            # A literal may hold several; what is appended goes behind the last.
            for line, text in statements_in(one.text):
                groups.append([_piece(file, one.line + line - 1, text)])
            of_variable[one.variable] = groups[-1]
        elif one.is_appended:
            piece = _piece(file, one.line, one.text)
            of_variable.get(one.variable, []).append(piece)
    return groups


def _piece(
    file: str,
    line: int,
    text: str,
) -> SqlPiece:
    head = " ".join(text.replace(HOLE, "…").split())
    is_cut = len(head) > _HEAD
    return SqlPiece(
        place=SqlPlace(file, line, f"{head[:_HEAD]}…" if is_cut else head),
        text=text,
    )


def _read(
    groups: Iterable[Sequence[SqlPiece]],
    database: str,
) -> FileSql:
    statements: list[ReadStatement] = []
    unread: list[UnreadStatement] = []
    changes: list[PlacedChange] = []
    for group in groups:
        first = group[0]
        if is_schema_change(first.text):
            found = changes_of(first.text)
            changes.extend(PlacedChange(first.place, one) for one in found)
            continue
        for one in _readings(group, database):
            if isinstance(one, ReadStatement):
                statements.append(one)
            else:
                unread.append(one)
    return FileSql(
        statements=tuple(statements),
        unread=tuple(unread),
        changes=tuple(changes),
    )


def _readings(
    group: Sequence[SqlPiece],
    database: str,
) -> Iterator[ReadStatement | UnreadStatement]:
    """Yield a statement alone, and with each of the pieces that may be behind it; the whole where that is needed."""
    first = group[0]
    whole = " ".join(piece.text for piece in group)
    is_certain = _is_certain(first.text)
    known = Uses()
    for piece in group:
        alone = first.text if piece is first else f"{first.text} {piece.text}"
        try:
            uses = _uses(alone, whole, database)
        except ParseError as error:
            # A sentence, or what another variable of that name has, is none that could not be read.
            if is_certain and (piece is first or _GOES_ON.match(piece.text)):
                yield UnreadStatement(piece.place, str(error))
            continue
        yield ReadStatement(
            place=piece.place,
            uses=uses.beside(known),
            is_certain=is_certain,
        )
        known = uses if piece is first else known


def _uses(
    text: str,
    whole: str,
    database: str,
) -> Uses:
    """Return what a statement names; where it is nothing without what comes behind it, what the whole names.

    ParseError of the statement itself.
    """
    attempts = [f"{text}{ending}" for ending in _ENDINGS]
    faults: list[ParseError] = []
    for attempt in (*attempts, whole):
        try:
            return uses_of(parsed(filled(_shortened(attempt))), database)
        except ParseError as error:
            faults.append(error)
    raise faults[0]


def _shortened(text: str) -> str:
    """Return a statement without most of the rows of a long INSERT."""
    rows = _ROWS.search(text)
    if len(text) < _LONG or rows is None:
        return text
    return f"{text[: rows.start()]} VALUES (1)"


def _is_certain(text: str) -> bool:
    match = _SQL.match(text)
    is_shouted = match is not None and match["verb"].isupper()
    return is_shouted or _NO_PROSE.search(text) is not None
