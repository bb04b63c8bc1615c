"""`validate`: are the config and query files right, and with --connect, do they fit the targets?"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from monitor.checks import plan
from monitor.cli import OK, USAGE
from monitor.cli.options import common, load_or_tell, make_log
from monitor.cli.output import indented, table
from monitor.database import Database, Session, Watchdog
from monitor.errors import QueryError
from monitor.model.settings import Config, Job, Statement, Target

_LIMIT = timedelta(seconds=5)
_READING = (
    "SELECT",
    "USAGE",
    "PROCESS",
    "SHOW VIEW",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
    "SHOW DATABASES",
)


@click.command("validate")
@click.option("--connect", is_flag=True, help="Also each target: its rights, and the plan of each query.")
@common
def command(connect: bool, config_path: Path, log_level: str, log_format: str) -> int:
    """Check the configuration and all query files, offline; exit 0 or 2."""
    config = load_or_tell(config_path, exit_code=USAGE)
    log = make_log(log_level, log_format)
    _say(_summary(config))
    for notice in config.notices:
        _say(f"note: {notice}")
    code = OK
    if connect:
        watchdog = Watchdog()
        try:
            for target in config.targets:
                code = max(code, _connect(target, config, watchdog))
        finally:
            watchdog.close()
    log.close()
    return code


def _summary(config: Config) -> str:
    queries = {job.query.name for job in config.jobs}
    names = {rule.name for job in config.jobs for rule in job.query.rules}
    own = len(config.own_rules)
    return (
        f"{config.path}: ok: {len(config.targets)} targets, {len(queries)} queries, "
        f"{len(names)} rules and {own} of the monitor itself, {len(config.receivers)} receivers"
    )


def _connect(target: Target, config: Config, watchdog: Watchdog) -> int:
    database = Database(target, environ=os.environ, watchdog=watchdog)
    try:
        with database.lease(deadline_seconds=10.0) as session:
            server = session.server
            _say(f"\n{target.name}: {server.flavor} {server.version}, session {', '.join(server.limits)}")
            code = _rights(session)
            for job in config.jobs:
                if job.target == target:
                    code = max(code, _plan(job, session))
    except QueryError as error:
        _say(f"\n{target.name}: {error.reason}: {error.message}")
        return USAGE
    finally:
        database.close()
    return code


def _rights(session: Session) -> int:
    """Show the account's grants and warn of those that a monitor should not have."""
    rows = session.fetch(Statement("SHOW GRANTS"), {}, timeout=_LIMIT, max_rows=1000).rows
    for (grant,) in rows:
        rights, _, rest = str(grant).removeprefix("GRANT ").partition(" ON ")
        more = [right.strip() for right in rights.split(",")]
        surplus = [right for right in more if right.partition("(")[0].strip().upper() not in _READING]
        # The rest of the line may hold the password's hash.
        where = rest.partition(" TO ")[0]
        if surplus:
            _say(f"  warning: more rights than a monitor needs on {where}: {', '.join(surplus)}")
        else:
            _say(f"  rights on {where}: {rights}")
    return OK


def _plan(job: Job, session: Session) -> int:
    try:
        rows = plan(job, session)
    except QueryError as error:
        _say(f"  {job.query.name}: {error.reason}: {error.message}")
        return USAGE
    _say(f"  {job.query.name}: ok")
    _say(indented(table([[_cell(cell) for cell in row] for row in rows])))
    return OK


def _cell(cell: object) -> str:
    return "-" if cell is None else str(cell)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
