"""Move every instant within a value, when the clock that they were read from turns out to be wrong; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from functools import singledispatch
from typing import TypeAlias, TypeVar, cast

_Value = TypeVar("_Value")

_PartsOfValue: TypeAlias = Sequence[object]
_TakenApart: TypeAlias = tuple[_PartsOfValue, Callable[[_PartsOfValue], object]]
"""The parts of a value, and what puts others together to one of its kind."""


def moved(value: _Value, by: timedelta) -> _Value:
    """Return the value with all its instants later by this much, in frozen dataclasses, mappings and tuples.

    A part without instants is the same object as before.
    """
    return cast(_Value, _moved(value, by))


def _moved(value: object, by: timedelta) -> object:
    if isinstance(value, datetime):
        return value + by
    parts, put_together = _taken_apart(value)
    moved_parts = [_moved(part, by) for part in parts]
    pairs = zip(moved_parts, parts, strict=True)
    if all(moved_part is part for moved_part, part in pairs):
        return value
    return put_together(moved_parts)


@singledispatch
def _taken_apart(value: object) -> _TakenApart:
    if is_dataclass(value) and not isinstance(value, type):
        parts: dict[str, object] = {}
        for field in fields(value):
            # One that is not given to the constructor is computed again from the others.
            if field.init:
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
