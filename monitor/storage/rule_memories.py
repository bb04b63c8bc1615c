"""What rules with a detector remember, as it is kept: one row of packed JSON for each rule of a query on a target."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, assert_never

from monitor.detection.baseline import Baseline
from monitor.detection.change import ChangeMemory, OngoingChange
from monitor.detection.looks import SeriesMemory
from monitor.detection.novelty import Sighting
from monitor.detection.objective import ObjectiveMemory
from monitor.detection.rate import RateMemory
from monitor.detection.rules import RuleMemory
from monitor.model.settings import JobKey, Labels, labels_of
from monitor.storage.rows import insert_into
from monitor.storage.serialization import UnreadableError

MEMORY_COLUMNS = ("target", "query", "rule", "memory")
MemoryKey: TypeAlias = tuple[JobKey, str]
"""A job's key, and the name of one of its rules."""

_FASTEST = 1
_INSERT = insert_into("memories", MEMORY_COLUMNS, or_replace=True)
_DELETE_OTHERS = "DELETE FROM memories WHERE target = ? AND rule = ? AND query <> ?"


def write_memories(
    connection: sqlite3.Connection, memories: Mapping[MemoryKey, RuleMemory]
) -> None:
    """Write what rules remember, in place of what was there of them, also under their query's former name."""
    rows = [
        (target, query, rule, packed(memory))
        for ((target, query), rule), memory in memories.items()
    ]
    connection.executemany(_INSERT, rows)
    # Else it would count again, old as it is, if the query got that name again.
    names = [(target, rule, query) for target, query, rule, _ in rows]
    connection.executemany(_DELETE_OTHERS, names)


def row_to_memory(row: Sequence[Any]) -> tuple[MemoryKey, RuleMemory]:
    """Read a row of `memories`; UnreadableError."""
    target, query, rule, memory = row
    try:
        return ((target, query), rule), unpacked(memory)
    except (ValueError, TypeError, AttributeError, KeyError, zlib.error) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def packed(memory: RuleMemory) -> bytes:
    """Return a rule's memory as bytes that `unpacked` reads."""
    record: dict[str, object] = {
        "shape": memory.shape,
        "began": memory.began,
        "series": [
            [dict(labels), *_to_record(series)]
            for labels, series in memory.series.items()
        ],
        "days": [memory.days.get(labels) for labels in memory.series],
    }
    if memory.accepted_at:
        record["accepted_at"] = memory.accepted_at
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(text.encode(), _FASTEST)


def unpacked(memory: bytes) -> RuleMemory:
    """Return the memory that `packed` was given; ValueError, TypeError, KeyError or zlib.error where it is none."""
    record = json.loads(zlib.decompress(memory))
    series = {
        labels_of(labels): _from_record(kind, one)
        for labels, kind, one in record["series"]
    }
    # Versions before did not keep when a series was last seen.
    known = zip(series, record.get("days", ()), strict=False)
    days = {labels: int(day) for labels, day in known if day is not None}
    return RuleMemory(
        record["shape"],
        record["began"],
        series,
        days,
        accepted_at=float(record.get("accepted_at", 0.0)),
    )


def _to_record(memory: SeriesMemory) -> tuple[str, Any]:
    """Return which kind of memory it is, and what is in it."""
    match memory:
        case Baseline():
            return "baseline", memory.to_record()
        case ChangeMemory():
            return "change", _change_record(memory)
        case Sighting():
            return "seen", _sighting_record(memory)
        case ObjectiveMemory():
            return "objective", memory.to_record()
        case RateMemory():
            return "rate", memory.to_record()
        case _:
            assert_never(memory)


def _from_record(kind: str, record: Any) -> SeriesMemory:
    match kind:
        case "baseline":
            return Baseline.from_record(record)
        case "change":
            return _change(record)
        case "seen":
            return _sighting(record)
        case "objective":
            return ObjectiveMemory.from_record(record)
        case "rate":
            return RateMemory.from_record(record)
        case _:
            raise ValueError(f"no such memory: {kind}")


def _sighting_record(memory: Sighting) -> list[Any]:
    # As older versions have it, wherever they would make the same of it.
    if memory.counts_from == memory.first:
        return [memory.first, memory.last]
    return [memory.first, memory.last, memory.counts_from]


def _sighting(record: Any) -> Sighting:
    # What has two numbers counts from the first.
    numbers = list(record)
    first, last, counts_from = (*numbers, numbers[0])[:3]
    return Sighting(float(first), float(last), counts_from)


def _change_record(memory: ChangeMemory) -> list[Any]:
    found = memory.found
    change = None
    if found is not None:
        change = [found.since, found.before, _parts_record(found.parts)]
    points, moves = list(memory.points.items()), list(memory.moves.items())
    record = [memory.began, points, moves, _parts_record(memory.parts), change]
    # Older versions know no deployments and no shares, and read what has none.
    if memory.shares:
        return [*record, memory.reference, list(memory.shares.items())]
    return record if memory.reference is None else [*record, memory.reference]


def _change(record: Any) -> ChangeMemory:
    began, points, moves, parts, change, *others = record
    found = None
    if change is not None:
        since, before, parts_before = change
        found = OngoingChange(since, before, _parts(parts_before))
    reference = others[0] if others else None
    shares = others[1] if len(others) > 1 else ()
    return ChangeMemory(
        began,
        dict(points),
        dict(moves),
        _parts(parts),
        found,
        reference,
        dict(shares),
    )


def _parts_record(parts: Mapping[Labels, float]) -> list[Any]:
    return [[dict(labels), value] for labels, value in parts.items()]


def _parts(record: Any) -> dict[Labels, float]:
    return {labels_of(labels): value for labels, value in record}
