"""`grants`: the SQL that makes an account with just the rights that the monitor needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from monitor.cli import OK, USAGE
from monitor.cli.options import common, load_or_tell
from monitor.cli.output import say
from monitor.cli.selection import selected_targets
from monitor.config.sql.required_privileges import (
    REPLICA_STATUS,
    Privilege,
    required_privileges,
)
from monitor.model.identifiers import quoted
from monitor.model.settings import Config, Query, Target
from monitor.model.wording import counted

_MONITORS = 2
"""So many may be there at once: the one that was, and the one that takes its place."""
_FOR_KILL = 1
_FOR_CHECK = 2
"""`check`, `query` or `validate --connect` while the daemon runs, and its KILL."""
_TCP_LOOPBACK = ("127.0.0.1", "::1")


@click.command("grants")
@click.option("--target", help="Only this target.")
@common
def command(
    target: str | None, config_path: Path, log_level: str, log_format: str
) -> int:
    """Print the least-privilege account of each target as SQL, for an administrator to run."""
    config = load_or_tell(config_path, exit_code=USAGE)
    chosen = selected_targets(config, target)
    shared = [
        together
        for together in accounts(config.targets)
        if any(one in chosen for one in together)
    ]
    say("\n\n".join(grants(together, config) for together in shared))
    return OK


def accounts(targets: Iterable[Target]) -> list[list[Target]]:
    """Group the targets that enter one server by one account: it is made once, with room for all of them."""
    found: dict[tuple[object, ...], list[Target]] = {}
    for target in targets:
        place = (target.host, target.port, target.unix_socket, target.user)
        found.setdefault(place, []).append(target)
    return list(found.values())


def grants(targets: Sequence[Target], config: Config) -> str:
    """Write the statements for one account: SELECT on its schemas, and what queries need beyond them.

    On the whole schema, not on tables: an account with rights on single tables is told "denied"
    where a table is missing, and the very incident would look like a lack of rights.
    """
    account = f"{_text(targets[0].user)}@{_text(_host(targets[0]))}"
    require = (
        ""
        if all(target.tls.mode == "disabled" for target in targets)
        else " REQUIRE SSL"
    )
    limit = sum(quota(target) for target in targets)
    lines = [_headline(target, config) for target in targets]
    lines.append(
        f"CREATE USER {account} IDENTIFIED BY 'put a long random password here'{require}"
        f" WITH MAX_USER_CONNECTIONS {limit};"
    )
    for database in dict.fromkeys(target.database for target in targets):
        lines.extend(_of_schema(database, account))
    needed = _needed(targets, config)
    for right, names in needed.items():
        lines.append(f"-- for {', '.join(sorted(names))}:")
        lines.append(_grant(right, account))
    if REPLICA_STATUS not in needed:
        lines.append(
            "-- only if it is a replica, so that the monitor sees how far it is behind:"
        )
        lines.append(f"-- {_grant(REPLICA_STATUS, account)}")
    return "\n".join(lines)


def _headline(target: Target, config: Config) -> str:
    count = sum(job.target.name == target.name for job in config.jobs)
    said = counted(count, "query", "queries")
    return f"-- target {target.name}: {said}, at most {target.max_connections} at once"


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
    grant = f"GRANT SELECT ON {quoted(pattern)}.* TO {account};"
    if pattern == database:
        return [grant]
    return [
        "-- \\ because _ and % stand for any; on a server with partial_revokes leave it out:",
        grant,
    ]


def _needed(targets: Sequence[Target], config: Config) -> dict[Privilege, set[str]]:
    """List the rights that queries need beyond the schemas, each with the queries that need it."""
    names = {target.name for target in targets}
    schemas = {target.database for target in targets}
    needed: dict[Privilege, set[str]] = {}
    for job in config.jobs:
        if job.target.name in names:
            for text in _texts(job.query):
                for right in required_privileges(text, job.target.database):
                    if right.is_function or right.schema not in schemas:
                        needed.setdefault(right, set()).add(job.query.name)
    return dict(sorted(needed.items()))


def _texts(query: Query) -> list[str]:
    evidence = [rule.evidence for rule in query.rules if rule.evidence is not None]
    return [
        statement.text
        for statement in (query.statement, *query.variants.values(), *evidence)
    ]


def _grant(right: Privilege, account: str) -> str:
    """Write a GRANT that both servers take: MySQL reads /*M! … */ as a comment, MariaDB /*!80000 … */."""
    both = f"/*M! {right.mariadb} */ /*!80000 {right.mysql} */"
    named = right.mariadb if right.mariadb == right.mysql else both
    return f"GRANT {named} ON {_place(right)} TO {account};"


def _place(right: Privilege) -> str:
    if not right.schema:
        return "*.*"
    if not right.name:
        return f"{quoted(right.schema)}.*"
    kind = "FUNCTION " if right.is_function else ""
    return f"{kind}{quoted(right.schema)}.{quoted(right.name)}"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
