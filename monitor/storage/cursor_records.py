"""A cursor's position as a value for JSON, and the rows that it remembers as packed bytes; and both back."""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from monitor.model.cursor_position import (
    CursorMemory,
    CursorPosition,
    Gap,
    Mark,
    Passed,
    SeriesKey,
    WindowRead,
)
from monitor.model.settings import Labels
from monitor.storage.gap_records import gaps_to_text, text_to_gaps
from monitor.storage.serialization import instant_to_text, text_to_instant

_SeriesValues: TypeAlias = Iterable[tuple[SeriesKey, float]]
_FASTEST = 1


def cursor_to_record(position: CursorPosition) -> dict[str, Any]:
    """Return a value for JSON of a position, without its memory."""
    record: dict[str, Any] = {
        "until": position.until,
        "until_at": _instant(position.until_at),
        "shape": position.shape,
        "piece": position.piece,
        "totals": _write_values(position.totals.items()),
        "labels": [dict(labels) for labels in position.labels],
        "late_rows": position.late_rows,
        "restarts": position.restarts,
        "left_out": dict(position.left_out),
        "unread_ids": position.unread_ids,
        "marks": [
            [instant_to_text(mark.seen_at), mark.highest] for mark in position.marks
        ],
        # Where versions before this one look for them.
        "gaps": [],
        "packed_gaps": gaps_to_text(position.gaps),
        "dropped_gaps": [position.dropped_gaps, position.dropped_last],
        "newest_seconds": position.newest_seconds,
    }
    if position.passed:
        record["passed"] = [[one.until, one.newest_seconds] for one in position.passed]
        record["passed_gaps"] = gaps_to_text(position.passed_gaps)
    windows = position.windows
    if windows is not None:
        values = _write_values(windows.values)
        read_at = instant_to_text(windows.read_at)
        record["windows"] = [windows.reason, read_at, values]
    return record


def record_to_cursor(
    record: Mapping[str, Any], of: str, serial: int, memory: bytes | None
) -> CursorPosition:
    """Return the position that `cursor_to_record` was given; ValueError, TypeError or KeyError where it is none."""
    until_at, windows = record["until_at"], record.get("windows")
    dropped_gaps, dropped_last = record.get("dropped_gaps", (0, 0))
    return CursorPosition(
        of,
        serial,
        record["until"],
        until_at=None if until_at is None else text_to_instant(until_at),
        shape=record["shape"],
        memory=None if memory is None else unpacked_memory(memory),
        piece=record["piece"],
        totals=dict(_read_values(record["totals"])),
        labels=tuple(_labels(one) for one in record["labels"]),
        late_rows=record["late_rows"],
        restarts=record["restarts"],
        left_out=record["left_out"],
        unread_ids=record.get("unread_ids", 0),
        marks=tuple(
            Mark(text_to_instant(at), highest) for at, highest in record["marks"]
        ),
        gaps=_read_gaps(record),
        dropped_gaps=dropped_gaps,
        dropped_last=dropped_last,
        newest_seconds=record.get("newest_seconds"),
        passed=tuple(Passed(*one) for one in record.get("passed", ())),
        passed_gaps=text_to_gaps(record.get("passed_gaps", "")),
        windows=None if windows is None else _read_windows(*windows),
    )


def packed_memory(memory: CursorMemory) -> bytes:
    """Return a memory in as few bytes as is quick; a day of 5 actions with 3,600 users is about 50 kB."""
    record = {
        "low": memory.low,
        "high": memory.high,
        "covered_from": memory.covered_from,
        "is_complete": memory.is_complete,
        "sums": [
            [*_write_series(series), *_write_minutes(minutes)]
            for series, minutes in memory.sums.items()
        ],
        "members": [
            [*_write_series(series), *_write_members(members)]
            for series, members in memory.members.items()
        ],
        "levels": list(memory.levels.items()),
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode(), _FASTEST)


def unpacked_memory(packed: bytes) -> CursorMemory:
    """Return the memory that `packed_memory` was given; ValueError, TypeError or KeyError where it is none."""
    try:
        record = json.loads(zlib.decompress(packed))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    sums: dict[SeriesKey, Mapping[int, float]] = {}
    for metric, labels, first, values in record["sums"]:
        sums[metric, _labels(labels)] = _read_minutes(first, values)
    members: dict[SeriesKey, Mapping[int, int]] = {}
    for metric, labels, hashes, minutes in record["members"]:
        members[metric, _labels(labels)] = _read_members(hashes, minutes)
    return CursorMemory(
        record["low"],
        record["high"],
        covered_from=record["covered_from"],
        is_complete=record["is_complete"],
        sums=sums,
        members=members,
        levels=dict(record["levels"]),
    )


def _instant(value: Any) -> str | None:
    return None if value is None else instant_to_text(value)


def _labels(record: Mapping[str, str]) -> Labels:
    return tuple(sorted((str(name), str(value)) for name, value in record.items()))


def _write_series(series: SeriesKey) -> list[Any]:
    metric, labels = series
    return [metric, dict(labels)]


def _number(value: float) -> float | int:
    """Return a number in its shortest form."""
    return int(value) if value.is_integer() else value


def _write_values(values: _SeriesValues) -> list[list[Any]]:
    return [[*_write_series(series), _number(value)] for series, value in values]


def _read_values(records: Iterable[Any]) -> list[tuple[SeriesKey, float]]:
    return [
        ((str(metric), _labels(labels)), float(value))
        for metric, labels, value in records
    ]


def _read_windows(reason: str, read_at: str, values: Iterable[Any]) -> WindowRead:
    return WindowRead(reason, text_to_instant(read_at), tuple(_read_values(values)))


def _read_gaps(record: Mapping[str, Any]) -> tuple[Gap, ...]:
    """Return the gaps of a position, which versions before this one wrote one by one."""
    written = tuple(
        Gap(first, last, text_to_instant(at)) for first, last, at in record["gaps"]
    )
    return written + text_to_gaps(record.get("packed_gaps", ""))


def _write_minutes(minutes: Mapping[int, float]) -> list[Any]:
    """Return the first minute, and a value for each from there on; null for one without rows."""
    first, last = min(minutes), max(minutes)
    values: list[float | int | None] = [None] * (last - first + 1)
    for minute, value in minutes.items():
        values[minute - first] = _number(value)
    return [first, values]


def _read_minutes(first: int, values: Iterable[float | None]) -> dict[int, float]:
    return {
        first + offset: float(value)
        for offset, value in enumerate(values)
        if value is not None
    }


def _write_members(members: Mapping[int, int]) -> list[Any]:
    hashes = base64.b85encode(array("Q", members).tobytes()).decode()
    return [hashes, list(members.values())]


def _read_members(hashes: str, minutes: Iterable[int]) -> dict[int, int]:
    found = array("Q")
    found.frombytes(base64.b85decode(hashes))
    return dict(zip(found, minutes, strict=True))
