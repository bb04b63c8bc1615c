"""Move every instant within a value, when the clock that they were read from turns out to be wrong; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import singledispatch
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar, cast

NOT_BY_OUR_CLOCK: Final = MappingProxyType({"is_by_our_clock": False})
"""The metadata of a field whose instants others say: they stay, however wrong our clock was."""

_Value = TypeVar("_Value")
_ENDS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

_PartsOfValue: TypeAlias = Sequence[object]
_TakenApart: TypeAlias = tuple[_PartsOfValue, Callable[[_PartsOfValue], object]]
"""The parts of a value, and what puts others together to one of its kind."""


def moved(value: _Value, by: timedelta) -> _Value:
    """Return the value with all its instants later by this much, in frozen dataclasses, mappings and tuples.

    A part without instants is the same object as before, as is what is NOT_BY_OUR_CLOCK.
    """
    return cast(_Value, _moved(value, by))


def _moved(value: object, by: timedelta) -> object:
    if isinstance(value, datetime):
        return _later(value, by)
    parts, put_together = _taken_apart(value)
    moved_parts = [_moved(part, by) for part in parts]
    pairs = zip(moved_parts, parts, strict=True)
    if all(moved_part is part for moved_part, part in pairs):
        return value
    return put_together(moved_parts)


def _later(instant: datetime, by: timedelta) -> datetime:
    """Return the instant so much later; the end of time is no instant, and none is beyond it."""
    if instant in _ENDS:
        return instant
    with suppress(OverflowError):
        return instant + by
    return _ENDS[by > timedelta(0)]


@singledispatch
def _taken_apart(value: object) -> _TakenApart:
    if is_dataclass(value) and not isinstance(value, type):
        parts: dict[str, object] = {}
        for field in fields(value):
            # One that is not given to the constructor is computed again from the others.
            if field.init and not NOT_BY_OUR_CLOCK.items() <= field.metadata.items():
                parts[field.name] = getattr(value, field.name)
        names = tuple(parts)
        return (
            tuple(parts.values()),
            lambda new: replace(value, **dict(zip(names, new, strict=True))),
        )
    return (), lambda _: value


@_taken_apart.register(tuple)
def _tuple_taken_apart(items: tuple[object, ...]) -> _TakenApart:
    return items, tuple


@_taken_apart.register(Mapping)
def _mapping_taken_apart(mapping: Mapping[object, object]) -> _TakenApart:
    keys = tuple(mapping)
    parts = tuple(mapping.values())
    return parts, lambda new: dict(zip(keys, new, strict=True))
