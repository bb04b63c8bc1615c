"""Cut a .sql file into its statements, also a log of an ORM's or a server's; each with its line; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from monitor.config.sql.lexer import scan

_VERBS: Final = "SELECT|INSERT|REPLACE|UPDATE|DELETE|WITH|CREATE|ALTER|DROP"
_LOGGED: Final = re.compile(
    rf"""^(?:
        prisma:query
      | query:
      | Executing[ ]\([^)\n]*\):
      | \([\d.]+\)
      | [^\n]{{0,60}}\bsqlalchemy\.engine\S*
      | [\d\s:TZ.+-]*[ \t]\d+[ ](?:Query|Execute|Prepare)
    )[ \t]+(?=(?:{_VERBS})\b)""",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
"""What a log has before a statement: those of Prisma, TypeORM, Sequelize, Django, SQLAlchemy, the general log."""
_ROUTINES: Final = re.compile(
    r"^[ \t]*DELIMITER[ \t]+(?!;)(\S+).*?(?:^[ \t]*DELIMITER[ \t]*;[^\n]*|\Z)",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE | re.DOTALL,
)


def statements_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each statement; the bodies of routines are left out."""
    text = _ROUTINES.sub(_blank_lines, text)
    text = _LOGGED.sub(";", text)
    line = begin = 1
    parts: list[str] = []
    for token in scan(text):
        is_end = token.text == ";"
        if parts and is_end:
            yield begin, "".join(parts)
            parts.clear()
        elif parts:
            parts.append(token.text)
        elif token.is_code and not is_end:
            begin = line
            parts.append(token.text)
        line += token.text.count("\n")
    if parts:
        yield begin, "".join(parts)


def _blank_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")
