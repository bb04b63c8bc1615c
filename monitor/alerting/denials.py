"""Say by which GRANT a refused table or routine is had, from the server's words and the statement; pure."""

from __future__ import annotations

import re

# `app`.`users` of MariaDB, 'users' of MySQL, which leaves the schema out; 'app.f' of a routine
_OBJECT = re.compile(r"\b(?P<kind>table|routine) (?P<name>\S+)")
_QUOTES = "`'\""


def grant_for(message: str, *, statement: str, database: str, account: str) -> str:
    """Write the GRANT that the server's words ask for, on what they or the statement name."""
    found = list(_OBJECT.finditer(message))
    if not found:
        return ""
    is_routine = found[-1]["kind"] == "routine"
    schema, _, name = (part.strip(_QUOTES) for part in found[-1]["name"].rpartition("."))
    schema = schema or _schema_in(statement, name) or database
    right = "EXECUTE ON FUNCTION" if is_routine else "SELECT ON"
    return f"GRANT {right} `{schema}`.`{name}` TO {account};"


def _schema_in(statement: str, table: str) -> str:
    """Return the schema that a statement names before a table, if it does."""
    before = r"(?:\bFROM|\bJOIN|[,(])\s*`?(?P<schema>[^\s`.,()]+)`?\s*\.\s*`?"
    found = re.search(f"{before}{re.escape(table)}`?(?![\\w$.`])", statement, re.IGNORECASE)
    return found["schema"] if found else ""
