"""Tell columns from words of SQL that the parser takes for some, and tables from those that a server makes; pure."""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

_ROW_ID: Final = "_rowid"
"""Another name for the key, of each table that has one of a whole number."""
_WORDS: Final = frozenset(
    (
        "current_role",
        "rownum",
        "sysdate",
        "unique",
        "utc_date",
        "utc_time",
        "utc_timestamp",
    )
)
"""Values without parentheses, some only on MariaDB or in its Oracle mode; UNIQUE is DISTINCT there."""
_BEFORE_WORD: Final = frozenset(("get_format", "lastval", "nextval", "setval"))
"""Functions of which the first argument is a kind of time, or a sequence."""
_SEQUENCE: Final = re.compile(r"seq_\d+_to_\d+(?:_step_\d+)?", re.IGNORECASE)


def is_column(column: exp.Column) -> bool:
    """Return whether what the parser takes for a column is one."""
    name = column.name.lower()
    is_bare = not column.table and not column.this.args.get("quoted")
    is_word = name == _ROW_ID or (is_bare and name in _WORDS)
    return not is_word and not _is_argument_of_word(column)


def is_made_by_server(table: str) -> bool:
    """Return whether a table is one of MariaDB's numbers, `seq_1_to_9`: there is each, and none is listed."""
    return _SEQUENCE.fullmatch(table) is not None


def _is_argument_of_word(column: exp.Column) -> bool:
    call = column.parent
    if not isinstance(call, exp.Anonymous) or column.index != 0:
        return False
    return call.name.lower() in _BEFORE_WORD
