"""How far a sweep has come as values for JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.model.binary_keys import key_of, key_text
from monitor.model.positions import SweepPosition
from monitor.model.settings import labels_of
from monitor.model.sweeps import Cycle, Pace, PartCycle, SumKey, Sums, SweepKey
from monitor.storage.serialization import instant_to_text, text_to_instant


def sweep_to_parts(position: SweepPosition) -> dict[str, object]:
    """Return the parts of a position, without those that all walks have."""
    pace = position.pace
    parts: dict[str, object] = {
        "pace": [pace.width, pace.fixed_seconds, pace.read_width, pace.read_seconds]
    }
    if position.under_way is not None:
        parts["under_way"] = _under_way_to_parts(position.under_way)
    if position.last is not None:
        parts["last"] = _cycle_to_parts(position.last)
    return parts


def parts_to_sweep(parts: Mapping[str, Any]) -> SweepPosition:
    """Read a position; ValueError, TypeError or KeyError where it is none."""
    width, fixed_seconds, read_width, read_seconds = parts["pace"]
    under_way, last = parts.get("under_way"), parts.get("last")
    return SweepPosition(
        of=parts["of"],
        serial=parts["serial"],
        pace=Pace(width, fixed_seconds, read_width, read_seconds),
        under_way=None if under_way is None else _parts_to_under_way(under_way),
        last=None if last is None else _parts_to_cycle(last),
    )


def _under_way_to_parts(under_way: PartCycle) -> dict[str, object]:
    keys = (under_way.first, under_way.reached, under_way.end)
    return {
        "keys": [_key_to_part(key) for key in keys],
        "so_far": _cycle_to_parts(under_way.so_far),
    }


def _parts_to_under_way(parts: Mapping[str, Any]) -> PartCycle:
    first, reached, end = (_key(key) for key in parts["keys"])
    return PartCycle(_parts_to_cycle(parts["so_far"]), first, reached, end)


def _key_to_part(key: SweepKey) -> int | str:
    return key_text(key) if isinstance(key, bytes) else key


def _key(key: object) -> SweepKey:
    if isinstance(key, int):
        return key
    if isinstance(key, str):
        return key_of(key)
    raise ValueError(f"not a key: {key}")


def _cycle_to_parts(cycle: Cycle) -> dict[str, object]:
    sums = cycle.sums
    return {
        "begun_at": instant_to_text(cycle.begun_at),
        "read_at": instant_to_text(cycle.read_at),
        "pieces": cycle.pieces,
        "statement_seconds": cycle.statement_seconds,
        "numbers": _pairs(sums.numbers),
        "examples": _pairs(sums.examples),
    }


def _parts_to_cycle(parts: Mapping[str, Any]) -> Cycle:
    numbers, examples = _mapping(parts["numbers"]), _mapping(parts["examples"])
    return Cycle(
        begun_at=text_to_instant(parts["begun_at"]),
        read_at=text_to_instant(parts["read_at"]),
        pieces=parts["pieces"],
        statement_seconds=parts["statement_seconds"],
        sums=Sums(numbers, {key: tuple(rows) for key, rows in examples.items()}),
    )


def _pairs(by_series: Mapping[SumKey, object]) -> list[list[object]]:
    """Return what is known by name and labels as a list, since JSON has no such keys."""
    return [[name, dict(labels), value] for (name, labels), value in by_series.items()]


def _mapping(pairs: list[Any]) -> dict[SumKey, Any]:
    return {(name, labels_of(labels)): value for name, labels, value in pairs}
