"""Move every instant within a value, when the clock that they were read from turns out to be wrong; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

_Value = TypeVar("_Value")


def moved(value: _Value, by: timedelta) -> _Value:
    """Give the value with all its instants later by this much, in frozen dataclasses, mappings and tuples.

    A part without instants is the same object as before.
    """
    return cast(_Value, _moved(value, by))


def _moved(value: object, by: timedelta) -> object:
    if isinstance(value, datetime):
        return value + by
    if is_dataclass(value) and not isinstance(value, type):
        before = {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if field.init
        }
        changed = {
            name: new
            for name, old in before.items()
            if (new := _moved(old, by)) is not old
        }
        return replace(value, **changed) if changed else value
    if isinstance(value, Mapping):
        after = {key: _moved(one, by) for key, one in value.items()}
        return after if any(after[key] is not value[key] for key in value) else value
    if isinstance(value, tuple):
        items = tuple(_moved(one, by) for one in value)
        return (
            items
            if any(new is not old for new, old in zip(items, value, strict=True))
            else value
        )
    return value
