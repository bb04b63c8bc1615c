"""`grants`: the SQL that makes an account with just the rights that the monitor needs."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli import OK, USAGE
from monitor.cli.options import common, load_or_tell
from monitor.cli.output import say
from monitor.cli.selection import selected_targets
from monitor.model.settings import Config, Target

_SPARE_CONNECTIONS = 3
"""Beside the pool: one for KILL, two for `check` and `query` while the daemon runs."""


@click.command("grants")
@click.option("--target", help="Only this target.")
@common
def command(target: str | None, config_path: Path, log_level: str, log_format: str) -> int:
    """Print the least-privilege account of each target as SQL, for an administrator to run."""
    config = load_or_tell(config_path, exit_code=USAGE)
    say("\n\n".join(grants(one, config) for one in selected_targets(config, target)))
    return OK


def grants(target: Target, config: Config) -> str:
    """Write the statements for one target; SELECT on its schema is all that the shipped queries need.

    On the whole schema, not on tables: an account with rights on single tables is told "denied"
    where a table is missing, and the very incident would look like a lack of rights.
    """
    host = "localhost" if target.host is None or target.host in ("localhost", "127.0.0.1", "::1") else "%"
    account = f"{_quoted(target.user, mark=chr(39))}@{_quoted(host, mark=chr(39))}"
    queries = sum(job.target.name == target.name for job in config.jobs)
    limit = target.max_connections + _SPARE_CONNECTIONS
    require = "" if target.tls.mode == "disabled" else " REQUIRE SSL"
    return (
        f"-- target {target.name}: {queries} queries, at most {target.max_connections} at once\n"
        f"CREATE USER {account} IDENTIFIED BY 'put a long random password here'{require}"
        f" WITH MAX_USER_CONNECTIONS {limit};\n"
        f"GRANT SELECT ON {_quoted(target.database)}.* TO {account};\n"
        "-- if it is a replica, so that the monitor sees how far it is behind; on MariaDB, then on MySQL:\n"
        f"-- GRANT SLAVE MONITOR ON *.* TO {account};\n"
        f"-- GRANT REPLICATION CLIENT ON *.* TO {account};"
    )


def _quoted(name: str, *, mark: str = "`") -> str:
    return mark + name.replace(mark, mark * 2) + mark
