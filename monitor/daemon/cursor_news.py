"""Tell what a run of a walk changed that a person should know, from two positions; for the log, pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.daemon.server_changes import ServerEvent
from monitor.model.cursor_position import CursorPosition
from monitor.model.positions import LedgerPosition, Position


def cursor_news(
    before: Position | None, after: Position | None
) -> Iterator[ServerEvent]:
    """Yield what is new: counting that began anew, late rows, gaps, no windows, a column that cannot serve."""
    changes: list[tuple[ServerEvent, bool]] = []
    if isinstance(after, CursorPosition):
        nothing = CursorPosition("", 0, 0)
        was = before if isinstance(before, CursorPosition) else nothing
        changes = _changes(was, after)
    elif isinstance(after, LedgerPosition):
        unfit_before = before.unfit if isinstance(before, LedgerPosition) else ""
        changes = _fitness_changes(unfit_before, after.unfit)
    for event, is_new in changes:
        if is_new:
            yield event


def _changes(
    was: CursorPosition, now: CursorPosition
) -> list[tuple[ServerEvent, bool]]:
    """Return every event that there could be, and whether it is one."""
    restarted = ServerEvent(
        "cursor.restarted",
        "warning",
        {"was_until": was.until, "until": now.until},
    )
    corrected = ServerEvent(
        "cursor.corrected",
        "warning",
        {"late_rows": now.late_rows - was.late_rows},
    )
    dropped = ServerEvent("cursor.dropped", "warning", {"gaps": now.dropped_last})
    delayed = ServerEvent("cursor.delayed", "warning", {"unread_ids": now.unread_ids})
    reached = ServerEvent("cursor.reached", "info", {})
    return [
        (restarted, now.restarts > was.restarts),
        (corrected, now.late_rows > was.late_rows),
        (dropped, now.dropped_last > 0 == was.dropped_last),
        (delayed, now.unread_ids > 0 == was.unread_ids),
        (reached, was.unread_ids > 0 == now.unread_ids),
        *_fitness_changes(_unfit(was), _unfit(now)),
    ]


def _fitness_changes(reason_before: str, reason: str) -> list[tuple[ServerEvent, bool]]:
    refused = ServerEvent("cursor.refused", "warning", {"message": reason})
    accepted = ServerEvent("cursor.accepted", "info", {})
    is_other = reason != reason_before
    return [
        (refused, is_other and bool(reason)),
        (accepted, is_other and not reason),
    ]


def _unfit(position: CursorPosition) -> str:
    """Return why the column cannot serve; empty where it can."""
    return "" if position.windows is None else position.windows.reason
