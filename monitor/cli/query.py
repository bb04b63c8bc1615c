"""`query`: run one query and show all that comes of it, or print the SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import click

from monitor.alerting.evaluate import matching
from monitor.cli import FAILED, OK
from monitor.cli.asking import ask_now
from monitor.cli.names import offer_queries, offer_targets
from monitor.cli.options import CommonOptions, selected, with_common_options
from monitor.cli.output import (
    echo,
    indented,
    label_pairs,
    table,
    table_or_records,
)
from monitor.collector.execute import answer
from monitor.collector.items import for_one_item
from monitor.collector.runnable import job_words, sql_of
from monitor.collector.walk_bounds import example_bounds
from monitor.database import Database, Session
from monitor.model.binary_keys import shown_bytes
from monitor.model.errors import QueryError, SampleError
from monitor.model.populations import is_judged_by_share
from monitor.model.results import Cell, Rows, Sample, Success
from monitor.model.settings import Job, Rule
from monitor.model.wording import clock_time, counted, format_number
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

_NEEDS_THE_DAEMON = "needs the daemon, which remembers"


@click.command("query")
@click.argument("name", shell_complete=offer_queries)
@click.option(
    "--target",
    metavar="NAME",
    help="Only on this target.",
    shell_complete=offer_targets,
)
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
    config = common.load_config(ask_now, reads_source=True)
    log = common.make_log()
    jobs = selected(config, [name], target)
    code = OK
    if sql:
        echo("\n".join(sql_of(jobs)))
    else:
        with Watchdog() as watchdog:
            code = max(_run(job, watchdog) for job in jobs)
    log.close()
    return code


def _run(job: Job, watchdog: Watchdog) -> int:
    database = Database(job.target, secrets=SecretReader(), watchdog=watchdog)
    timeout_seconds = job.query.timeout.total_seconds()
    try:
        with database.lease(deadline_seconds=timeout_seconds) as session:
            server = session.server
            where = f"{job_words(job)} ({server.flavor} {server.version})"
            echo(f"{where}: {job.query.summary}")
            return _answer(job, session)
    except QueryError as error:
        _complain(f"{job_words(job)} failed: {error.reason}: {error.author_message}")
        return FAILED
    except KeyboardInterrupt:
        # Else the statement would run on, on the server.
        database.cancel_all()
        raise
    finally:
        database.close()


def _answer(job: Job, session: Session) -> int:
    try:
        found = answer(job.query, session)
    except SampleError as error:
        # A sweep without a key that serves has none to show.
        with suppress(SampleError):
            _show_rows(_rows_again(job, session))
        _complain(f"{job_words(job)} failed: bad_result: {error}")
        return FAILED
    success = found.success
    _show_rows(found.rows)
    for remark in _remarks_on(success):
        _complain(remark)
    _show_samples(job, success)
    if job.query.rules:
        _show_rules(job.query.rules, success)
        _show_evidence(success)
    return FAILED if success.failed_items else OK


def _complain(text: str) -> None:
    click.echo(text, err=True)


def _rows_again(job: Job, session: Session) -> Rows:
    """Run the statement once more, for its rows alone: they show what is wrong with them."""
    query = for_one_item(job.query, session)
    statement = query.statement_for(session.server.flavor)
    known = {**query.parameters, **example_bounds(job.query, session)}
    values = {name: known[name] for name in statement.parameters}
    return session.fetch(
        statement, values, timeout=job.query.timeout, max_rows=job.query.max_rows
    )


def _show_rows(rows: Rows) -> None:
    echo(f"\n{counted(len(rows.rows), 'row')}:")
    texts = [_texts(row) for row in rows.rows]
    echo(table_or_records(texts, rows.columns, right=_numeric(rows)))


def _numeric(rows: Rows) -> set[int]:
    """Return the positions of the columns that hold nothing but numbers and NULL."""
    columns = range(len(rows.columns))
    return {column for column in columns if _is_numeric(column, rows)}


def _is_numeric(column: int, rows: Rows) -> bool:
    numeric = int | float | Decimal | None
    return all(isinstance(row[column], numeric) for row in rows.rows)


def _show_samples(job: Job, success: Success) -> None:
    exported: set[str] = set()
    for metric in job.query.metrics:
        if metric.exported:
            exported.update(metric.sample_names)
    samples = [sample for sample in success.samples if sample.metric in exported]
    if samples:
        echo(f"\n{counted(len(samples), 'sample')}:")
        for sample in samples:
            echo(_sample(sample))


def _show_rules(rules: Sequence[Rule], success: Success) -> None:
    echo("\nrules, now and without their `for`:")
    header = ("RULE", "SEVERITY", "FINDS", "WHERE")
    lines = []
    for rule in rules:
        is_of_share = is_judged_by_share(rule.population)
        if rule.detector is not None or is_of_share:
            lines.append(
                (rule.name, ", ".join(rule.severities), "-", _NEEDS_THE_DAEMON)
            )
            continue
        found = matching(rule, success.samples)
        where = "; ".join(_finding(sample) for sample in found)
        lines.append(
            (rule.name, ", ".join(rule.severities), str(len(found)), where or "-")
        )
    echo(table(lines, header, right=(header.index("FINDS"),)))


def _show_evidence(success: Success) -> None:
    for (rule, labels), rows in success.evidence.items():
        if rows:
            echo(f"\nevidence of {rule}{_braces(labels)}:")
            cells = [_texts(row.values()) for row in rows]
            echo(indented(table(cells, tuple(rows[0])), 2))
    for message in success.evidence_errors:
        _complain(f"evidence: {message}")


def _sample(sample: Sample) -> str:
    return f"{sample.metric}{_braces(sample.labels)} {format_number(sample.value)}"


def _finding(sample: Sample) -> str:
    return f"{_braces(sample.labels)} {format_number(sample.value)}".lstrip()


def _texts(row: Iterable[Cell]) -> list[str]:
    return [_text(cell) for cell in row]


def _text(cell: Cell) -> str:
    """Write a cell as SQL has it, where Python's own way would be another."""
    match cell:
        case None:
            return "NULL"
        case timedelta():
            return clock_time(cell)
        case bytes():
            return shown_bytes(cell)
        case _:
            return str(cell)


def _remarks_on(success: Success) -> Iterator[str]:
    """Yield what a person should know of a result before its samples."""
    for failed in success.failed_items:
        yield f"item failed: {failed}"
    for refusal in success.refusals:
        yield f"not seen, so not told: {refusal.reason}: {refusal.message}"
    for bound in success.lower_bounds:
        what = f"{bound.metric}{_braces(bound.labels)}"
        yield f"not all counted: {what} is at least what is shown"
    for warning in success.warnings:
        yield f"warning {warning.code} of the server: {warning.message}"


def _braces(labels: Sequence[tuple[str, str]]) -> str:
    """Return labels as they stand behind the name of a metric; nothing where there are none."""
    return f"{{{label_pairs(labels)}}}" if labels else ""
