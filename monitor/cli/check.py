"""`check`: every query once, now, with an exit code that a pipeline or Nagios understands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from monitor.cli import UNKNOWN
from monitor.cli.app_check import ApplicationCheck, check_application
from monitor.cli.asking import ask_now
from monitor.cli.checked import Checked
from monitor.cli.derived_check import check_derived
from monitor.cli.names import offer_checks, offer_targets
from monitor.cli.options import (
    CommonOptions,
    print_problems,
    selected,
    selected_of,
    selected_targets,
    with_common_options,
)
from monitor.cli.outcome import CheckOutcome
from monitor.cli.output import echo
from monitor.cli.report_formats import REPORTS, Report
from monitor.cli.run_once import CheckOptions, check
from monitor.config.source_files import read_sources
from monitor.model.errors import ConfigError
from monitor.model.settings import Config, Job
from monitor.telemetry.log import Log
from monitor.timing.clock import AnchoredClock


@click.command("check")
@click.argument("queries", nargs=-1, metavar="[QUERY]...", shell_complete=offer_checks)
@click.option(
    "--target",
    "target",
    metavar="NAME",
    help="Only this target.",
    shell_complete=offer_targets,
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(REPORTS)),
    default="table",
    show_default=True,
    help="For people, for programs, one line for Nagios, a report for a pipeline.",
)
@click.option(
    "--app-sql",
    "app_sql",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --schema, also: would the application's statements in DIR (.sql; strings in .ts, .js, .py, .php)?",
)
@click.option(
    "--app-ignore",
    "ignored",
    multiple=True,
    metavar="NAME",
    help="A table, or table.column, that DIR uses and that is not of this database; * and ? work.",
)
@click.option(
    "--schema",
    is_flag=True,
    help="Only: would every query find its tables and columns? Plans the queries and runs none of them.",
)
@with_common_options
def command(
    queries: tuple[str, ...],
    target: str | None,
    form: str,
    schema: bool,
    app_sql: Path | None,
    ignored: tuple[str, ...],
    common: CommonOptions,
) -> int:
    """Run every query once, now (or each QUERY, which may be a pattern); rules do not wait for their `for`.

    A query that needs a missing column is blocked and not run; the missing column is the finding. Derived values
    are computed from what the queries gave; one that is named brings its inputs with it.

    Exit codes: 0 ok, 1 warning, 2 critical, 3 could not tell (a query that failed, bad configuration,
    bad usage, nothing selected). Critical outweighs could not tell, that outweighs warning.
    """
    report = REPORTS[form]
    try:
        config = common.load_config(ask_now, reads_source=True)
        schema = schema or app_sql is not None
        jobs, derived = _selected(config, queries, target, schema=schema)
        sources = None if app_sql is None else read_sources(app_sql)
    except ConfigError as error:
        print_problems(error)
        return _cannot_tell(report, [str(problem) for problem in error.problems])
    except OSError as error:
        return _cannot_tell(report, [f"{app_sql}: {error.strerror}"])
    except click.UsageError as error:
        error.show()
        return _cannot_tell(report, [error.format_message()])
    log = common.make_log()
    clock = AnchoredClock()
    began_at = clock.now()
    options = CheckOptions(schema, config.runbook_base_url)
    checked = check(jobs, os.environ, clock, options)
    values = check_derived(derived, checked, began_at, config.runbook_base_url)
    checked = (*checked, *values)
    _log_runs(log, checked)
    applications: tuple[ApplicationCheck, ...] = ()
    if sources is not None:
        targets = list({job.target.name: job.target for job in jobs}.values())
        applications = check_application(sources, targets, os.environ, ignored)
    outcome = CheckOutcome(checked, applications)
    echo(report.of(outcome))
    log.close()
    return int(outcome.status)


def _selected(
    config: Config, queries: Sequence[str], target: str | None, *, schema: bool
) -> tuple[list[Job], list[Job]]:
    """Return the queries to check, with those that derived values among them are made of, and these values.

    Of schemas the queries alone: no server could say what a derived value lacks.
    """
    if schema:
        return selected(config, queries, target), []
    chosen = selected_of(config.all_jobs, config, queries, target)
    derived = [job for job in chosen if job.query.derivation is not None]
    wanted = {job.key for job in chosen}
    for job in derived:
        wanted.update(one.key for one in job.query.derived_by.inputs)
    here = {one.name for one in selected_targets(config, target)}
    jobs = [job for job in config.jobs if job.key in wanted and job.target.name in here]
    return jobs, derived


def _cannot_tell(report: Report, messages: Sequence[str]) -> int:
    text = report.of_nothing(messages)
    if text:
        echo(text)
    return UNKNOWN


def _log_runs(log: Log, checked: Sequence[Checked]) -> None:
    """Log what the report does not have: how long each run took on which server, and its error's code."""
    for one in checked:
        result = one.result
        target, query = result.job.key
        fields = {
            "target": target,
            "query": query,
            "duration_seconds": round(result.duration_seconds, 6),
            "server": f"{result.server.flavor} {result.server.version}"
            if result.server
            else None,
        }
        failure = one.failure
        if failure is not None:
            reason, message, code = str(failure.reason), failure.message, failure.code
            log.debug("run.failed", **fields, reason=reason, message=message, code=code)
        elif one.is_blocked:
            log.debug("run.blocked", **fields)
        else:
            log.debug("run.finished", **fields)
