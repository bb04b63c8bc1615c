"""Ask a server whether a query would run, without running it: for `check --schema` and `validate --connect`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from monitor.cli.checked import (
    EVIDENCE_WOULD_FAIL,
    RULE_WOULD_FAIL,
    SEES_TOO_LITTLE,
    WOULD_FAIL,
    Checked,
    Finding,
)
from monitor.collector.execute import OFF, is_off
from monitor.collector.explain import (
    NO_PROCESS,
    missing_needs,
    missing_text,
    plan,
    plan_evidence,
    seen_in_part,
)
from monitor.collector.items import for_one_item
from monitor.database import Database, Session
from monitor.model.errors import QueryError, Reason, TargetError
from monitor.model.results import Failure, Outcome, Result, Server, Success
from monitor.model.settings import ColumnName, Job, Query, Severity
from monitor.timing.clock import Clock

Found = TypeVar("Found")


def preflight(
    job: Job, database: Database, clock: Clock, known_missing: frozenset[ColumnName]
) -> Checked:
    """Ask the server to plan the query, and look for what it needs.

    `known_missing` are columns whose lack is a finding already.
    """
    started_at, started_seconds = clock.now(), time.monotonic()
    outcome: Outcome = Success((), 0)
    found: tuple[Finding, ...] = ()
    server: Server | None = None
    timeout_seconds = job.query.timeout.total_seconds()
    try:
        with database.lease(deadline_seconds=timeout_seconds) as session:
            server = session.server
            one = replace(job, query=for_one_item(job.query, session))
            plan(one.query, session)
            found = (
                *_findings_of_needs(one, session, known_missing),
                *_findings_of_evidence(one, session),
            )
    except QueryError as error:
        outcome = OFF if is_off(job.query, error) else _failure(error)
        if error.reason is Reason.SCHEMA_MISSING:
            found = (would_fail(job, error.message),)
    seconds = time.monotonic() - started_seconds
    result = Result(job, started_at, started_at, clock.now(), seconds, outcome, server)
    return Checked(result, found, "finds its tables and columns")


def would_fail(job: Job, why: str) -> Finding:
    """Return the finding that a query cannot run."""
    summary = f"query {job.query.name} cannot run on {job.target.name}: {why}"
    return _finding(Severity.CRITICAL, WOULD_FAIL, job, summary)


def evidence_faults(query: Query, session: Session) -> Iterator[str]:
    """Plan the evidence of each rule; say what of it could not be had.

    Without it an alert comes, but names nobody.
    """
    for rule in query.rules:
        error = attempt(partial(plan_evidence, rule, query, session))
        if error is not None:
            why = f"{error.reason}: {error.author_message}"
            yield f"{rule.name} would come without evidence: {why}"


def attempt(work: Callable[[], Found]) -> Found | QueryError:
    """Return what the work gives, or why it failed; where the target is lost, that is raised and ends all."""
    try:
        return work()
    except TargetError:
        raise
    except QueryError as error:
        return error


def _findings_of_needs(
    job: Job, session: Session, known_missing: frozenset[ColumnName]
) -> Iterator[Finding]:
    """Look for the columns under `needs`, which no schema query may have looked for, and at what it sees."""
    query, target = job.query, job.target.name
    missing = missing_needs(query.needs, query, session)
    if missing:
        raise QueryError(Reason.SCHEMA_MISSING, missing_text(missing))
    for rule in query.rules:
        missing = missing_needs(set(rule.needs) - known_missing, query, session)
        if missing:
            why = missing_text(missing)
            summary = f"{rule.name} cannot be judged on {target}: {why}"
            yield _finding(Severity.CRITICAL, RULE_WOULD_FAIL, job, summary)
    what = seen_in_part(query, session)
    if what:
        summary = (
            f"query {query.name} sees only its own {what} on {target}: {NO_PROCESS}"
        )
        yield _finding(Severity.WARNING, SEES_TOO_LITTLE, job, summary)


def _findings_of_evidence(job: Job, session: Session) -> Iterator[Finding]:
    for fault in evidence_faults(job.query, session):
        yield _finding(Severity.WARNING, EVIDENCE_WOULD_FAIL, job, fault)


def _failure(error: QueryError) -> Failure:
    return Failure(
        error.reason,
        error.message,
        error.code,
        error.detail,
        lost=isinstance(error, TargetError),
        excerpt=error.excerpt,
    )


def _finding(severity: Severity, name: str, job: Job, summary: str) -> Finding:
    target, query = job.key
    labels = {"target": target, "query": query}
    return Finding(severity, name, labels, {"summary": summary})
