"""Read forward from where the last run has come, each row once; in a run.

Rows are counted up to the highest id of a while ago (cursor_ranges), and looked at up to the newest one for the
windows. Each statement is a short piece; what one run does not reach is the next one's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.collector import cursor_check
from monitor.collector.courtesy import USUAL, Courtesy
from monitor.collector.cursor_begin import begun
from monitor.collector.cursor_counting import count_forward
from monitor.collector.cursor_late import count_late
from monitor.collector.cursor_looking import MAX_AHEAD, catch_up, look_ahead, look_back
from monitor.collector.cursor_memory import first_minute
from monitor.collector.cursor_passed import still_passed
from monitor.collector.cursor_ranges import (
    settled_mark,
    with_mark,
    without_passed,
)
from monitor.collector.cursor_rows import ALL_MINUTES
from monitor.collector.cursor_run import EMPTIED, CursorRun
from monitor.collector.cursor_samples import (
    CursorView,
    longest_window,
    samples_of_cursor,
    windows_counted_from,
)
from monitor.collector.cursor_statements import Bounds, CursorStatements, first_rows
from monitor.collector.cursor_windows import read_windows
from monitor.collector.evidence import look_up_evidence
from monitor.collector.findings import RunFindings
from monitor.collector.time_zones import unknown_zone
from monitor.database import Session
from monitor.model.cursor_position import (
    NOT_BEGUN,
    CursorMemory,
    CursorPosition,
    Mark,
)
from monitor.model.errors import QueryError, SampleError
from monitor.model.positions import Position
from monitor.model.results import Success
from monitor.model.settings import Query
from monitor.model.walked import shape_of, walked_by
from monitor.model.walks import Cursor

_CHECK_EVERY = timedelta(hours=1)
_KEEP_EVERY = timedelta(minutes=10)
"""So much is read again after a restart; the memory is too large to be written with each position."""
_ONE_LOOK = timedelta(hours=1)
"""So far back goes a look of which nothing is kept."""
_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True)
class _Fitness:
    """Whether the column can serve, and when that was found out."""

    reason: str
    checked_at: datetime | None


def read_forward(
    query: Query,
    walk: Cursor,
    session: Session,
    position: Position | None,
    now: datetime | None,
    courtesy: Courtesy = USUAL,
) -> RunFindings:
    """Read what came since the position, and return it with the next one.

    Without `now` it is one look at the last hour, of which nothing is kept. Raises QueryError as the server
    answers, SampleError where the rows cannot be read.
    """
    started_seconds = time.monotonic()
    ends_at_seconds = started_seconds + query.timeout.total_seconds()
    session.use_time_zone(query.time_zone)
    before = position if isinstance(position, CursorPosition) else None
    fitness = _fitness(query, walk, session, before, now)
    start = _start(query, before, fitness.checked_at)
    if fitness.reason:
        return read_windows(query, session, start, now, fitness.reason)
    statements = CursorStatements(query, walk, session, ends_at_seconds)
    try:
        bounds = statements.bounds()
    except QueryError as error:
        # It was there when it was last looked for.
        if before is None or not cursor_check.is_unknown_column(error):
            raise
        unchecked = replace(before, checked_at=None)
        return read_forward(query, walk, session, unchecked, now, courtesy)
    if now is None:
        return _one_look(query, statements, bounds)
    # What is highest was so by then, and not at the begin of the run, which may have waited.
    seen_at = now + timedelta(seconds=time.monotonic() - started_seconds)
    return _go_on(statements, bounds, start, seen_at, courtesy)


def _fitness(
    query: Query,
    walk: Cursor,
    session: Session,
    before: CursorPosition | None,
    now: datetime | None,
) -> _Fitness:
    if before is not None and before.checked_at is not None and now is not None:
        age = now - before.checked_at
        if timedelta(0) <= age < _CHECK_EVERY:
            windows = before.windows
            reason = "" if windows is None else windows.reason
            return _Fitness(reason, before.checked_at)
    return _Fitness(cursor_check.why_unfit(query, walk, session), now)


def _start(
    query: Query, before: CursorPosition | None, checked_at: datetime | None
) -> CursorPosition:
    """Return the position of this run, with nothing done yet; `until` is -1 where none was ever counted."""
    if before is None:
        return CursorPosition(walked_by(query), 1, NOT_BEGUN, checked_at=checked_at)
    return replace(before, serial=before.serial + 1, checked_at=checked_at)


def _one_look(
    query: Query, statements: CursorStatements, bounds: Bounds
) -> RunFindings:
    """Read the last hour, whatever it takes within the time of the run; of rows without a time one piece."""
    highest = bounds.highest or 0
    start = CursorPosition(walked_by(query), 1, highest)
    run = CursorRun(statements, start, _empty_memory(query, highest), bounds)
    run.memory = replace(run.memory, is_complete=False)
    has_time = bool(statements.walk.time)
    oldest = first_minute(bounds.now_seconds, _ONE_LOOK)

    def may_go_on() -> bool:
        is_first = run.memory.low == highest
        return is_first or (has_time and statements.has_time)

    after_minute = oldest if has_time else ALL_MINUTES
    look_back(run, oldest, may_go_on, counts=True, after_minute=after_minute)
    memory = run.builder.built(run.memory)
    if memory.is_complete and memory.low > 0:
        # As far as was looked, which is not a day.
        memory = replace(memory, is_complete=False, covered_from=oldest + 1)
    seen = replace(start, totals=run.totals, labels=run.labels)
    return _findings(run, memory, seen)


def _go_on(
    statements: CursorStatements,
    bounds: Bounds,
    start: CursorPosition,
    now: datetime,
    courtesy: Courtesy,
) -> RunFindings:
    """Count what is settled, look at the rest, and return it with the position that the next run begins at."""
    query, highest = statements.query, bounds.highest or 0
    before, start = start, begun(statements, bounds, start, now)
    since_at = _since_at(bounds, start, now)
    marks = with_mark(start.marks, now, highest)
    run = CursorRun(statements, start, _memory(query, start, highest), bounds)
    catch_up(run)
    run.note_emptied(before)
    settled = _settled(run, marks, now)
    with statements.new_since(since_at):
        new_gaps = () if settled is None else count_forward(run, settled, now)
    late = count_late(run, new_gaps, now)
    _look_back(run, highest, courtesy)
    memory = run.builder.built(run.memory, oldest_minute=_oldest(run) + 1)
    with statements.new_since(since_at):
        ahead = look_ahead(run, memory, highest)
    # Late rows are in no range that is read again after a restart.
    is_other = run.is_new_memory or late.has_looked
    keeps_memory = is_other or _is_due(start.kept_at, now)
    after = replace(
        still_passed(start, run.until),
        until=run.until,
        newest_seconds=run.newest_seconds,
        until_at=now if run.until == highest else _reached_at(run, settled),
        memory=memory,
        kept_at=now if keeps_memory else start.kept_at,
        keeps_memory=keeps_memory,
        shape=shape_of(query),
        marks=without_passed(marks, run.until),
        gaps=run.gaps,
        piece=run.piece,
        totals=run.totals,
        labels=run.labels,
        late_rows=start.late_rows + late.row_count,
        dropped_gaps=start.dropped_gaps + late.dropped_count,
        dropped_last=late.dropped_count,
        left_out=run.left_out,
        unread_ids=run.unread_ids,
        windows=None,
    )
    return _findings(run, ahead, after, now)


def _look_back(run: CursorRun, highest: int, courtesy: Courtesy) -> None:
    """Read back for the windows, as far as this run may; where too much is ahead, from the newest row."""
    if highest - max(run.until, run.memory.high) > MAX_AHEAD:
        known = run.builder.built(run.memory)
        run.forget(_empty_memory(run.query, highest, known))
    may_look_back = _may_look_back(run.statements, courtesy)
    look_back(run, _oldest(run, of_rows_alone=True), may_look_back)


def _reached_at(run: CursorRun, settled: Mark | None) -> datetime | None:
    """Return when the end of what is counted was the newest row, as far as that is known."""
    if settled is not None and run.until >= settled.highest:
        return settled.seen_at
    return run.position.until_at


def _oldest(run: CursorRun, *, of_rows_alone: bool = False) -> int:
    """Return the minute before all that its windows reach, or those of them that go by the time of a row."""
    longest = longest_window(run.query.metrics, of_rows_alone=of_rows_alone)
    return first_minute(run.bounds.now_seconds, longest)


def _since_at(bounds: Bounds, start: CursorPosition, now: datetime) -> float:
    """Return when what is counted was all there was, by the server's clock; 0 where that is not known."""
    if start.until_at is None:
        return 0.0
    return bounds.now_seconds - (now - start.until_at).total_seconds()


def _may_look_back(
    statements: CursorStatements, courtesy: Courtesy
) -> Callable[[], bool]:
    """Return what says whether a run may read another piece of the day before, which the next run can do, too."""
    begun_seconds = statements.spent_seconds
    budget_seconds = courtesy.once_seconds(statements.query)

    def may_go_on() -> bool:
        spent_seconds = statements.spent_seconds - begun_seconds
        is_within = statements.has_budget and spent_seconds < budget_seconds
        return is_within and not courtesy.is_busy()

    return may_go_on


def _settled(run: CursorRun, marks: tuple[Mark, ...], now: datetime) -> Mark | None:
    """Return up to where rows can be counted; None where nothing is to be counted."""
    if run.until > run.memory.high and not run.statements.has_budget:
        # All of the run went into catching up.
        return None
    settle = run.statements.walk.settle
    settled = settled_mark(marks, now, settle, None)
    if settled is None or settled.highest <= run.until:
        return None
    oldest_open_seconds = run.statements.oldest_open_seconds()
    settled = settled_mark(marks, now, settle, oldest_open_seconds)
    if settled is None or settled.highest <= run.until:
        return None
    return settled


def _is_due(kept_at: datetime | None, now: datetime) -> bool:
    return kept_at is None or not timedelta(0) <= now - kept_at < _KEEP_EVERY


def _memory(query: Query, start: CursorPosition, highest: int) -> CursorMemory:
    """Return the memory of the position, or an empty one where it is of something else."""
    memory = start.memory
    if memory is None:
        return _empty_memory(query, highest)
    is_other = start.shape != shape_of(query)
    is_too_old = start.until - memory.high > MAX_AHEAD
    return _empty_memory(query, highest, memory) if is_other or is_too_old else memory


def _empty_memory(
    query: Query, highest: int, before: CursorMemory | None = None
) -> CursorMemory:
    """Return a memory that is still to be read; complete where nobody asks for it.

    What goes by when it was first read, and not by the time of a row, is nowhere to be read: it stays.
    """
    is_asked_for = bool(longest_window(query.metrics, of_rows_alone=True))
    sums = {} if before is None else before.sums
    names = {
        one.name for one in query.metrics if one.is_seen or one.of_cursor is EMPTIED
    }
    kept = {series: sums[series] for series in sums if series[0] in names}
    return CursorMemory(highest, highest, is_complete=not is_asked_for, sums=kept)


def _findings(
    run: CursorRun,
    memory: CursorMemory,
    position: CursorPosition,
    now: datetime | None = None,
) -> RunFindings:
    """Return the samples of a run, with its position where it is to be kept."""
    query, statements = run.query, run.statements
    if run.has_timeless:
        # That no time can be read is all that is to be seen of a zone that the server does not know.
        fault = unknown_zone(query, statements.session)
        if fault:
            raise SampleError(fault)
    behind_seconds = 0.0
    if now is not None and position.until_at is not None:
        behind_seconds = max(0.0, (now - position.until_at).total_seconds())
    view = CursorView(
        run.bounds.now_seconds, position, memory, run.range_sums, behind_seconds
    )
    samples = tuple(samples_of_cursor(query.metrics, view))
    evidence, errors = look_up_evidence(
        query, statements.session, samples, statements.ends_at_seconds
    )
    success = Success(
        samples,
        run.row_count,
        evidence,
        errors,
        warnings=tuple(statements.warnings),
        position=None if now is None else position,
        counted_from=() if now is None else windows_counted_from(query.metrics, now),
    )
    return RunFindings(first_rows(run.shown, _SHOWN_ROWS), success)
