"""Make plain values of a log event's fields, with no secret in them, and tell what of a text is one; pure."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Final, TypeAlias
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

from monitor.model.wording import readable

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

SECRET = "<secret>"  # noqa: S105 - what is shown in place of one

_SHORTEST: Final = 6
"""Of fewer characters a secret cannot be told from other text."""
_SHORTEST_ECHOED: Final = 4
"""The same in what somebody says to whom it was sent."""
_SHORTEST_PART: Final = 8
"""The same for what may only be a part of a secret."""

# "tokens" are what is watched here, and no secret; a "token" is.
_SECRET_KEY = re.compile(
    r"password|passwd|token(?!s)|secret|authorization|dsn|routing_key", re.IGNORECASE
)
# An Idempotency-Key is ours, and says nothing; an author is a person.
_SECRET_HEADER = re.compile(
    rf"{_SECRET_KEY.pattern}|auth(?!or)|cookie|(?<!idempotency-)key|passphrase|signature|credential|session|jwt",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(\w[\w+.-]*://)[^\s/@]*@")
# What no person would choose as a word of a path: letters with digits, capitals within, or no end of letters.
_MADE_UP = re.compile(r"(?=.*[A-Za-z])(?=.*\d)|.*[a-z][A-Z]|[A-Za-z]{20}")
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values that must not be written, by the place that each was read from."""

    _places: Mapping[str, tuple[frozenset[str], frozenset[str]]] = field(
        default_factory=dict, repr=False
    )
    _forms: tuple[str, ...] = field(default=(), repr=False)

    def put(self, place: str, values: Iterable[str]) -> Secrets:
        """Add what a place holds now; what it held just before stays, in use by somebody, and no more."""
        now = frozenset(value for value in values if len(value) >= _SHORTEST)
        latest, _ = self._places.get(place, (frozenset(), frozenset()))
        if now == latest or not now:  # nothing: a file that is just being written
            return self
        places = {**self._places, place: (now, latest)}
        return replace(self, _places=places, _forms=_forms_of(*places.values()))

    def hide(self, text: str) -> str:
        """Replace the known values, and the user part of addresses."""
        text = _masked(text, self._forms)
        return _USERINFO.sub(rf"\1{SECRET}@", text) if "://" in text else text


def masked(text: str, secrets: Iterable[str], *, parts: Iterable[str] = ()) -> str:
    """Hide what an answer repeats of what was sent: secrets in their usual encodings, parts as they are."""
    forms = {
        form
        for secret in secrets
        if len(secret) >= _SHORTEST_ECHOED
        for form in _encodings(secret)
    }
    return _masked(
        text,
        _by_length(forms.union(part for part in parts if len(part) >= _SHORTEST_PART)),
    )


def in_headers(headers: Mapping[str, str]) -> list[str]:
    """List the values of headers whose names say that they are secret."""
    return [
        secret
        for name, value in headers.items()
        if _SECRET_HEADER.search(name)
        for secret in in_header(value)
    ]


def in_header(value: str) -> list[str]:
    """List a secret header's value, and what stands in it behind the scheme (`Bearer …`)."""
    _, _, credentials = value.partition(" ")
    return [value, credentials.strip()] if credentials.strip() else [value]


def in_address(address: str) -> list[str]:
    """List what to hide of an address that is secret: all of it, and of its parts what is no mere word.

    A word such as `services` or `alerts` would be hidden in every text.
    """
    split = _split(address)
    pairs = [pair.partition("=") for pair in split.query.split("&")]
    certain = [
        split.password or "",
        *(value for name, _, value in pairs if _SECRET_HEADER.search(name)),
    ]
    likely = [
        part
        for part in (*split.path.split("/"), *(value for _, _, value in pairs))
        if _is_made_up(part)
    ]
    return [
        address,
        *(form for part in (*certain, *likely) for form in (part, unquote(part))),
    ]


def parts_of(address: str) -> frozenset[str]:
    """List what of an address could be a secret: path, query, user and password, whole and in pieces."""
    split = _split(address)
    user, query = split.netloc.rpartition("@")[0], split.query
    pieces = {
        *(f"{split.path}?{query}" if query else split.path, user, query),
        *(*user.split(":"), *split.path.split("/")),
        *(pair.partition("=")[2] for pair in query.split("&")),
    }
    return frozenset({*pieces, *map(unquote, pieces)} - {"", "/"})


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _is_made_up(part: str) -> bool:
    return len(part) >= _SHORTEST_PART and _MADE_UP.match(part) is not None


def _forms_of(*places: Iterable[frozenset[str]]) -> tuple[str, ...]:
    values = {
        value
        for generations in places
        for generation in generations
        for value in generation
    }
    return _by_length({form for value in values for form in _encodings(value)})


def _encodings(secret: str) -> Iterator[str]:
    yield from (
        secret,
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
    )
    yield base64.b64encode(secret.encode("utf-8", "replace")).decode()
    yield from (json.dumps(secret)[1:-1], html.escape(secret), repr(secret)[1:-1])


def _by_length(forms: Iterable[str]) -> tuple[str, ...]:
    # The longest first: one secret may be a part of another.
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _masked(text: str, forms: tuple[str, ...]) -> str:
    found = [form for form in forms if form in text]
    # All at once: what stands in place of one may look like another.
    return re.sub("|".join(map(re.escape, found)), SECRET, text) if found else text


def plain_mapping(values: Mapping[str, object], secrets: Secrets) -> dict[str, Plain]:
    """Make plain values, without secrets: by key, by known value, and in addresses."""
    return _mapping(values, secrets, 0)


def _mapping(
    values: Mapping[str, object], secrets: Secrets, depth: int
) -> dict[str, Plain]:
    result: dict[str, Plain] = {}
    for name, value in values.items():
        key = readable(str(name))
        is_secret = _SECRET_KEY.search(key) is not None and value not in (None, "")
        result[key] = SECRET if is_secret else _plain(value, secrets, depth + 1)
    return result


def _plain(value: object, secrets: Secrets, depth: int) -> Plain:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return _plain(value.value, secrets, depth)
    if isinstance(value, int):
        return (
            value if -(2**63) <= value < 2**64 else str(value)
        )  # more is an error to orjson
    if isinstance(value, str):
        return secrets.hide(readable(value))
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth >= _MAX_DEPTH:
            return "…"
        if isinstance(value, Mapping):
            return _mapping(value, secrets, depth)
        return [_plain(item, secrets, depth + 1) for item in value]
    return secrets.hide(readable(_text(value)))


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
