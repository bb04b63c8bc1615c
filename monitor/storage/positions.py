"""How far each walk has come, as it is kept: one row of JSON for each query that walks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, assert_never

from monitor.model.positions import (
    CursorPosition,
    LedgerPosition,
    Position,
    SweepPosition,
)
from monitor.model.settings import JobKey
from monitor.storage.cursor_records import (
    cursor_to_record,
    packed_memory,
    record_to_cursor,
)
from monitor.storage.ledger_positions import (
    ledger_to_parts,
    packed_ledger,
    parts_to_ledger,
)
from monitor.storage.marks import clock_shift_in
from monitor.storage.rows import insert_into
from monitor.storage.serialization import UnreadableError, text_to_json
from monitor.storage.sweep_positions import parts_to_sweep, sweep_to_parts
from monitor.timing.shift import moved

_NOT_SET = timedelta(0)
POSITION_COLUMNS = ("target", "query", "position", "memory")
# What a position remembers of rows is large, and written seldom: it stays where none is given.
_UPSERT = (
    f"{insert_into('positions', POSITION_COLUMNS)} ON CONFLICT (target, query) DO UPDATE"
    " SET position = excluded.position, memory = COALESCE(excluded.memory, memory)"
)


def write_positions(
    connection: sqlite3.Connection, positions: Mapping[JobKey, Position]
) -> None:
    """Write how far walks have come, in place of what was there of them."""
    if not positions:
        return
    clock_shift = clock_shift_in(connection)
    rows = [
        (target, query, position_to_text(position, clock_shift), _memory_of(position))
        for (target, query), position in positions.items()
    ]
    connection.executemany(_UPSERT, rows)


def row_to_position(
    row: Sequence[Any], clock_shift: timedelta
) -> tuple[JobKey, Position]:
    """Read a row of `positions`, with its instants as the clock shows them that was set so far; UnreadableError."""
    target, query, text, memory = row
    try:
        return (target, query), text_to_position(text, memory, clock_shift)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def position_to_text(position: Position, clock_shift: timedelta = _NOT_SET) -> str:
    """Return a position as JSON that `text_to_position` reads; how far the clock is set by now is kept with it."""
    match position:
        case CursorPosition():
            record = cursor_to_record(position)
            parts: dict[str, object] = {"walk": "cursor", **record}
        case SweepPosition():
            parts = {"walk": "sweep", **sweep_to_parts(position)}
        case LedgerPosition():
            parts = {"walk": "ledger", **ledger_to_parts(position)}
        case _:
            assert_never(position)
    said = {**parts, "of": position.of, "serial": position.serial}
    if clock_shift:
        said["clock_shift"] = clock_shift.total_seconds()
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _memory_of(position: Position) -> bytes | None:
    """Return what a position remembers of rows, packed, where it is to be written."""
    match position:
        case CursorPosition(keeps_memory=True, memory=memory) if memory is not None:
            return packed_memory(memory)
        case LedgerPosition():
            return packed_ledger(position.memory)
        case CursorPosition() | SweepPosition():
            return None
        case _:
            assert_never(position)


def text_to_position(
    text: str, memory: bytes | None = None, clock_shift: timedelta = _NOT_SET
) -> Position:
    """Read a position, moved to the clock that is set so far; ValueError, TypeError or KeyError where it is none."""
    parts = text_to_json(text)
    position = _parts_to_position(parts, memory)
    was_set = timedelta(seconds=parts.get("clock_shift", 0.0))
    return (
        position if was_set == clock_shift else moved(position, clock_shift - was_set)
    )


def _parts_to_position(parts: Mapping[str, Any], memory: bytes | None) -> Position:
    match parts["walk"]:
        case "cursor":
            return record_to_cursor(parts, parts["of"], parts["serial"], memory)
        case "sweep":
            return parts_to_sweep(parts)
        case "ledger":
            return parts_to_ledger(parts, memory)
        case walk:
            raise ValueError(f"no such walk: {walk}")
