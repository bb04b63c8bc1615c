"""Make plain values of a log event's fields, with no secret in them; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import NoneType
from typing import Any, Final, TypeAlias

from monitor.model.wording import readable
from monitor.secrets.redaction import SECRET, SECRET_KEY, Secrets

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

_MAX_DEPTH: Final = 8
"""Deeper in, a value contains itself, or is nothing that anybody reads."""


def plain_mapping(values: Mapping[str, object], secrets: Secrets) -> dict[str, Plain]:
    """Return plain values, without secrets: by key, by known value, and in addresses.

    They are what JSON can carry, in new containers; the values that are given stay as they are.
    """
    return _mapping(values, secrets, 0)


def _mapping(
    values: Mapping[str, object], secrets: Secrets, depth: int
) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for name, value in values.items():
        key = readable(str(name))
        is_empty = value in (None, "")
        if SECRET_KEY.search(key) and not is_empty:
            result[key] = SECRET
        else:
            result[key] = _plain(value, secrets, depth + 1)
    return result


def _plain(value: object, secrets: Secrets, depth: int) -> Plain:
    if isinstance(value, Enum):
        return _plain(value.value, secrets, depth)
    if isinstance(value, NoneType | bool | float):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _container(value, secrets, depth)
    return secrets.hide(readable(_text(value)))


def _integer(value: int) -> Plain:
    # Of more than 64 bits it is an error to orjson, and the event would be lost.
    is_short = -(2**63) <= value < 2**64
    return value if is_short else str(value)


def _container(
    value: Mapping[str, object]
    | list[Any]
    | tuple[Any, ...]
    | set[Any]
    | frozenset[Any],
    secrets: Secrets,
    depth: int,
) -> Plain:
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _mapping(value, secrets, depth)
    return [_plain(item, secrets, depth + 1) for item in value]


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(value: timedelta) -> str:
    return f"{value.total_seconds():g}s"


_TEXTS: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (str, str),
    # A datetime is a date too, so it comes first.
    (datetime, _instant),
    (date, date.isoformat),
    (timedelta, _seconds),
    (Decimal, str),
    (BaseException, str),
    (PurePath, str),
)
"""How values are written that JSON has no type for; any other by its repr."""


def _text(value: object) -> str:
    """Return any value as a text; even one whose repr fails."""
    for kind, write in _TEXTS:
        if isinstance(value, kind):
            return write(value)
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - somebody else's __repr__; a log call never raises
        return f"<{type(value).__name__}: {type(error).__name__} in repr>"
