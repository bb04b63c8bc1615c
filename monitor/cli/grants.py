"""`grants`: the SQL that makes an account with just the rights that the monitor needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from monitor.cli import OK, USAGE
from monitor.cli.options import common, load_or_tell
from monitor.cli.output import counted, say
from monitor.cli.selection import selected_targets
from monitor.config.queries.required_rights import REPLICA_STATUS, Right, required_rights
from monitor.model.settings import Config, Query, Target

_MONITORS = 2
"""So many may be there at once: the one that was, and the one that takes its place."""
_FOR_KILL = 1
_FOR_CHECK = 2
"""`check`, `query` or `validate --connect` while the daemon runs, and its KILL."""
_TCP_LOOPBACK = ("127.0.0.1", "::1")


@click.command("grants")
@click.option("--target", help="Only this target.")
@common
def command(target: str | None, config_path: Path, log_level: str, log_format: str) -> int:
    """Print the least-privilege account of each target as SQL, for an administrator to run."""
    config = load_or_tell(config_path, exit_code=USAGE)
    say("\n\n".join(grants(one, config) for one in selected_targets(config, target)))
    return OK


def grants(target: Target, config: Config) -> str:
    """Write the statements for one target: SELECT on its schema, and what its queries need beyond it.

    On the whole schema, not on tables: an account with rights on single tables is told "denied"
    where a table is missing, and the very incident would look like a lack of rights.
    """
    account = f"{_text(target.user)}@{_text(_host(target))}"
    queries = [job.query for job in config.jobs if job.target.name == target.name]
    require = "" if target.tls.mode == "disabled" else " REQUIRE SSL"
    lines = [
        f"-- target {target.name}: {counted(len(queries), 'query', 'queries')},"
        f" at most {target.max_connections} at once",
        f"CREATE USER {account} IDENTIFIED BY 'put a long random password here'{require}"
        f" WITH MAX_USER_CONNECTIONS {quota(target)};",
        *_of_schema(target.database, account),
    ]
    needed = _needed(queries, target.database)
    for right, names in needed.items():
        lines.append(f"-- for {', '.join(sorted(names))}:")
        lines.append(_grant(right, account))
    if REPLICA_STATUS not in needed:
        lines.append("-- only if it is a replica, so that the monitor sees how far it is behind:")
        lines.append(f"-- {_grant(REPLICA_STATUS, account)}")
    return "\n".join(lines)


def quota(target: Target) -> int:
    """Compute MAX_USER_CONNECTIONS: room for two monitors, while one replaces the other, and a `check`."""
    return _MONITORS * (target.max_connections + _FOR_KILL) + _FOR_CHECK


def _host(target: Target) -> str:
    """Choose the host of the account: a server that looks up no names knows no localhost by TCP."""
    if target.host in _TCP_LOOPBACK:
        return target.host
    return "localhost" if target.host in (None, "localhost") else "%"


def _of_schema(database: str, account: str) -> list[str]:
    pattern = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    grant = f"GRANT SELECT ON {_quoted(pattern)}.* TO {account};"
    if pattern == database:
        return [grant]
    return ["-- \\ because _ and % stand for any; on a server with partial_revokes leave it out:", grant]


def _needed(queries: Iterable[Query], database: str) -> dict[Right, set[str]]:
    """List the rights that queries need beyond the schema, each with the queries that need it."""
    needed: dict[Right, set[str]] = {}
    for query in queries:
        evidence = [rule.evidence for rule in query.rules if rule.evidence is not None]
        for statement in (query.statement, *query.variants.values(), *evidence):
            for right in required_rights(statement.text, database):
                needed.setdefault(right, set()).add(query.name)
    return dict(sorted(needed.items()))


def _grant(right: Right, account: str) -> str:
    """Write a GRANT that both servers take: MySQL reads /*M! … */ as a comment, MariaDB /*!80000 … */."""
    both = f"/*M! {right.mariadb} */ /*!80000 {right.mysql} */"
    named = right.mariadb if right.mariadb == right.mysql else both
    return f"GRANT {named} ON {_place(right)} TO {account};"


def _place(right: Right) -> str:
    if not right.schema:
        return "*.*"
    if not right.name:
        return f"{_quoted(right.schema)}.*"
    kind = "FUNCTION " if right.is_function else ""
    return f"{kind}{_quoted(right.schema)}.{_quoted(right.name)}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
