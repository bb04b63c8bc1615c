"""Read a table in pieces by its key, and go on where the last run stopped; in a run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from monitor.collector.courtesy import USUAL, Courtesy
from monitor.collector.findings import RunFindings
from monitor.collector.sweep_keys import SweepKeys
from monitor.collector.sweep_pace import first_pace, is_due
from monitor.collector.sweep_piece import Piece, PieceReader
from monitor.collector.sweep_rows import RowSums
from monitor.collector.sweep_sums import (
    added,
    check_size,
    proven_in,
    samples_in,
    whole,
)
from monitor.database import Session
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.positions import Position, SweepPosition
from monitor.model.results import Rows, ServerWarning, Success
from monitor.model.settings import Query
from monitor.model.sweeps import Cycle, PartCycle, Sums, holds_until
from monitor.model.walked import walked_by
from monitor.model.walks import Sweep
from monitor.timing.durations import format_duration

_ABOUT_NOTHING = ((),)
"""The labels that every alert has: a run that is silent about them says nothing about any."""


def sweep_on(
    query: Query,
    walk: Sweep,
    session: Session,
    position: Position | None,
    now: datetime | None,
    courtesy: Courtesy = USUAL,
) -> RunFindings:
    """Read the next pieces, and return what the last whole cycle gave with the next position.

    One piece at least, and no more than courtesy allows; none where the server is busy. Without `now` the whole
    table is read at full speed, and nothing is kept of that. Raises QueryError as the server answers, SampleError
    where the rows cannot be read; then the position is what it was.
    """
    session.use_time_zone(query.time_zone)
    before = position if isinstance(position, SweepPosition) else None
    start = before or SweepPosition(walked_by(query), 0)
    if now is None:
        run = _SweepRun(query, walk, session, datetime.now(UTC), time.monotonic())
        return run.read_whole(start)
    run = _SweepRun(query, walk, session, now, time.monotonic())
    end = run.read_step(start, courtesy)
    success = run.success(end)
    if end is not start:
        kept = replace(end, serial=start.serial + 1)
        success = replace(success, position=kept)
    return RunFindings(Rows((), ()), success)


@dataclass(slots=True)
class _SweepRun:
    """One run of a sweep, in the thread and the session that it was given."""

    query: Query
    sweep: Sweep
    session: Session
    now: datetime
    started_seconds: float
    read: int = 0
    """How many pieces it has read."""
    warnings: tuple[ServerWarning, ...] = ()
    evidence_errors: tuple[str, ...] = ()

    def read_step(self, position: SweepPosition, courtesy: Courtesy) -> SweepPosition:
        """Read pieces for about as long as a step may take, one at least; to the end of the cycle at most."""
        budget_seconds = courtesy.step_seconds(self.sweep.step)
        if courtesy.is_busy():
            self._check_age(position)
            return position
        if position.under_way is None and is_due(position, self.sweep, self.now):
            position = self._begun(position)
        while position.under_way is not None and not courtesy.is_busy():
            try:
                position = self._with_piece(position, position.under_way)
            except (QueryError, SampleError):
                if not self.read:
                    raise
                # What was read before it counts. It is the next run's first, and if it fails there that run fails.
                break
            if self._seconds() + position.pace.read_seconds > budget_seconds:
                break
        return position

    def read_whole(self, position: SweepPosition) -> RunFindings:
        """Read all pieces, one after the other, within the time limit of the query."""
        rows = RowSums(self.query)
        position = self._begun(replace(position, under_way=None, last=None))
        while position.under_way is not None:
            self._check_time(position.under_way)
            position = self._with_piece(position, position.under_way, rows)
        return RunFindings(rows.rows(), self.success(position))

    def success(self, position: SweepPosition) -> Success:
        """Return what is known now: the sums of the last whole cycle, and what the one under way proves."""
        last, under_way = position.last, position.under_way
        sums = last.sums if last else Sums()
        so_far = under_way.so_far.sums if under_way else Sums()
        samples = samples_in(sums)
        return Success(
            samples=samples,
            row_count=len(samples),
            evidence={**sums.examples, **so_far.examples},
            evidence_errors=self.evidence_errors,
            silent=() if last else _ABOUT_NOTHING,
            warnings=self.warnings,
            proven=proven_in(self.query, so_far, sums),
        )

    def _begun(self, position: SweepPosition) -> SweepPosition:
        """Return a position at the beginning of a cycle; of an empty table at its end."""
        at, asked_at_seconds = self._clock(), self._seconds()
        ends = self._keys().ends()
        ends_seconds = self._seconds() - asked_at_seconds
        cycle = Cycle(at, at, statement_seconds=self._seconds())
        if ends is None:
            return self._ended(position, cycle)
        return replace(
            position,
            pace=first_pace(position.pace, ends_seconds),
            under_way=PartCycle(cycle, ends.first, ends.first, ends.last),
        )

    def _with_piece(
        self,
        position: SweepPosition,
        under_way: PartCycle,
        rows: RowSums | None = None,
    ) -> SweepPosition:
        """Return the position after one more piece."""
        reader = PieceReader(self.query, self.session, self._keys(), self._left())
        piece = reader.read(under_way, position.pace)
        self._note(piece)
        if rows is not None:
            rows.add(piece.rows)
        cycle = self._longer(under_way.so_far, piece)
        position = replace(position, pace=piece.pace)
        if piece.reached == under_way.end:
            return self._ended(position, cycle)
        left = replace(under_way, so_far=cycle, reached=piece.reached)
        return replace(position, under_way=left)

    def _longer(self, cycle: Cycle, piece: Piece) -> Cycle:
        sums = added(cycle.sums, piece.samples, piece.examples)
        check_size(self.query, sums)
        return replace(
            cycle,
            read_at=self._clock(),
            sums=sums,
            pieces=cycle.pieces + 1,
            statement_seconds=cycle.statement_seconds + piece.seconds,
        )

    def _ended(self, position: SweepPosition, cycle: Cycle) -> SweepPosition:
        cycle = replace(cycle, sums=whole(self.query, cycle.sums))
        return replace(position, under_way=None, last=cycle)

    def _note(self, piece: Piece) -> None:
        self.read += 1
        self.warnings = tuple(dict.fromkeys((*self.warnings, *piece.rows.warnings)))
        self.evidence_errors += piece.evidence_errors

    def _check_time(self, under_way: PartCycle) -> None:
        if self._left() > 0:
            return
        progress = under_way.progress
        read = "" if progress is None else f"; {progress:.0%} of the keys were read"
        limit = format_duration(self.query.timeout)
        raise QueryError(Reason.TIMEOUT, f"the table was not read within {limit}{read}")

    def _check_age(self, position: SweepPosition) -> None:
        """Raise a timeout where pieces have waited for so long that nobody can say how things are."""
        until = holds_until(position.last, position.under_way, self.sweep)
        if until is not None and self.now >= until:
            message = "no whole cycle for three times as long as one takes: the server is busy"
            raise QueryError(Reason.TIMEOUT, message)

    def _keys(self) -> SweepKeys:
        return SweepKeys(self.sweep, self.session, self.query.timeout)

    def _seconds(self) -> float:
        return time.monotonic() - self.started_seconds

    def _left(self) -> float:
        return self.query.timeout.total_seconds() - self._seconds()

    def _clock(self) -> datetime:
        """Return the instant now, on the clock of the run."""
        return self.now + timedelta(seconds=self._seconds())
