"""Say what a query's walk goes over, so that a position is never taken for one of something else; pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from monitor.model.positions import LedgerPosition, Position
from monitor.model.settings import Job, Query
from monitor.model.walks import Cursor


def walked_by(query: Query) -> str:
    """Return what a position of this query means something for; empty where it does not walk.

    A cursor's is its column: totals go on when a threshold changes. A sweep's and a ledger's is all that they read.
    """
    walk = query.walk
    if walk is None:
        return ""
    column = f"{walk.section} {walk.table}.{walk.column}"
    return column if isinstance(walk, Cursor) else f"{column} {_digest(query)}"


def _digest(query: Query) -> str:
    """Return a short text that differs where the statement, its parameters or its columns differ."""
    parameters = sorted(query.parameters.items())
    said = [query.statement, dict(query.variants), parameters, query.metrics]
    if query.accounts is not None:
        # Its metrics say what it knows, and change nothing of that.
        said[-1] = query.accounts
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def shape_of(query: Query) -> str:
    """Return what a cursor's memory was read by: of another statement it would mean something else."""
    return _digest(query)


def kept_position(position: Position | None, job: Job) -> Position | None:
    """Return a position where the job as it is now walks the same way; else None, and it begins anew.

    A ledger of the same column keeps what it found: an alert that is on would else be told as over.
    """
    if position is None:
        return None
    walked = walked_by(job.query)
    if position.of == walked:
        return position
    is_of_same_column = _column(position.of) == _column(walked)
    if is_of_same_column and isinstance(position, LedgerPosition):
        return replace(position, of=walked, is_of_other=True, checked_at=None)
    return None


def _column(walked: str) -> str:
    """Return what kind of walk it is, and by which column."""
    return walked.rpartition(" ")[0]
