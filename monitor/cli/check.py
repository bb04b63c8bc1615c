"""`check`: every query once, now, with an exit code that a pipeline or Nagios understands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click
import orjson

from monitor.checks import Checked, Finding, Verdict, check, worst
from monitor.cli import UNKNOWN
from monitor.cli.options import common, load_or_tell, make_log
from monitor.cli.output import indented, table
from monitor.clock import AnchoredClock
from monitor.model.results import Blocked, Failure
from monitor.model.settings import Config, Job


@click.command("check")
@click.argument("queries", nargs=-1)
@click.option("--target", "target", help="Only this target.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "nagios"]),
    default="table",
    show_default=True,
    help="How to print the results.",
)
@click.option("--schema", is_flag=True, help="Only: would every query find its tables and columns?")
@common
def command(
    queries: tuple[str, ...],
    target: str | None,
    form: str,
    schema: bool,
    config_path: Path,
    log_level: str,
    log_format: str,
) -> int:
    """Run every query (or QUERIES, which may be patterns) once, now; rules without `for`.

    Exit codes: 0 ok, 1 warning, 2 critical, 3 could not tell (a query that failed, bad configuration,
    bad usage, nothing selected).
    """
    config = load_or_tell(config_path, exit_code=UNKNOWN)
    log = make_log(log_level, log_format)
    jobs = selected(config, queries, target)
    if not jobs:
        click.echo("token-monitor: nothing selected; " + _available(config), err=True)
        return UNKNOWN
    checked = check(jobs, os.environ, AnchoredClock(), schema_only=schema)
    verdict = worst(one.verdict for one in checked)
    show = {"table": _as_table, "json": _as_json, "nagios": _as_nagios}[form]
    sys.stdout.write(show(checked, verdict) + "\n")
    log.close()
    return int(verdict)


def selected(config: Config, queries: Sequence[str], target: str | None) -> list[Job]:
    """Choose jobs by query names or patterns, and by target; a name that fits nothing is bad usage."""
    if target is not None and target not in {one.name for one in config.targets}:
        names = ", ".join(one.name for one in config.targets)
        raise click.UsageError(f'no target "{target}"; there are: {names}')
    for pattern in queries:
        if not any(fnmatchcase(job.query.name, pattern) for job in config.jobs):
            raise click.UsageError(f'no query "{pattern}"; {_available(config)}')
    return [
        job
        for job in config.jobs
        if (target is None or job.target.name == target)
        and (not queries or any(fnmatchcase(job.query.name, pattern) for pattern in queries))
    ]


def _available(config: Config) -> str:
    return "queries: " + ", ".join(sorted({job.query.name for job in config.jobs}))


def _state(one: Checked) -> tuple[str, str]:
    outcome = one.result.outcome
    if isinstance(outcome, Blocked):
        return "BLOCKED", "not run: " + ", ".join(str(column) for column in outcome.missing) + " missing"
    if isinstance(outcome, Failure) and not one.findings:
        return "UNKNOWN", f"{outcome.reason}: {outcome.message}"
    if one.findings:
        more = f" (+{len(one.findings) - 1} more)" if len(one.findings) > 1 else ""
        return one.verdict.name, f"{one.findings[0].name}: {one.findings[0].summary}{more}"
    return "OK", f"{outcome.row_count} rows" if not isinstance(outcome, Failure) else ""


def _as_table(checked: Sequence[Checked], verdict: Verdict) -> str:
    rows = []
    for one in checked:
        state, text = _state(one)
        target, query = one.result.job.key
        rows.append((state, target, query, f"{one.result.duration_seconds * 1000:.0f} ms", text))
    parts = [table(rows, ("STATE", "TARGET", "QUERY", "TOOK", "RESULT"))]
    for one in checked:
        parts.extend(_details(finding) for finding in one.findings)
    parts.append(_counts(checked, verdict))
    return "\n\n".join(parts)


def _details(finding: Finding) -> str:
    lines = [f"{finding.verdict.name}: {finding.name}: {finding.summary}"]
    lines.extend(
        indented(finding.annotations[name])
        for name in ("description", "repair")
        if name in finding.annotations
    )
    return "\n".join(lines)


def _counts(checked: Sequence[Checked], verdict: Verdict) -> str:
    findings = [finding.verdict for one in checked for finding in one.findings]
    failed = sum(isinstance(one.result.outcome, Failure) for one in checked)
    waiting = sum(isinstance(one.result.outcome, Blocked) for one in checked)
    return (
        f"{verdict.name}: {len(checked)} queries, {findings.count(Verdict.CRITICAL)} critical, "
        f"{findings.count(Verdict.WARNING)} warning, {failed} failed, {waiting} blocked"
    )


def _as_json(checked: Sequence[Checked], verdict: Verdict) -> str:
    document = {
        "status": verdict.name.lower(),
        "exit_code": int(verdict),
        "checks": [_json_of(one) for one in checked],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _json_of(one: Checked) -> dict[str, object]:
    outcome = one.result.outcome
    target, query = one.result.job.key
    _, text = _state(one)
    return {
        "target": target,
        "query": query,
        "status": one.verdict.name.lower() if not isinstance(outcome, Blocked) else "blocked",
        "message": text,
        "reason": str(outcome.reason) if isinstance(outcome, Failure) else None,
        "missing": [str(column) for column in outcome.missing] if isinstance(outcome, Blocked) else [],
        "duration_seconds": round(one.result.duration_seconds, 6),
        "findings": [
            {
                "alertname": finding.name,
                "severity": finding.verdict.name.lower(),
                "labels": dict(finding.labels),
                "annotations": dict(finding.annotations),
            }
            for finding in one.findings
        ],
    }


def _as_nagios(checked: Sequence[Checked], verdict: Verdict) -> str:
    """One line with what matters most first, then performance data, as the plugin guidelines have it."""
    states = [_state(one) for one in checked]
    told = [text for state, text in states if state not in ("OK", "BLOCKED")]
    text = "; ".join(told) if told else f"{len(checked)} queries ok"
    perfdata = " ".join(
        f"'{'/'.join(one.result.job.key)}'={one.result.duration_seconds:.3f}s"
        f";;;0;{one.result.job.query.timeout.total_seconds():g}"
        for one in checked
    )
    # "|" begins performance data, and nothing may break the line
    return f"TOKEN-MONITOR {verdict.name} - {' '.join(text.split()).replace('|', '/')} | {perfdata}"
