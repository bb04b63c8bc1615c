"""Say of refused tables by which GRANT they are had, and of which of them nothing is known yet; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from monitor.alerting.ownership import denied_tables
from monitor.alerting.snapshot import JobKey, QueryView, Snapshot
from monitor.model.settings import Cron, Labels, labels_of

# `app`.`users` of MariaDB, 'users' of MySQL, which leaves the schema out; 'app.f' of a routine
_OBJECT = re.compile(r"\b(?P<kind>table|routine) (?P<name>\S+)")
_QUOTES = "`'\""


def grant_for(message: str, *, statement: str, database: str, account: str) -> str:
    """Write the GRANT that the server's words ask for, on what they or the statement name."""
    found = list(_OBJECT.finditer(message))
    if not found:
        return ""
    is_routine = found[-1]["kind"] == "routine"
    schema, _, name = (
        part.strip(_QUOTES) for part in found[-1]["name"].rpartition(".")
    )
    schema = schema or _schema_in(statement, name) or database
    right = "EXECUTE ON FUNCTION" if is_routine else "SELECT ON"
    return f"GRANT {right} `{schema}`.`{name}` TO {account};"


def _schema_in(statement: str, table: str) -> str:
    """Return the schema that a statement names before a table, if it does."""
    before = r"(?:\bFROM|\bJOIN|[,(])\s*`?(?P<schema>[^\s`.,()]+)`?\s*\.\s*`?"
    found = re.search(
        f"{before}{re.escape(table)}`?(?![\\w$.`])", statement, re.IGNORECASE
    )
    return found["schema"] if found else ""


def unheard(views: Iterable[QueryView]) -> tuple[Labels, ...]:
    """Return the labels of refusals of which nothing is known: who would meet them has not run yet.

    What runs by an interval does so at once, and anything is waited for until then; what waits for its
    hour could only speak of the tables that it names.
    """
    waiting = [view.job.query for view in views if view.outcome is None]
    if any(
        query.schema is not None or not isinstance(query.schedule, Cron)
        for query in waiting
    ):
        return (labels_of({}),)
    words = {
        word
        for query in waiting
        for word in re.findall(r"[\w$]+", query.statement.text)
    }
    return tuple(labels_of({"table": word}) for word in sorted(words))


def with_seen(before: Snapshot, after: Snapshot, key: JobKey) -> Snapshot:
    """Note of others that the tables that they are refused are seen again by this run; they run at once.

    That they are run again for another reason, such as a target that is back, gives nobody a right.
    """
    seen = denied_tables(before.queries[key]) - denied_tables(after.queries[key])
    if not seen:
        return after
    queries = dict(after.queries)
    for view in after.views_of(key[0]):
        if regained := denied_tables(view) & seen:
            queries[view.job.key] = replace(view, regained=view.regained | regained)
    return replace(after, queries=queries)
