"""Find what of a text is a secret, and hide it; pure."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

SECRET: Final = "<secret>"  # noqa: S105 - what is shown in place of one

_MIN_LENGTH: Final = 6
"""Of fewer characters a secret cannot be distinguished from other text."""
_MIN_LENGTH_ECHOED: Final = 4
"""The same in what somebody says to whom it was sent."""
_MIN_LENGTH_OF_PART: Final = 8
"""The same for what may only be a part of a secret."""

# "tokens" are what is watched here, and no secret; a "token" is.
SECRET_KEY: Final = re.compile(
    r"password|passwd|token(?!s)|secret|authorization|dsn|routing_key", re.IGNORECASE
)
# An Idempotency-Key is ours, and says nothing; an author is a person.
_SECRET_HEADER: Final = re.compile(
    rf"{SECRET_KEY.pattern}|auth(?!or)|cookie|(?<!idempotency-)key|passphrase|signature|credential|session|jwt",
    re.IGNORECASE,
)
_USERINFO: Final = re.compile(r"(\w[\w+.-]*://)[^\s/@]*@")
# What no person would choose as a word of a path: letters with digits, capitals within, or no end of letters.
_MADE_UP: Final = re.compile(r"(?=.*[A-Za-z])(?=.*\d)|.*[a-z][A-Z]|[A-Za-z]{20}")

_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values that must not be written, by the source that each was read from."""

    _sources: Mapping[str, tuple[frozenset[str], frozenset[str]]] = field(
        default_factory=dict, repr=False
    )
    """Of each source what it holds now, and what it held just before."""
    _forms: tuple[str, ...] = field(default=(), repr=False)

    def put(self, source: str, values: Iterable[str]) -> Secrets:
        """Add what a source holds now; what it held just before stays, in use by somebody, and no more.

        Returns the same object where nothing has changed.
        """
        now = frozenset(_at_least(_MIN_LENGTH, values))
        latest, _ = self._sources.get(source, (_NOTHING, _NOTHING))
        if now == latest or not now:  # nothing: a file that is just being written
            return self
        sources = {**self._sources, source: (now, latest)}
        known: set[str] = set()
        for generations in sources.values():
            known.update(*generations)
        forms = _forms_of(known)
        return replace(self, _sources=sources, _forms=_longest_first(forms))

    def hide(self, text: str) -> str:
        """Return a text without the known values, and without the user part of addresses."""
        text = _masked(text, self._forms)
        if "://" not in text:  # most texts: the search costs more
            return text
        return _USERINFO.sub(rf"\1{SECRET}@", text)


def masked(text: str, secrets: Iterable[str], *, parts: Iterable[str] = ()) -> str:
    """Return what an answer repeats of what was sent, without it: secrets in any encoding, parts as they are."""
    forms = _forms_of(_at_least(_MIN_LENGTH_ECHOED, secrets))
    forms.update(_at_least(_MIN_LENGTH_OF_PART, parts))
    return _masked(text, _longest_first(forms))


def in_headers(headers: Mapping[str, str]) -> list[str]:
    """Return the values of headers whose names say that they are secret."""
    secrets: list[str] = []
    for name, value in headers.items():
        if _SECRET_HEADER.search(name):
            secrets += in_header(value)
    return secrets


def in_header(value: str) -> list[str]:
    """Return a secret header's value, and what stands in it behind the scheme (`Bearer …`)."""
    _, _, behind = value.partition(" ")
    credentials = behind.strip()
    return [value, credentials] if credentials else [value]


def in_address(address: str) -> list[str]:
    """Return what to hide of an address that is secret: all of it, and of its parts what is not a mere word.

    A word such as `services` or `alerts` would be hidden in every text.
    """
    split = _split(address)
    parts = [split.password or ""]
    likely = split.path.split("/")
    for name, value in _parameters(split):
        likely.append(value)
        if _SECRET_HEADER.search(name):
            parts.append(value)
    parts += made_up(likely)
    decoded = [unquote(part) for part in parts]
    return [address, *parts, *decoded]


def made_up(parts: Iterable[str]) -> list[str]:
    """Return those of some parts that are no mere words, and so could be secrets."""
    long = _at_least(_MIN_LENGTH_OF_PART, parts)
    return [part for part in long if _MADE_UP.match(part)]


def parts_of(address: str) -> frozenset[str]:
    """Return what of an address could be a secret: path, query, user and password, whole and in pieces."""
    split = _split(address)
    user, _, _ = split.netloc.rpartition("@")
    target = f"{split.path}?{split.query}" if split.query else split.path
    pieces = {target, user, split.query}
    pieces.update(user.split(":"), split.path.split("/"))
    pieces.update(value for _, value in _parameters(split))
    decoded = {unquote(piece) for piece in pieces}
    return frozenset((pieces | decoded) - {"", "/"})


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _parameters(split: SplitResult) -> list[tuple[str, str]]:
    """Return names and values of the query as they are written, which `parse_qsl` would decode."""
    parameters = []
    for pair in split.query.split("&"):
        name, _, value = pair.partition("=")
        parameters.append((name, value))
    return parameters


def _at_least(length: int, values: Iterable[str]) -> list[str]:
    return [value for value in values if len(value) >= length]


def _forms_of(secrets: Iterable[str]) -> set[str]:
    """Return secrets as they are and as URLs, Basic authentication, JSON, HTML and Python write them."""
    forms: set[str] = set()
    for secret in secrets:
        forms.update(
            (
                secret,
                quote(secret, safe="", errors="replace"),
                quote_plus(secret, errors="replace"),
                base64.b64encode(secret.encode("utf-8", "replace")).decode(),
                json.dumps(secret)[1:-1],
                html.escape(secret),
                repr(secret)[1:-1],
            )
        )
    return forms


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    # One secret may be a part of another.
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _masked(text: str, forms: tuple[str, ...]) -> str:
    found = [re.escape(form) for form in forms if form in text]
    if not found:
        return text
    # All at once: what stands in place of one may look like another.
    return re.sub("|".join(found), SECRET, text)
