"""`query`: run one query and show all that comes of it, or print the SQL."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from monitor import rules
from monitor.cli import FAILED, OK
from monitor.cli.check import selected
from monitor.cli.options import common, load_or_tell, make_log
from monitor.cli.output import table
from monitor.database import Database, Watchdog, runnable_sql
from monitor.errors import MonitorError, QueryError
from monitor.model.results import Cell, Sample
from monitor.model.settings import Job
from monitor.runs import Answer, answer


@click.command("query")
@click.argument("name")
@click.option("--target", help="Only this target.")
@click.option("--sql", is_flag=True, help="Print the SQL, ready to run in a client, and run nothing.")
@common
def command(
    name: str, target: str | None, sql: bool, config_path: Path, log_level: str, log_format: str
) -> int:
    """Run query NAME and show its rows, its samples and what its rules would say.

    Exit codes: 0, 1 when it failed on a target.
    """
    config = load_or_tell(config_path, exit_code=FAILED)
    log = make_log(log_level, log_format)
    jobs = selected(config, [name], target)
    watchdog = Watchdog()
    code = OK
    try:
        for job in jobs:
            code = max(code, _print_sql(job) if sql else _run(job, watchdog))
    finally:
        watchdog.close()
        log.close()
    return code


def _print_sql(job: Job) -> int:
    statements = {"": job.query.statement, **{str(flavor): one for flavor, one in job.query.variants.items()}}
    for flavor, statement in statements.items():
        values = {name: job.query.parameters[name] for name in statement.parameters}
        title = f"-- {job.query.name} on {job.target.name}" + (f" ({flavor})" if flavor else "")
        _say(f"{title}\n{runnable_sql(statement, values).strip()};")
    return OK


def _run(job: Job, watchdog: Watchdog) -> int:
    database = Database(job.target, environ=os.environ, watchdog=watchdog)
    try:
        with database.lease(deadline_seconds=job.query.timeout.total_seconds()) as session:
            server = session.server
            found = answer(job.query, session)
    except MonitorError as error:
        reason = f"{error.reason}: " if isinstance(error, QueryError) else "bad_result: "
        click.echo(f"{job.query.name} on {job.target.name} failed: {reason}{error}", err=True)
        return FAILED
    finally:
        database.close()
    _say(f"{job.query.name} on {job.target.name} ({server.flavor} {server.version}): {job.query.summary}")
    _show(job, found)
    return OK


def _show(job: Job, found: Answer) -> None:
    rows = [tuple(_text(cell) for cell in row) for row in found.rows.rows]
    _say(f"\nrows: {len(rows)}\n" + table(rows, found.rows.columns))
    exported = {metric.name for metric in job.query.metrics if metric.exported}
    samples = [sample for sample in found.success.samples if sample.metric in exported]
    if samples:
        _say("\nsamples:\n" + "\n".join(f"{_series(s)} {rules.format_number(s.value)}" for s in samples))
    lines = []
    for rule in job.query.rules:
        matches = rules.matching(rule, found.success.samples)
        told = ", ".join(_series(match) or match.metric for match in matches) or "nothing"
        lines.append((rule.name, str(rule.severity), f"{len(matches)}", told))
    if lines:
        _say("\nrules now (without their for):\n" + table(lines, ("RULE", "SEVERITY", "FINDS", "WHAT")))
    for message in found.success.evidence_errors:
        click.echo(f"evidence: {message}", err=True)


def _series(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels)
    return f"{sample.metric}{{{labels}}}" if labels else sample.metric


def _text(cell: Cell) -> str:
    if cell is None:
        return "NULL"
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
