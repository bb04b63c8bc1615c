"""Run queries once, now, without the daemon: for a shell, a deployment pipeline or Nagios."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum

from monitor import rules
from monitor.clock import Clock
from monitor.database import Database, Session, Watchdog
from monitor.errors import QueryError, Reason, SampleError, TargetError
from monitor.model.alerts import Alert, Change, Scope
from monitor.model.results import Failure, Result, Success
from monitor.model.settings import ColumnName, Job, Severity, Statement
from monitor.runs import blocked, execute


class Verdict(IntEnum):
    """What a check says; the number is the exit code, as Nagios has it."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says without its `for`, or what a schema preflight found."""

    verdict: Verdict
    name: str
    summary: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """One query on one target: its run's result, and what was found."""

    result: Result
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Judge this query alone: a critical finding outweighs what could not be told."""
        return worst([finding.verdict for finding in self.findings] + [self._own()])

    def _own(self) -> Verdict:
        # A blocked query is explained by the missing column, which is a finding of its own.
        return Verdict.UNKNOWN if isinstance(self.result.outcome, Failure) else Verdict.OK


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Choose the one that counts: critical, then unknown, then warning."""
    order = (Verdict.CRITICAL, Verdict.UNKNOWN, Verdict.WARNING)
    found = set(verdicts)
    return next((verdict for verdict in order if verdict in found), Verdict.OK)


def check(
    jobs: Sequence[Job], environ: Mapping[str, str], clock: Clock, *, schema_only: bool = False
) -> tuple[Checked, ...]:
    """Run these jobs, each target in a thread of its own, schema queries first; in the order of `jobs`.

    `schema_only`: of the others only ask whether they would find their tables and columns.
    """
    checked: dict[tuple[str, str], Checked] = {}
    threads = []
    with ExitStack() as stack:
        watchdog = Watchdog()
        stack.callback(watchdog.close)
        for name in dict.fromkeys(job.target.name for job in jobs):
            here = [job for job in jobs if job.target.name == name]
            database = Database(here[0].target, environ=environ, watchdog=watchdog)
            stack.callback(database.close)
            of_target = _OneTarget(here, database, clock, schema_only=schema_only)
            threads.append(threading.Thread(target=of_target.run, args=(checked,), daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return tuple(checked[job.key] for job in jobs)


@dataclass(slots=True)
class _OneTarget:
    """The checks of one target, one after the other."""

    jobs: list[Job]
    database: Database
    clock: Clock
    schema_only: bool
    missing: frozenset[ColumnName] = frozenset()

    def run(self, checked: dict[tuple[str, str], Checked]) -> None:
        for job in sorted(self.jobs, key=lambda job: job.query.schema is None):
            checked[job.key] = self._check(job)

    def _check(self, job: Job) -> Checked:
        now = self.clock.now()
        missing = self.missing & frozenset(job.query.needs)
        if missing:
            return Checked(blocked(job, now, missing, self.clock))
        if self.schema_only and job.query.schema is None:
            return _preflight(job, self.database, self.clock)
        result = execute(job, now, self.database, self.clock)
        if isinstance(result.outcome, Success) and result.outcome.missing:
            self.missing |= result.outcome.missing
        return _judged(result, self.missing)


def _judged(result: Result, missing: frozenset[ColumnName]) -> Checked:
    """Say what the rules find in a result, without their `for`."""
    if not isinstance(result.outcome, Success):
        return Checked(result)
    found: list[Finding] = []
    for rule in result.job.query.rules:
        if not missing.isdisjoint(rule.needs):
            continue
        scope = Scope(rule.name, *result.job.key)
        try:
            evaluation = rules.evaluate(
                replace(rule, hold=timedelta(0)),
                scope,
                {},
                result.outcome,
                now=result.scheduled_at,
                is_first=False,
                target_labels=result.job.target.labels,
                parameters=result.job.query.parameters,
                runbook_base_url="",
            )
        except SampleError as error:
            failure = Failure(Reason.BAD_RESULT, f"{rule.name}: {error}")
            return Checked(replace(result, outcome=failure), tuple(found))
        changes = evaluation.transitions
        found.extend(_finding(change.alert) for change in changes if change.change is Change.FIRED)
    return Checked(result, tuple(found))


def _finding(alert: Alert) -> Finding:
    verdicts = {Severity.CRITICAL: Verdict.CRITICAL, Severity.WARNING: Verdict.WARNING}
    annotations = dict(alert.annotations)
    return Finding(
        verdicts.get(alert.severity, Verdict.OK),
        alert.name,
        annotations.get("summary", alert.name),
        dict(alert.labels),
        annotations,
    )


def _preflight(job: Job, database: Database, clock: Clock) -> Checked:
    """Ask the server to plan the query: it must find every table and column for that."""
    started_at = clock.now()
    outcome: Success | Failure = Success((), 0)
    found: tuple[Finding, ...] = ()
    server = None
    try:
        with database.lease(deadline_seconds=job.query.timeout.total_seconds()) as session:
            server = session.server
            plan(job, session)
    except QueryError as error:
        outcome = Failure(
            error.reason, error.message, error.code, error.detail, lost=isinstance(error, TargetError)
        )
        if error.reason is Reason.SCHEMA_MISSING:
            found = (_would_fail(job, error),)
    finished_at = clock.now()
    seconds = (finished_at - started_at).total_seconds()
    return Checked(Result(job, started_at, started_at, finished_at, seconds, outcome, server), found)


def plan(job: Job, session: Session) -> tuple[tuple[object, ...], ...]:
    """EXPLAIN the query's statement; gives the plan's rows. A SHOW has no plan, and is run."""
    statement = job.query.statement_for(session.server.flavor)
    values = {name: job.query.parameters[name] for name in statement.parameters}
    if not _is_show(statement.text):
        statement = Statement(f"EXPLAIN {statement.text}", statement.parameters)
    return session.fetch(statement, values, timeout=job.query.timeout, max_rows=1000).rows


def _is_show(text: str) -> bool:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith(("--", "#")))
    return "\n".join(lines).lstrip().upper().startswith("SHOW")


def _would_fail(job: Job, error: QueryError) -> Finding:
    target, query = job.key
    summary = f"query {query} cannot run on {target}: {error.message}"
    labels = {"target": target, "query": query}
    return Finding(Verdict.CRITICAL, "SchemaPreflight", summary, labels, {"summary": summary})
