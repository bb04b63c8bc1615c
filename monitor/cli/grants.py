"""`grants`: the SQL that makes an account with just the rights that the monitor needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import click

from monitor.cli import OK
from monitor.cli.asking import ask_now
from monitor.cli.names import offer_targets
from monitor.cli.options import CommonOptions, selected_targets, with_common_options
from monitor.cli.output import echo
from monitor.config.sql.required_privileges import (
    REPLICA_STATUS,
    Privilege,
    required_privileges,
)
from monitor.model.identifiers import quoted
from monitor.model.settings import Config, Job
from monitor.model.targets import Target
from monitor.model.wording import counted

_DAEMONS = 2
"""So many may be there at once: the one that was, and the one that takes its place."""
_FOR_KILL = 1
_FOR_CHECK = 2
"""`check`, `query` or `validate --connect` while the daemon runs, and its KILL."""
_LOCAL_HOSTS: Mapping[str | None, str] = MappingProxyType(
    {
        "127.0.0.1": "127.0.0.1",
        "::1": "::1",
        "localhost": "localhost",
        None: "localhost",  # a unix socket is localhost too
    }
)
"""The host of an account by the host that we connect to, where that is the server's own.

A server that looks up no names knows no localhost by TCP.
"""
_ANY_HOST = "%"


@click.command("grants")
@click.option("--target", help="Only this target.", shell_complete=offer_targets)
@with_common_options
def command(target: str | None, common: CommonOptions) -> int:
    """Print the least-privilege account of each target as SQL, for an administrator to run."""
    # The account is the same for all shards.
    config = common.load_config(ask_now, is_whole=True)
    chosen = selected_targets(config, target)
    texts = [
        grants(account, config)
        for account in accounts(config.targets)
        if any(one in chosen for one in account)
    ]
    echo("\n\n".join(texts))
    return OK


def accounts(targets: Iterable[Target]) -> list[list[Target]]:
    """Group the targets that enter one server by one account: it is made once, with room for all of them."""
    found: dict[tuple[object, ...], list[Target]] = {}
    for target in targets:
        login = (target.host, target.port, target.unix_socket, target.user)
        found.setdefault(login, []).append(target)
    return list(found.values())


def grants(targets: Sequence[Target], config: Config) -> str:
    """Write the statements for one account: SELECT on its schemas, and what queries need beyond them.

    On the whole schema, not on tables: an account with rights on single tables gets "denied"
    where a table is missing, and the very incident would look like a lack of rights.
    """
    account = f"{_text(targets[0].user)}@{_text(_host(targets[0]))}"
    jobs = [job for job in config.jobs if job.target in targets]
    # Two targets may be of one schema.
    databases = dict.fromkeys(target.database for target in targets)
    lines = [_headline(target, jobs) for target in targets]
    lines.append(_create_user(account, targets, config.replicas))
    for database in databases:
        lines.extend(_of_schema(database, account))
    needed = _needed(jobs, databases)
    for privilege, queries in needed.items():
        lines.append(f"-- for {', '.join(sorted(queries))}:")
        lines.append(_grant(privilege, account))
    lines.extend(_optional(jobs, account))
    if REPLICA_STATUS not in needed:
        lines.append(
            "-- only if it is a replica, so that the monitor sees how far it is behind:"
        )
        lines.append(f"-- {_grant(REPLICA_STATUS, account)}")
    return "\n".join(lines)


def _headline(target: Target, jobs: Sequence[Job]) -> str:
    own = [job for job in jobs if job.target == target]
    queries = counted(len(own), "query", "queries")
    return (
        f"-- target {target.name}: {queries}, at most {target.max_connections} at once"
    )


def _create_user(account: str, targets: Sequence[Target], replicas: int) -> str:
    is_plain = all(target.tls.mode == "disabled" for target in targets)
    require = "" if is_plain else " REQUIRE SSL"
    # A bound of the server's own: whatever goes wrong with us, the application keeps its connections.
    limit = replicas * sum(quota(target) for target in targets)
    return (
        f"CREATE USER {account} IDENTIFIED BY 'put a long random password here'{require}"
        f" WITH MAX_USER_CONNECTIONS {limit};"
    )


def quota(target: Target) -> int:
    """Compute MAX_USER_CONNECTIONS: room for two monitors, while one replaces the other, and a `check`."""
    return _DAEMONS * (target.max_connections + _FOR_KILL) + _FOR_CHECK


def _host(target: Target) -> str:
    """Return the host of the account: from elsewhere we may come by any address."""
    return _LOCAL_HOSTS.get(target.host, _ANY_HOST)


def _of_schema(database: str, account: str) -> list[str]:
    # In a GRANT the name of a schema is a pattern, as of LIKE.
    pattern = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    grant = f"GRANT SELECT ON {quoted(pattern)}.* TO {account};"
    if pattern == database:
        return [grant]
    return [
        "-- \\ because _ and % stand for any; on a server with partial_revokes leave it out:",
        grant,
    ]


def _needed(
    jobs: Iterable[Job], databases: Collection[str]
) -> dict[Privilege, set[str]]:
    """Return the rights that queries need beyond these schemas, each with the names of the queries."""
    needed: dict[Privilege, set[str]] = {}
    for job in jobs:
        for privilege in () if job.query.off_without_right else _privileges(job):
            if privilege.is_function or privilege.schema not in databases:
                needed.setdefault(privilege, set()).add(job.query.name)
    return dict(sorted(needed.items()))


def _privileges(job: Job) -> list[Privilege]:
    """Return what the statements of a query need, those of its rules' evidence too."""
    statements = job.query.own_statements + job.query.rule_statements
    found: list[Privilege] = []
    for statement in statements:
        found.extend(required_privileges(statement.text, job.target.database))
    return found


def _optional(jobs: Iterable[Job], account: str) -> Iterator[str]:
    """Yield what queries need that are off without it, as comments."""
    by_name = {job.query.name: job for job in jobs if job.query.off_without_right}
    for name, job in by_name.items():
        yield f"-- only if {name} is to run, which is off without:"
        for privilege in _whole_schemas(job):
            yield f"-- {_grant(privilege, account)}"


def _whole_schemas(job: Job) -> list[Privilege]:
    """Return what its statements need, on whole schemas: a table that only one server has cannot be granted."""
    found = {replace(one, name="") for one in _privileges(job)}
    return sorted(found)


def _grant(privilege: Privilege, account: str) -> str:
    """Write a GRANT that both servers take: MySQL reads /*M! … */ as a comment, MariaDB /*!80000 … */."""
    name = privilege.mariadb
    if privilege.mysql != name:
        name = f"/*M! {privilege.mariadb} */ /*!80000 {privilege.mysql} */"
    return f"GRANT {name} ON {_object(privilege)} TO {account};"


def _object(privilege: Privilege) -> str:
    if not privilege.schema:
        return "*.*"
    if not privilege.name:
        return f"{quoted(privilege.schema)}.*"
    kind = "FUNCTION " if privilege.is_function else ""
    return f"{kind}{quoted(privilege.schema)}.{quoted(privilege.name)}"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
