"""Make plain values of a log event's fields, with no secret in them; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TypeAlias
from urllib.parse import quote

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

SECRET = "<secret>"  # noqa: S105 - what is shown in place of one

# "tokens" are what is watched here, and no secret; a "token" is.
_SECRET_KEY = re.compile(r"password|passwd|token(?!s)|secret|authorization|dsn|routing_key", re.IGNORECASE)
_USERINFO = re.compile(r"(\w[\w+.-]*://)[^\s/@]*@")
_MAX_DEPTH = 8


class Secrets:
    """The values that must not be written, in the forms in which they could stand in a text."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Remember these values; shorter than six characters they cannot be told from other text."""
        forms = {form for secret in secrets for form in (secret, quote(secret, safe="")) if len(form) > 5}
        # The longest first: one secret may be a part of another.
        self._values = tuple(sorted(forms.union(self._values), key=len, reverse=True))

    def hide(self, text: str) -> str:
        """Replace the known values, and the user part of addresses."""
        for value in self._values:
            text = text.replace(value, SECRET)
        return _USERINFO.sub(rf"\1{SECRET}@", text) if "://" in text else text


def plain_mapping(values: Mapping[str, object], secrets: Secrets) -> dict[str, Plain]:
    """Make plain values, without secrets: by key, by known value, and in addresses."""
    return _mapping(values, secrets, 0)


def _mapping(values: Mapping[str, object], secrets: Secrets, depth: int) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for name, value in values.items():
        key = _readable(str(name))
        is_secret = _SECRET_KEY.search(key) is not None and value not in (None, "")
        result[key] = SECRET if is_secret else _plain(value, secrets, depth + 1)
    return result


def _plain(value: object, secrets: Secrets, depth: int) -> Plain:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return _plain(value.value, secrets, depth)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)  # more is an error to orjson
    if isinstance(value, str):
        return secrets.hide(_readable(value))
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth >= _MAX_DEPTH:
            return "…"
        if isinstance(value, Mapping):
            return _mapping(value, secrets, depth)
        return [_plain(item, secrets, depth + 1) for item in value]
    return secrets.hide(_readable(_text(value)))


def _readable(text: str) -> str:
    """Replace what UTF-8 cannot carry, such as a lone surrogate."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(value: object) -> str:
    """Write any value; even one whose repr fails."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, Decimal | BaseException | PurePath):
        return str(value)
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - somebody else's __repr__; a log call never raises
        return f"<{type(value).__name__}: {type(error).__name__} in repr>"
