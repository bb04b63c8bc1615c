"""The SQL of a whole application: the contract that its statements make with the schema; pure.

What changes the schema is no part of it. Nor is what stands beside that in a migration: it was run against the schema
of its day. Both are where the repair of something missing is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from monitor.contract.statements import FileSql, is_named_as_migration, sql_of
from monitor.model.application import (
    ApplicationSql,
    PlacedChange,
    ReadStatement,
    UnreadStatement,
)


def application_sql(
    files: Iterable[tuple[str, str]],
    database: str,
) -> ApplicationSql:
    """Read the files, each a name and its content; `database` is the name of ours."""
    found = {name: sql_of(name, content, database) for name, content in files}
    folders = _folders_of_migrations(found)
    statements: list[ReadStatement] = []
    unread: list[UnreadStatement] = []
    changes: list[PlacedChange] = []
    migrations = 0
    for name, sql in found.items():
        changes.extend(sql.changes)
        if _is_migration(name, sql, folders):
            migrations += 1
        else:
            statements.extend(sql.statements)
            unread.extend(sql.unread)
    return ApplicationSql(
        statements=tuple(statements),
        unread=tuple(unread),
        changes=tuple(changes),
        files=len(found) - list(found.values()).count(FileSql()),
        migrations=migrations,
    )


def _is_migration(name: str, sql: FileSql, folders: frozenset[PurePath]) -> bool:
    path = PurePath(name)
    if not is_named_as_migration(name):
        # A script that makes a table does not ask it for rows.
        return sql.changes_schema and path.suffix == ".sql"
    return sql.changes_schema or path.parent in folders


def _folders_of_migrations(found: dict[str, FileSql]) -> frozenset[PurePath]:
    """Return the folders of migrations that change the schema; others there may change rows alone."""
    return frozenset(
        PurePath(name).parent
        for name, sql in found.items()
        if sql.changes_schema and is_named_as_migration(name)
    )
