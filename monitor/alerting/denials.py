"""Read from a server's words which tables are refused, and which GRANT would give them; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.chunked_map import updated
from monitor.model.identifiers import quoted
from monitor.model.results import Failure
from monitor.model.settings import JobKey, Labels, labels_of

# `app`.`users` of MariaDB, 'users' of MySQL, which leaves the schema out; 'app.f' of a routine
_OBJECT = re.compile(r"\b(?P<kind>table|routine) (?P<name>\S+)")
_QUOTES = "`'\""
_WORD = re.compile(r"[\w$]+")
_RIGHTS = {"table": "SELECT ON", "routine": "EXECUTE ON FUNCTION"}

_NO_TABLES: frozenset[str] = frozenset()
_ANYTHING: Labels = ()
"""Labels that every alert carries."""


@dataclass(frozen=True, slots=True)
class _RefusedObject:
    """What a server's words name; the schema is empty where they leave it out."""

    kind: str
    schema: str
    name: str


def denied_table(outcome: object) -> str:
    """Return the table or routine that a failure says is refused; empty where it says none."""
    if not isinstance(outcome, Failure) or not outcome.is_denial:
        return ""
    refused = _refused_object(outcome.message)
    return "" if refused is None else refused.name


def denied_tables(view: QueryView) -> frozenset[str]:
    """Return the tables that are refused to a query, as far as its runs could see."""
    if not view.denied:
        return _NO_TABLES
    tables = {denied_table(failure) for failure in view.denied}
    return frozenset(tables - {""})


def tables_seen_again(before: Snapshot, after: Snapshot, key: JobKey) -> frozenset[str]:
    """Return the tables that were refused to a query, and that its last run was let see."""
    were_denied = denied_tables(before.queries[key])
    if not were_denied:
        return were_denied
    are_denied = denied_tables(after.queries[key])
    return were_denied - are_denied


def grant_for(message: str, *, statement: str, database: str, account: str) -> str:
    """Return the GRANT that the server's words ask for, on what they or the statement name."""
    refused = _refused_object(message)
    if refused is None:
        return ""
    schema = refused.schema or _schema_in(statement, refused.name, database)
    right = _RIGHTS[refused.kind]
    return f"GRANT {right} {quoted(schema)}.{quoted(refused.name)} TO {account};"


def _refused_object(message: str) -> _RefusedObject | None:
    found = list(_OBJECT.finditer(message))
    if not found:
        return None
    # The last one: before it may stand the user's name, which can be anything.
    kind, name = found[-1].group("kind", "name")
    schema, _, name = name.rpartition(".")
    return _RefusedObject(kind, _unquoted(schema), _unquoted(name))


def _unquoted(name: str) -> str:
    """Return a name without the quotes of the server's words; MariaDB doubles a backquote in it."""
    return name.strip(_QUOTES).replace("``", "`")


def _schema_in(statement: str, table: str, default: str) -> str:
    """Return the schema that a statement names before a table; else the default one."""
    before = r"(?:\bFROM|\bJOIN|[,(])\s*`?(?P<schema>[^\s`.,()]+)`?\s*\.\s*`?"
    after = r"`?(?![\w$.`])"
    found = re.search(f"{before}{re.escape(table)}{after}", statement, re.IGNORECASE)
    return found["schema"] if found else default


def unheard(views: Iterable[QueryView]) -> tuple[Labels, ...]:
    """Return the labels of refusals of which nothing is known: who would meet them has not run yet.

    What runs by an interval does so at once, and anything is waited for until then; what waits for its
    hour could only speak of the tables that it names.
    """
    words: set[str] = set()
    for view in views:
        if view.outcome is not None:
            continue
        if view.job.is_first_to_know:
            return (_ANYTHING,)
        words.update(_WORD.findall(view.job.query.statement.text))
    return tuple(labels_of({"table": word}) for word in sorted(words))


def with_seen(before: Snapshot, after: Snapshot, key: JobKey) -> Snapshot:
    """Note of others that the tables that they are refused are seen again by this run; they run at once.

    That they are run again for another reason, such as a target that is back, gives nobody a right.
    """
    seen = tables_seen_again(before, after, key)
    if not seen:
        return after
    queries: dict[JobKey, QueryView] = {}
    for view in after.views_of(key[0]):
        regained = view.regained | (denied_tables(view) & seen)
        queries[view.job.key] = replace(view, regained=regained)
    return replace(after, queries=updated(after.queries, queries))
