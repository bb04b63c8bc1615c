"""Say what a query's walk goes over, so that a position is never taken for one of something else; pure."""

from __future__ import annotations

import hashlib

from monitor.model.positions import Position
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
    """Return a position where the job as it is now walks the same way; else None, and it begins anew."""
    if position is None or position.of != walked_by(job.query):
        return None
    return position
