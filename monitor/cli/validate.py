"""`validate`: are the config and query files right, and with --connect, do they fit the targets?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from monitor.cli import OK, USAGE
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import indented, plain_line, say, table
from monitor.collector.execute import answer
from monitor.collector.explain import (
    NO_PROCESS,
    is_show,
    missing_needs,
    missing_text,
    plan,
    plan_evidence,
    seen_in_part,
)
from monitor.collector.time_zones import HISTORY_CLOCK, history_warnings, unknown_zone
from monitor.daemon.server_changes import lacking, zone_warning
from monitor.database import Database, Session
from monitor.database.grants import read_grant
from monitor.model.certificates import SOON
from monitor.model.errors import QueryError, SampleError, TargetError
from monitor.model.results import Rows, Server
from monitor.model.settings import Config, Job, Query, Statement, Target
from monitor.model.wording import counted, utc_minute
from monitor.secrets.inspection import inspect_files
from monitor.secrets.reader import Disk, SecretReader
from monitor.timing.deadlines import Watchdog
from monitor.web.web_config import WebConfig, load_web_config

_LIMIT = timedelta(seconds=5)
_BIG = 100_000
"""So many rows are read in some hundredths of a second; more are worth a note."""
_PLAN_COLUMNS = ("table", "type", "key", "rows", "extra")


@click.command("validate")
@click.option(
    "--connect",
    is_flag=True,
    help="Also each target: its rights, and the plan of each query.",
)
@with_common_options
def command(connect: bool, common: CommonOptions) -> int:
    """Check the configuration and all query files, offline.

    --connect also enters each target, shows the account's rights and warns of more than reading, and asks
    for the plan of each query. The only query that is run tells whether the history has the zone that is set.

    Exit codes: 0, 2 when something is wrong.
    """
    config = common.load_config()
    web = _check_web(config)
    log = common.make_log()
    say(_summary(config))
    for notice in config.notices:
        say(f"note: {notice}")
    for warning in config.warnings:
        say(f"warning: {warning}")
    _tell_end(web.certificate_ends_at, datetime.now(UTC))
    code = _check_files(config)
    if connect:
        with Watchdog() as watchdog:
            code = max(
                code, *(_connect(target, config, watchdog) for target in config.targets)
            )
    log.close()
    return code


def _check_web(config: Config) -> WebConfig:
    if config.web.config_file is None:
        return WebConfig()
    return load_web_config(config.web.config_file)


def _tell_end(ends_at: datetime | None, now: datetime) -> None:
    if ends_at is not None and ends_at - now < SOON:
        word = "ends" if ends_at > now else "has ended"
        say(f"warning: the certificate of the page {word}: {utc_minute(ends_at)}")


def _check_files(config: Config) -> int:
    """Tell what is wrong with the files that are named; those that are not there may be elsewhere."""
    faults = list(inspect_files(config, Disk().read, datetime.now(UTC)))
    for fault in faults:
        if fault.is_certain:
            click.echo(plain_line(fault.text), err=True)
        else:
            say(f"note: {plain_line(fault.text)}")
    return USAGE if any(fault.is_certain for fault in faults) else OK


def _summary(config: Config) -> str:
    queries = {job.query.name for job in config.jobs}
    names = {rule.name for job in config.jobs for rule in job.query.rules}
    parts = [
        counted(len(config.targets), "target"),
        counted(len(queries), "query", "queries"),
        f"{counted(len(names), 'rule')} and {len(config.own_rules)} of the monitor itself",
        counted(len(config.receivers), "receiver")
        + ("" if config.receivers else " (only the log)"),
    ]
    return f"{config.path.name}: ok: {', '.join(parts)}"


def _connect(target: Target, config: Config, watchdog: Watchdog) -> int:
    database = Database(target, secrets=SecretReader(), watchdog=watchdog)
    jobs = [job for job in config.jobs if job.target.name == target.name]
    try:
        with database.lease(deadline_seconds=10.0) as session:
            server = session.server
            say(f"\n{target.name}: {server.flavor} {server.version}")
            _show_state(server)
            _show_rights(session)
            return max([OK, *(_show_plan(job, session) for job in jobs)])
    except TargetError as error:
        say(f"\n{target.name}: {error.reason}: {error.message}")
        return USAGE
    finally:
        database.close()


def _show_state(server: Server) -> None:
    """Show what the server said of itself, and warn of what a session cannot have there."""
    if unset := lacking(server):
        say(
            f"  warning: in sessions of this server these are not as we set them: {', '.join(unset)}"
        )
    if server.clock is not None:
        offset, most = server.clock.seconds, server.clock.uncertainty_seconds
        say(f"  clock: {offset:+.3f} s from ours (to ± {most:.3f} s)")
    replication = server.replication
    if replication is not None:
        lag = replication.lag_seconds
        say(
            f"  replica: {'stands, ' + replication.state if lag is None else f'{lag:.0f} s behind'}"
        )
    elif not server.knows_replication:
        say(
            "  replica: unknown; the account may not ask (token-monitor grants prints the right)"
        )
    if server.read_only:
        say("  the server takes no writes (read_only)")


def _show_rights(session: Session) -> None:
    """Show the account's rights, and warn of those that a monitor should not have."""
    try:
        rows = session.fetch(
            Statement("SHOW GRANTS"), {}, timeout=_LIMIT, max_rows=1000
        ).rows
    except TargetError:
        raise
    except QueryError as error:
        say(f"  warning: the rights cannot be seen: {error.reason}: {error.message}")
        return
    for (line,) in rows:
        grant = read_grant(str(line))
        if grant is None:
            continue
        if grant.surplus:
            say(
                f"  warning: more rights than a monitor needs: {', '.join(grant.surplus)} on {grant.where}"
            )
        else:
            say(f"  rights: {grant}")


def _show_plan(job: Job, session: Session) -> int:
    query = job.query
    try:
        rows = plan(query, session)
        missing = missing_needs(query.needs, query, session)
        unjudged = [
            (rule.name, missing_needs(rule.needs, query, session))
            for rule in query.rules
        ]
        partly = seen_in_part(query, session)
    except TargetError:
        raise
    except QueryError as error:
        say(f"  {query.name}: {error.reason}: {error.author_message}")
        return USAGE
    say(f"  {query.name}: {missing_text(missing) if missing else 'ok'}")
    if partly:
        say(f"    warning: sees only its own {partly}: {NO_PROCESS}")
    if differs := zone_warning(query, session.server):
        say(f"    warning: {differs}")
    for warning in rows.warnings:
        say(f"    warning {warning.code} of the server: {warning.message}")
    held = [(rule, columns) for rule, columns in unjudged if columns]
    for rule, columns in held:
        say(f"    {rule} cannot be judged: {missing_text(columns)}")
    _show_evidence(query, session)
    if not is_show(query.statement_for(session.server.flavor).text):
        _show_steps(_steps(rows))
    zone_fault = unknown_zone(query, session)
    if zone_fault:
        say(f"    {zone_fault}")
    elif query.name == HISTORY_CLOCK and query.shipped:
        _show_history_clock(query, session)
    return USAGE if missing or held or zone_fault else OK


def _show_evidence(query: Query, session: Session) -> None:
    """Warn of evidence that could not be had: the alert comes without it, and names nobody."""
    for rule in query.rules:
        try:
            plan_evidence(rule, query, session)
        except TargetError:
            raise
        except QueryError as error:
            why = f"{error.reason}: {error.author_message}"
            say(f"    warning: {rule.name} would come without evidence: {why}")


def _show_history_clock(query: Query, session: Session) -> None:
    """Run the one query that tells a wrong zone, which no plan shows; a newcomer sees it before the start."""
    try:
        rows = answer(query, session).rows
    except TargetError:
        raise
    except (QueryError, SampleError) as error:
        say(
            f"    warning: the times of the history cannot be compared with the clock: {error}"
        )
        return
    threshold = min((rule.condition.threshold for rule in query.rules), default=0.0)
    for warning in history_warnings(rows, threshold):
        say(f"    warning: {warning}")


def _show_steps(steps: list[tuple[str, ...]]) -> None:
    if steps:
        say(
            indented(table(steps, [name.upper() for name in _PLAN_COLUMNS], right=(3,)))
        )
    for name, kind, _, count, _ in steps:
        if kind == "ALL" and count.isdigit() and int(count) > _BIG:
            say(
                f"    note: reads the whole table {name}, about {int(count):,} rows, at each run"
            )


def _steps(rows: Rows) -> list[tuple[str, ...]]:
    """Choose what matters of a plan; the servers have different columns, and spell them differently."""
    names = [column.lower() for column in rows.columns]
    if not set(_PLAN_COLUMNS) <= set(names):
        return []  # a view without the right to see its plan
    at = [names.index(name) for name in _PLAN_COLUMNS]
    cells = [
        tuple("-" if row[index] is None else str(row[index]) for index in at)
        for row in rows.rows
    ]
    return [row for row in cells if row[0] != "-"]  # the others read no table
