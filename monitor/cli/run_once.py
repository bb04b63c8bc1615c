"""Run queries once, now, without the daemon: for a shell, a deployment pipeline or Nagios."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from monitor.alerting.blocking import blocked
from monitor.alerting.evaluate import evaluate
from monitor.alerting.rule_input import BoundRule
from monitor.alerting.texts import shown_annotations
from monitor.collector.execute import execute
from monitor.collector.explain import (
    NO_PROCESS,
    missing_needs,
    missing_text,
    plan,
    plan_evidence,
    seen_in_part,
)
from monitor.database import Database, Session
from monitor.model.alerts import Alert, Change, Scope
from monitor.model.errors import QueryError, Reason, SampleError, TargetError
from monitor.model.results import (
    Blocked,
    EvidenceRow,
    Failure,
    Outcome,
    Result,
    Server,
    Success,
)
from monitor.model.settings import ColumnName, Job, Rule, Severity
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import Clock
from monitor.timing.deadlines import Watchdog

WOULD_FAIL = "QueryWouldFail"
EVIDENCE_WOULD_FAIL = "EvidenceWouldFail"
RULE_WOULD_FAIL = "RuleWouldFail"
SEES_TOO_LITTLE = "QuerySeesTooLittle"


class CheckStatus(IntEnum):
    """What a check says; the number is the exit code, as Nagios has it."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says without its `for`, or what a schema preflight found."""

    severity: Severity
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    evidence: tuple[EvidenceRow, ...] = ()

    @property
    def summary(self) -> str:
        """Say it in one line."""
        return self.annotations.get("summary", self.name)

    @property
    def verdict(self) -> CheckStatus:
        """Judge this finding alone; what is only for information is fine."""
        verdicts = {
            Severity.CRITICAL: CheckStatus.CRITICAL,
            Severity.WARNING: CheckStatus.WARNING,
        }
        return verdicts.get(self.severity, CheckStatus.OK)


@dataclass(frozen=True, slots=True)
class Checked:
    """One query on one target: its run's result, what was found, and what to say if nothing was."""

    result: Result
    findings: tuple[Finding, ...] = ()
    note: str = ""

    @property
    def failure(self) -> Failure | None:
        """Give why it could not be told, or not in full; a missing column that is a finding was told."""
        outcome = self.result.outcome
        if isinstance(outcome, Success) and outcome.refusals:
            names = ", ".join(sorted(map(str, outcome.unknown)))
            first = outcome.refusals[0]
            return Failure(
                first.reason,
                f"cannot tell of {names}: {first.message}",
                first.code,
                first.detail,
            )
        is_told = any(finding.name == WOULD_FAIL for finding in self.findings)
        return outcome if isinstance(outcome, Failure) and not is_told else None

    @property
    def is_blocked(self) -> bool:
        """Tell whether it was not run because of a missing column, which is a finding elsewhere."""
        return isinstance(self.result.outcome, Blocked) and not self.findings

    @property
    def verdict(self) -> CheckStatus:
        """Judge this query alone."""
        own = CheckStatus.OK if self.failure is None else CheckStatus.UNKNOWN
        return worst([own, *(finding.verdict for finding in self.findings)])


def worst(verdicts: Iterable[CheckStatus]) -> CheckStatus:
    """Choose the one that counts: critical, then unknown, then warning."""
    order = (CheckStatus.CRITICAL, CheckStatus.UNKNOWN, CheckStatus.WARNING)
    found = set(verdicts)
    return next((verdict for verdict in order if verdict in found), CheckStatus.OK)


def check(
    jobs: Sequence[Job],
    environ: Mapping[str, str],
    clock: Clock,
    *,
    schema_only: bool = False,
    runbook_base_url: str = "",
) -> tuple[Checked, ...]:
    """Run these jobs, each target in a thread of its own, schema queries first; in the order of `jobs`.

    `schema_only`: of the others only ask whether they would find their tables and columns.
    ^C stops what runs, on the servers too.
    """
    of_targets = []
    with ExitStack() as stack:
        watchdog = stack.enter_context(Watchdog())
        for name in dict.fromkeys(job.target.name for job in jobs):
            here = [job for job in jobs if job.target.name == name]
            database = Database(
                here[0].target, secrets=SecretReader(environ), watchdog=watchdog
            )
            stack.callback(database.close)
            of_targets.append(
                _OneTarget(
                    here,
                    database,
                    clock,
                    schema_only=schema_only,
                    runbook_base_url=runbook_base_url,
                )
            )
        _run_all(of_targets)
    checked = {
        one.result.job.key: one for of_target in of_targets for one in of_target.checked
    }
    # One is missing only where a bug ended its target's thread, which printed the traceback.
    return tuple(checked.get(job.key) or _not_told(job, clock.now()) for job in jobs)


def _run_all(of_targets: Sequence[_OneTarget]) -> None:
    threads = [
        threading.Thread(target=of_target.run, daemon=True) for of_target in of_targets
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for of_target in of_targets:
            of_target.database.cancel_all()
        raise


class _OneTarget:
    """The checks of one target, one after the other on one connection; `checked` grows as they are made."""

    def __init__(
        self,
        jobs: Sequence[Job],
        database: Database,
        clock: Clock,
        *,
        schema_only: bool,
        runbook_base_url: str,
    ) -> None:
        self.database = database
        self.checked: list[Checked] = []
        self._jobs = sorted(jobs, key=lambda job: job.query.schema is None)
        self._clock = clock
        self._schema_only = schema_only
        self._runbook_base_url = runbook_base_url
        self._missing: frozenset[ColumnName] = frozenset()

    def run(self) -> None:
        """Check every job; where the target lets nobody in, ask it once and not for each query."""
        closed: Failure | None = None
        for job in self._jobs:
            checked = (
                self._check(job)
                if closed is None
                else _unasked(job, closed, self._clock.now())
            )
            outcome = checked.result.outcome
            # A connection that was lost may be had again; one that could not be made would cost 5 s each.
            if (
                isinstance(outcome, Failure)
                and outcome.lost
                and outcome.detail != "lost"
            ):
                closed = outcome
            self.checked.append(checked)

    def _check(self, job: Job) -> Checked:
        missing = self._missing & frozenset(job.query.needs)
        if missing:
            now = self._clock.now()
            result = blocked(job, now, missing, now)
            told = (
                (_would_fail(job, missing_text(missing)),) if self._schema_only else ()
            )
            return Checked(result, told)
        if self._schema_only and job.query.schema is None:
            return _preflight(job, self.database, self._clock, self._missing)
        result = execute(job, self._clock.now(), self.database, self._clock)
        if isinstance(result.outcome, Success) and result.outcome.missing:
            self._missing |= result.outcome.missing
        return _judged(result, self._missing, self._runbook_base_url)


def _judged(
    result: Result, missing: frozenset[ColumnName], runbook_base_url: str
) -> Checked:
    """Say what the rules find in a result, without their `for`."""
    if not isinstance(result.outcome, Success):
        return Checked(result)
    found: list[Finding] = []
    for rule in result.job.query.rules:
        if missing.isdisjoint(rule.needs):
            try:
                found.extend(_findings(rule, result, result.outcome, runbook_base_url))
            except SampleError as error:
                failure = Failure(Reason.BAD_RESULT, f"{rule.name}: {error}")
                return Checked(replace(result, outcome=failure), tuple(found))
    count = result.outcome.row_count
    return Checked(
        result, tuple(found), f"{count} row" if count == 1 else f"{count} rows"
    )


def _findings(
    rule: Rule, result: Result, success: Success, runbook_base_url: str
) -> list[Finding]:
    # Whoever asks is told all that is found: nothing is kept of it.
    limit = max(1, len(success.samples))
    bound = BoundRule(
        replace(rule, hold=timedelta(0), max_alerts=limit),
        Scope(rule.name, *result.job.key),
        result.job.target.labels,
        result.job.query.parameters,
        runbook_base_url,
    )
    # Since when it is so cannot be known from one look.
    evaluation = evaluate(bound, {}, success, now=result.scheduled_at, is_first=True)
    return [
        _finding(change.alert)
        for change in evaluation.transitions
        if change.change is Change.FIRED
    ]


def _finding(alert: Alert) -> Finding:
    return Finding(
        alert.severity,
        alert.name,
        dict(alert.labels),
        shown_annotations(alert),
        alert.evidence,
    )


def _preflight(
    job: Job, database: Database, clock: Clock, told: frozenset[ColumnName]
) -> Checked:
    """Ask the server to plan the query, and look for what it needs; `told` is known to be missing."""
    started_at, started_seconds = clock.now(), time.monotonic()
    outcome: Outcome = Success((), 0)
    found: tuple[Finding, ...] = ()
    server: Server | None = None
    try:
        with database.lease(
            deadline_seconds=job.query.timeout.total_seconds()
        ) as session:
            server = session.server
            plan(job.query, session)
            found = (
                *_needs_preflight(job, session, told),
                *_evidence_preflight(job, session),
            )
    except QueryError as error:
        lost = isinstance(error, TargetError)
        outcome = Failure(
            error.reason, error.message, error.code, error.detail, lost, error.place
        )
        if error.reason is Reason.SCHEMA_MISSING:
            found = (_would_fail(job, error.message),)
    seconds = time.monotonic() - started_seconds
    result = Result(job, started_at, started_at, clock.now(), seconds, outcome, server)
    return Checked(result, found, "finds its tables and columns")


def _needs_preflight(
    job: Job, session: Session, told: frozenset[ColumnName]
) -> list[Finding]:
    """Look for the columns under `needs`, which no schema query may have looked for, and at what it sees."""
    query, target = job.query, job.target.name
    found = []
    missing = missing_needs(query.needs, query, session)
    if missing:
        raise QueryError(Reason.SCHEMA_MISSING, missing_text(missing))
    for rule in query.rules:
        missing = missing_needs(set(rule.needs) - told, query, session)
        if missing:
            summary = (
                f"{rule.name} cannot be judged on {target}: {missing_text(missing)}"
            )
            found.append(
                _schema_finding(Severity.CRITICAL, RULE_WOULD_FAIL, job, summary)
            )
    if what := seen_in_part(query, session):
        summary = (
            f"query {query.name} sees only its own {what} on {target}: {NO_PROCESS}"
        )
        found.append(_schema_finding(Severity.WARNING, SEES_TOO_LITTLE, job, summary))
    return found


def _evidence_preflight(job: Job, session: Session) -> tuple[Finding, ...]:
    """Ask the same of the evidence of its rules: without it an alert comes, but names nobody."""
    found = []
    for rule in job.query.rules:
        try:
            plan_evidence(rule, job.query, session)
        except TargetError:
            raise
        except QueryError as error:
            summary = f"{rule.name} would come without evidence: {error.reason}: {error.author_message}"
            found.append(
                _schema_finding(Severity.WARNING, EVIDENCE_WOULD_FAIL, job, summary)
            )
    return tuple(found)


def _would_fail(job: Job, why: str) -> Finding:
    summary = f"query {job.query.name} cannot run on {job.target.name}: {why}"
    return _schema_finding(Severity.CRITICAL, WOULD_FAIL, job, summary)


def _schema_finding(severity: Severity, name: str, job: Job, summary: str) -> Finding:
    target, query = job.key
    return Finding(
        severity, name, {"target": target, "query": query}, {"summary": summary}
    )


def _unasked(job: Job, failure: Failure, now: datetime) -> Checked:
    return Checked(Result(job, now, now, now, 0.0, failure))


def _not_told(job: Job, now: datetime) -> Checked:
    return _unasked(
        job,
        Failure(Reason.INTERNAL, "the check ended before this query; see stderr"),
        now,
    )
