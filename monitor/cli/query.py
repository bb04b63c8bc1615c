"""`query`: run one query and show all that comes of it, or print the SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import click

from monitor.alerting.evaluate import matching
from monitor.cli import FAILED, OK
from monitor.cli.options import CommonOptions, selected, with_common_options
from monitor.cli.output import indented, plain, say, table, table_or_records
from monitor.collector.execute import answer
from monitor.database import Database, Session, runnable_sql
from monitor.model.errors import QueryError, SampleError
from monitor.model.results import Cell, Rows, Sample, Success
from monitor.model.settings import Job, Rule
from monitor.model.wording import clock_time, counted, format_number
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog


@click.command("query")
@click.argument("name")
@click.option("--target", metavar="NAME", help="Only on this target.")
@click.option(
    "--sql",
    is_flag=True,
    help="Print the SQL, ready to run in a client, and run nothing.",
)
@with_common_options
def command(
    name: str,
    target: str | None,
    sql: bool,
    common: CommonOptions,
) -> int:
    """Run query NAME and show its rows, its samples and what its rules would say.

    Exit codes: 0, 1 when it failed on a target.
    """
    config = common.load_config()
    log = common.make_log()
    jobs = selected(config, [name], target)
    code = OK
    if sql:
        say("\n".join(dict.fromkeys(text for job in jobs for text in _sql_of(job))))
    else:
        with Watchdog() as watchdog:
            code = max(_run(job, watchdog) for job in jobs)
    log.close()
    return code


def _sql_of(job: Job) -> list[str]:
    """Give the statement as the target gets it, and those for other kinds of server, each with a title."""
    statements = {
        "": job.query.statement,
        **{f" ({kind})": one for kind, one in job.query.variants.items()},
    }
    texts = []
    for kind, statement in statements.items():
        text = runnable_sql(statement, job.query.parameters).strip()
        # behind a comment on its last line the semicolon would belong to it
        has_comment = any(mark in text.rpartition("\n")[2] for mark in ("--", "#"))
        texts.append(
            f"-- {job.query.name} on {job.target.name}{kind}\n{text}{chr(10) * has_comment};"
        )
    return texts


def _run(job: Job, watchdog: Watchdog) -> int:
    database = Database(job.target, secrets=SecretReader(), watchdog=watchdog)
    try:
        with database.lease(
            deadline_seconds=job.query.timeout.total_seconds()
        ) as session:
            server = session.server
            where = f"{job.query.name} on {job.target.name} ({server.flavor} {server.version})"
            say(f"{where}: {job.query.summary}")
            return _answer(job, session)
    except QueryError as error:
        click.echo(
            f"{job.query.name} on {job.target.name} failed: {error.reason}: {error.author_message}",
            err=True,
        )
        return FAILED
    except KeyboardInterrupt:
        database.cancel_all()
        raise
    finally:
        database.close()


def _answer(job: Job, session: Session) -> int:
    try:
        found = answer(job.query, session)
    except SampleError as error:
        _show_rows(_rows_again(job, session))
        click.echo(
            f"{job.query.name} on {job.target.name} failed: bad_result: {error}",
            err=True,
        )
        return FAILED
    _show_rows(found.rows)
    for refusal in found.success.refusals:
        click.echo(
            f"not seen, so not told: {refusal.reason}: {refusal.message}", err=True
        )
    for warning in found.success.warnings:
        click.echo(f"warning {warning.code} of the server: {warning.message}", err=True)
    _show_samples(job, found.success)
    _show_rules(job.query.rules, found.success)
    return OK


def _rows_again(job: Job, session: Session) -> Rows:
    """Run the statement once more, for its rows alone: they show what is wrong with them."""
    statement = job.query.statement_for(session.server.flavor)
    values = {name: job.query.parameters[name] for name in statement.parameters}
    return session.fetch(
        statement, values, timeout=job.query.timeout, max_rows=job.query.max_rows
    )


def _show_rows(rows: Rows) -> None:
    say(f"\n{counted(len(rows.rows), 'row')}:")
    texts = [tuple(_text(cell) for cell in row) for row in rows.rows]
    say(table_or_records(texts, rows.columns, right=_numeric(rows)))


def _numeric(rows: Rows) -> set[int]:
    return {
        at
        for at in range(len(rows.columns))
        if all(isinstance(row[at], int | float | Decimal | None) for row in rows.rows)
    }


def _show_samples(job: Job, success: Success) -> None:
    exported = {metric.name for metric in job.query.metrics if metric.exported}
    samples = [sample for sample in success.samples if sample.metric in exported]
    if samples:
        say(f"\n{counted(len(samples), 'sample')}:")
        say(
            "\n".join(
                f"{_series(sample)} {format_number(sample.value)}" for sample in samples
            )
        )


def _show_rules(every: Sequence[Rule], success: Success) -> None:
    if not every:
        return
    say("\nrules, now and without their `for`:")
    lines = []
    for rule in every:
        found = matching(rule, success.samples)
        lines.append(
            (
                rule.name,
                str(rule.severity),
                f"{len(found)}",
                "; ".join(map(_labels, found)) or "-",
            )
        )
    say(table(lines, ("RULE", "SEVERITY", "FINDS", "WHERE"), right=(2,)))
    for (name, labels), rows in success.evidence.items():
        if rows:
            say(f"\nevidence of {name}{_braces(labels)}:")
            cells = [tuple(_text(cell) for cell in row.values()) for row in rows]
            say(indented(table(cells, tuple(rows[0])), 2))
    for message in success.evidence_errors:
        click.echo(f"evidence: {message}", err=True)


def _series(sample: Sample) -> str:
    return sample.metric + _braces(sample.labels)


def _labels(sample: Sample) -> str:
    value = format_number(sample.value)
    return f"{_braces(sample.labels)} {value}" if sample.labels else value


def _braces(labels: Sequence[tuple[str, str]]) -> str:
    return (
        "{" + ",".join(f'{name}="{plain(value)}"' for name, value in labels) + "}"
        if labels
        else ""
    )


def _text(cell: Cell) -> str:
    if cell is None:
        return "NULL"
    if isinstance(cell, timedelta):
        return clock_time(cell)
    return f"0x{cell.hex()}" if isinstance(cell, bytes) else str(cell)
