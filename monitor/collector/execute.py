"""Make one run: lease a session, fetch the rows, turn them into samples, look up evidence; gives a Result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.alerting.evaluate import matching
from monitor.collector.samples import samples_of
from monitor.collector.schema_check import SchemaAnswer, check_schema
from monitor.collector.time_zones import unknown_zone
from monitor.database import Database, Session
from monitor.model.errors import (
    QueryError,
    Reason,
    RefusedError,
    SampleError,
    TargetError,
)
from monitor.model.results import (
    Cell,
    EvidenceKey,
    EvidenceRow,
    Failure,
    Outcome,
    Result,
    Rows,
    Sample,
    Server,
    Success,
)
from monitor.model.settings import Job, Query, Scalar, Statement
from monitor.model.wording import clock_time
from monitor.timing.clock import Clock
from monitor.timing.durations import format_duration

EVIDENCE_ROWS = 10
"""Examples, not a list: they go into each message about the alert."""
# Beyond these a rule's alerts have no examples: each is a statement, within the time of one run.
_MAX_EVIDENCE_FINDINGS = 10
# waited for a lock, chosen as the victim of a deadlock: the server has undone all of it (docs/adr/0007)
_LOCK_CODES = frozenset({1205, 1213})
# A statement that is given less would only be begun to be cut.
_MIN_TRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RunFindings:
    """What a run found while it was being made: the rows as they came, and what became of them."""

    rows: Rows
    success: Success


def execute(
    job: Job, scheduled_at: datetime, database: Database, clock: Clock
) -> Result:
    """Make one run of a job and return its Result, within about the query's timeout.

    Never raises: what goes wrong is the result's Failure, `lost` where the target let nobody in. The caller
    owns `database`; one of its connections is leased for the run and given back in any case.
    """
    started_at = clock.now()
    started_seconds = time.monotonic()
    server: Server | None = None
    let_in_at: datetime | None = None
    refusal: Failure | None = None
    outcome: Outcome
    try:
        with database.lease(
            deadline_seconds=job.query.timeout.total_seconds()
        ) as session:
            server = session.server
            let_in_at = clock.now() - timedelta(
                seconds=time.monotonic() - session.connection.opened_at
            )
            refusal = _failure(session.refusal, lost=False) if session.refusal else None
            _check_replica(job, server)
            outcome = answer(job.query, session).success
    except RefusedError as error:
        outcome = refusal = replace(_failure(error, lost=False), refused=True)
    except TargetError as error:
        # Lost is a target that lets nobody in; a connection that broke costs the run that had it.
        outcome = _failure(error, lost=server is None)
    except QueryError as error:
        outcome = _failure(error, lost=False)
    except SampleError as error:
        outcome = Failure(Reason.BAD_RESULT, str(error))
    # The boundary around a run: a bug must cost this run, not the thread and all runs after it.
    except Exception as error:  # noqa: BLE001
        what = f"{type(error).__name__} in {_innermost_line(error)}"
        outcome = Failure(Reason.INTERNAL, what)
    return Result(
        job=job,
        scheduled_at=scheduled_at,
        started_at=started_at,
        finished_at=clock.now(),
        duration_seconds=time.monotonic() - started_seconds,
        outcome=outcome,
        server=server,
        let_in_at=let_in_at,
        refusal=refusal,
    )


def answer(query: Query, session: Session) -> RunFindings:
    """Run the query in a session that the caller leased; its rows, and what they mean.

    Raises QueryError as the server answers, SampleError where the rows cannot be read.
    """
    ends_at_seconds = time.monotonic() + query.timeout.total_seconds()
    statement = query.statement_for(session.server.flavor)
    session.use_time_zone(query.time_zone)
    schema = None
    if query.schema is None:
        rows = _fetch_past_a_lock(session, statement, query, ends_at_seconds)
    else:
        schema = _checked_schema(query, session, statement, ends_at_seconds)
        rows = schema.rows
    try:
        samples = samples_of(query, rows)
    except SampleError:
        # NULL is all that is to be seen of a zone that the server does not know
        if fault := unknown_zone(query, session):
            raise SampleError(fault) from None
        raise
    evidence, errors = _evidence(query, session, samples, ends_at_seconds)
    success = Success(samples, len(rows.rows), evidence, errors, warnings=rows.warnings)
    if schema is not None:
        success = replace(
            success,
            missing=schema.missing,
            unknown=schema.unknown,
            silent=schema.silent,
            refusals=schema.refusals,
        )
    return RunFindings(rows, success)


def _checked_schema(
    query: Query, session: Session, statement: Statement, ends_at_seconds: float
) -> SchemaAnswer:
    def look() -> Rows:
        _check_time(query, ends_at_seconds)
        return _fetch_past_a_lock(session, statement, query, ends_at_seconds)

    def touch(sql: str) -> None:
        _check_time(query, ends_at_seconds)
        session.fetch(Statement(sql), {}, timeout=query.timeout, max_rows=1)

    return check_schema(query, look, touch)


def _check_time(query: Query, ends_at_seconds: float) -> None:
    """Raise a timeout where many statements of one run, each within its limit, have used the run's time."""
    if time.monotonic() > ends_at_seconds:
        raise QueryError(
            Reason.TIMEOUT, f"no result within {format_duration(query.timeout)}"
        )


def _check_replica(job: Job, server: Server) -> None:
    """Refuse to judge data that is too old; a server that says nothing has nothing against it."""
    if server.replication is None:
        return
    fault = server.replication.fault(job.target.max_replica_lag)
    if fault:
        raise QueryError(Reason.REPLICA_LAGGING, fault)


def _fetch_past_a_lock(
    session: Session, statement: Statement, query: Query, ends_at_seconds: float
) -> Rows:
    """Fetch; once more in the time that is left where a lock ended the first try before it gave anything."""
    try:
        return _fetch(
            session, statement, query.parameters, query.timeout, query.max_rows
        )
    except QueryError as error:
        left_seconds = ends_at_seconds - time.monotonic()
        if error.code not in _LOCK_CODES or left_seconds < _MIN_TRY_SECONDS:
            raise
        lock = error
    try:
        return _fetch(
            session,
            statement,
            query.parameters,
            timedelta(seconds=left_seconds),
            query.max_rows,
        )
    except QueryError as error:
        # Whoever reads "timeout" looks for a slow plan; it was the lock all the time.
        raise (lock if error.reason is Reason.TIMEOUT else error) from None


def _fetch(
    session: Session,
    statement: Statement,
    values: Mapping[str, Scalar],
    timeout: timedelta,
    max_rows: int,
) -> Rows:
    bound = {name: values[name] for name in statement.parameters}
    return session.fetch(statement, bound, timeout=timeout, max_rows=max_rows)


def _evidence(
    query: Query, session: Session, samples: tuple[Sample, ...], ends_at_seconds: float
) -> tuple[dict[EvidenceKey, tuple[EvidenceRow, ...]], tuple[str, ...]]:
    """Look up example rows for what the rules find; a failure is returned and fails nothing."""
    found: dict[EvidenceKey, tuple[EvidenceRow, ...]] = {}
    errors: list[str] = []
    for rule in query.rules:
        if rule.evidence is None:
            continue
        for sample in matching(rule, samples)[:_MAX_EVIDENCE_FINDINGS]:
            values = {**query.parameters, **dict(sample.labels)}
            with _collecting(rule.name, errors):
                timeout = timedelta(
                    seconds=max(_MIN_TRY_SECONDS, ends_at_seconds - time.monotonic())
                )
                rows = _fetch(session, rule.evidence, values, timeout, query.max_rows)
                found[rule.name, sample.labels] = _evidence_rows(rows)[:EVIDENCE_ROWS]
    return found, tuple(errors)


@contextmanager
def _collecting(rule: str, errors: list[str]) -> Iterator[None]:
    try:
        yield
    except QueryError as error:
        errors.append(f"{rule}: {error.reason}: {error.message}")
    except KeyError as error:  # an `absent` finding has only the labels of its `where`
        errors.append(f"{rule}: no value for :{error.args[0]}")


def _evidence_rows(rows: Rows) -> tuple[EvidenceRow, ...]:
    return tuple(
        {name: _plain(cell) for name, cell in zip(rows.columns, row, strict=True)}
        for row in rows.rows
    )


def _plain(cell: Cell) -> str | int | float | bool | None:
    """Make a cell fit for JSON without losing what it says."""
    if cell is None or isinstance(cell, str | int | float):
        return cell
    if isinstance(cell, Decimal):
        # SUM() and AVG() are DECIMAL in MySQL, also of integers.
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    if isinstance(cell, bytes):
        return f"0x{cell.hex()}"
    if isinstance(cell, timedelta):
        return clock_time(cell)
    return cell.isoformat()


def _failure(error: QueryError, *, lost: bool) -> Failure:
    return Failure(
        reason=error.reason,
        message=error.message,
        code=error.code,
        detail=error.detail,
        lost=lost,
        place=error.place,
    )


def _innermost_line(error: Exception) -> str:
    """Return the innermost line of a traceback: enough to find the bug, no values of variables."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
