"""Make one run: lease a session, fetch the rows, turn them into samples, look up evidence; gives a Result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

from monitor.collector.courtesy import USUAL, Courtesy
from monitor.collector.cursor import read_forward
from monitor.collector.examples_of_alerts import with_examples_of_alerts
from monitor.collector.findings import RunFindings
from monitor.collector.for_each import answer_each
from monitor.collector.ledger import look_at_ledger
from monitor.collector.left import with_left
from monitor.collector.one_statement import answer_at_once
from monitor.collector.sweep import sweep_on
from monitor.database import Database, Session
from monitor.model.alerts import Alert
from monitor.model.deferral import Deferred
from monitor.model.errors import (
    QueryError,
    Reason,
    RefusedError,
    SampleError,
    TargetError,
)
from monitor.model.for_each import ANY_TURNS, NoItemError, Turns
from monitor.model.positions import Position
from monitor.model.results import Failure, Outcome, Result, Server, Success
from monitor.model.settings import Job, Query
from monitor.model.walks import Cursor, Ledger, Sweep
from monitor.timing.clock import Clock

_BUSY_AGE_SECONDS = 5.0
"""Between pieces the status may be so old: to read it costs as much as a hundredth of a piece."""


OFF = Success((), 0, silent=((),))
"""Of a query that is off for want of a right: it says nothing, so that nothing fires or resolves by it."""


@dataclass(slots=True)
class _Contact:
    """What a run learns of its target on the way, also where it fails after that."""

    server: Server | None = None
    let_in_at: datetime | None = None
    refusal: Failure | None = None
    statement_seconds: float = 0.0


def execute(
    job: Job,
    scheduled_at: datetime,
    database: Database,
    clock: Clock,
    position: Position | None = None,
    *,
    spares_server: bool = False,
    alerts: Sequence[Alert] = (),
    turns: Turns = ANY_TURNS,
) -> Result:
    """Make one run of a job and return its Result, within about the query's timeout.

    `alerts` are those that are active: a run asks who of what is over was repaired, and looks up examples of what
    only the run before found. `position` is how far the walk of its query has come, if it walks; `turns` which of
    its items go first, if it has some. `spares_server`: a job that may wait is put off while the server is busy or
    a replica too late; what a person asks for is run all the same.

    Never raises: what goes wrong is the result's Failure, `lost` where the target let nobody in. The caller
    owns `database`; one of its connections is leased for the run and given back in any case.
    """
    started_at = clock.now()
    started_seconds = time.monotonic()
    contact = _Contact()

    def look(session: Session) -> RunFindings:
        courtesy = USUAL
        if spares_server:
            is_busy = partial(_is_busy, job, session)
            courtesy = Courtesy(job.target.load.own_share, is_busy)
        # Behind the wait for a connection: what a walk sees is not of before.
        now = _walks_on_at(job.query, clock, spares_server=spares_server)
        findings = answer(job.query, session, position, now, courtesy, turns)
        ends_at_seconds = started_seconds + job.query.timeout.total_seconds()
        findings = with_left(findings, job, session, alerts, ends_at_seconds)
        return with_examples_of_alerts(findings, job, session, alerts, ends_at_seconds)

    outcome = _outcome(job, database, clock, contact, look, spares_server=spares_server)
    return Result(
        job=job,
        scheduled_at=scheduled_at,
        started_at=started_at,
        finished_at=clock.now(),
        duration_seconds=time.monotonic() - started_seconds,
        outcome=outcome,
        server=contact.server,
        let_in_at=contact.let_in_at,
        refusal=contact.refusal,
        statement_seconds=contact.statement_seconds,
    )


def _outcome(
    job: Job,
    database: Database,
    clock: Clock,
    contact: _Contact,
    look: Callable[[Session], RunFindings],
    *,
    spares_server: bool,
) -> Outcome:
    timeout_seconds = job.query.timeout.total_seconds()
    try:
        with database.lease(deadline_seconds=timeout_seconds) as session:
            _note_contact(session, clock, contact)
            deferral = deferral_of(job, session.server) if spares_server else None
            if deferral is not None:
                return deferral
            _check_replica(job, session.server)
            try:
                return look(session).success
            finally:
                contact.statement_seconds = session.statement_seconds
    except RefusedError as error:
        contact.refusal = replace(_failure(error), refused=True)
        return contact.refusal
    except TargetError as error:
        # Lost is a target that lets nobody in; a connection that broke costs the run that had it.
        return replace(_failure(error), lost=contact.server is None)
    except QueryError as error:
        return OFF if is_off(job.query, error) else _failure(error)
    except SampleError as error:
        return Failure(Reason.BAD_RESULT, str(error))
    # The boundary around a run: a bug must cost this run, not the thread and all runs after it.
    except Exception as error:  # noqa: BLE001
        what = f"{type(error).__name__} in {_innermost_line(error)}"
        return Failure(Reason.INTERNAL, what)


def _walks_on_at(query: Query, clock: Clock, *, spares_server: bool) -> datetime | None:
    """Return when a walk goes on; None of a table that is read whole, for a person who asks how it is.

    Of a part of it nobody could say that nothing is wrong.
    """
    if isinstance(query.walk, Sweep) and not spares_server:
        return None
    return clock.now()


def _note_contact(session: Session, clock: Clock, contact: _Contact) -> None:
    """Note which server the session is on, since when, and why it is not on a new connection."""
    age_seconds = time.monotonic() - session.connection.opened_at
    contact.server = session.server
    contact.let_in_at = clock.now() - timedelta(seconds=age_seconds)
    if session.refusal:
        contact.refusal = _failure(session.refusal)


def answer(
    query: Query,
    session: Session,
    position: Position | None = None,
    now: datetime | None = None,
    courtesy: Courtesy = USUAL,
    turns: Turns = ANY_TURNS,
) -> RunFindings:
    """Run the query in a session that the caller leased; its rows, and what they mean.

    One that walks goes on from a position at `now`; without `now` it looks once, and nothing is kept of that.
    One that is asked for each of some items takes them in `turns`.
    Raises QueryError as the server answers, SampleError where the rows cannot be read.
    """
    walk = query.walk
    match walk:
        case None:
            if query.for_each is not None:
                return answer_each(query, query.for_each, session, turns)
            return answer_at_once(query, session)
        case Cursor():
            return read_forward(query, walk, session, position, now, courtesy)
        case Sweep():
            return sweep_on(query, walk, session, position, now, courtesy)
        case Ledger():
            return look_at_ledger(query, walk, session, position, now)
        case _:
            assert_never(walk)


def deferral_of(job: Job, server: Server) -> Deferred | None:
    """Return why a run waits for the server's sake, by its status of at most 15 s ago; None of one that does not.

    What is critical never waits. What reads in pieces asks again before it goes on.
    """
    if not job.query.may_wait:
        return None
    busy = job.target.load.busy_words(server.threads_running)
    if busy:
        return Deferred("busy", busy)
    fault = server.replica_fault(job.target.max_replica_lag)
    if fault:
        return Deferred("replica_lagging", fault)
    return None


def _is_busy(job: Job, session: Session) -> bool:
    """Return whether a walk that is under way is to pause, by a status that is not old."""
    session.refresh_status(max_age_seconds=_BUSY_AGE_SECONDS)
    return deferral_of(job, session.server) is not None


def _check_replica(job: Job, server: Server) -> None:
    """Refuse to judge data that is too old; a server that says nothing has nothing against it."""
    if server.replication is None:
        return
    fault = server.replication.fault(job.target.max_replica_lag)
    if fault:
        raise QueryError(Reason.REPLICA_LAGGING, fault)


def is_off(query: Query, error: QueryError) -> bool:
    """Return whether an error only says that a query is off: it is refused a right that it can do without."""
    return query.off_without_right and error.reason is Reason.ACCESS_DENIED


def _failure(error: QueryError) -> Failure:
    return Failure(
        reason=error.reason,
        message=error.message,
        code=error.code,
        detail=error.detail,
        excerpt=error.excerpt,
        items=error.items if isinstance(error, NoItemError) else None,
    )


def _innermost_line(error: Exception) -> str:
    """Return the innermost line of a traceback: enough to find the bug, no values of variables."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
