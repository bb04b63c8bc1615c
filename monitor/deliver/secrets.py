"""What receivers keep secret: read at each attempt, hidden in every message; between settings and senders."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from monitor.errors import DeliveryError
from monitor.model.settings import PasswordSource, Receiver

_MOST_BYTES: Final = 4096
_SHORTEST_SECRET: Final = 4
_SHOWN_CHARACTERS: Final = 200
_HIDDEN: Final = "<secret>"


def read_secret(source: PasswordSource) -> str:
    """Read a secret from its file or variable; DeliveryError names the source, never the content."""
    if source.file is not None:
        return read_secret_file(source.file)
    value = os.environ.get(source.env or "")
    if not value:
        raise _unreadable("secret", f"the variable {source.env} is not set")
    return value


def read_secret_file(path: Path, *, reason: str = "secret") -> str:
    """Read a file that holds one secret, without the white space around it."""
    try:
        # A pipe would hold us up for as long as nobody writes.
        if path.exists() and not path.is_file():
            raise _unreadable(reason, f"{path}: is no regular file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise _unreadable(reason, f"{path}: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise _unreadable(reason, f"{path}: is no text") from None
    if len(content) > _MOST_BYTES:
        raise _unreadable(reason, f"{path}: has more than {_MOST_BYTES} bytes")
    if not text:
        raise _unreadable(reason, f"{path}: is empty")
    return text


def address_of(receiver: Receiver) -> str:
    """Give where a receiver with one address is, read from its file if it has one."""
    if receiver.url_file is not None:
        return read_secret_file(receiver.url_file, reason="url_file")
    return receiver.urls[0]


def secrets_of(receiver: Receiver) -> list[str]:
    """List what the log must hide by value; what cannot be read now is left out."""
    found = list(receiver.headers.values())
    if receiver.kind == "slack":
        found += receiver.urls
    files = [*receiver.header_files.values(), *([receiver.url_file] if receiver.url_file else [])]
    sources = [PasswordSource(file=file) for file in files]
    sources += [source for source in (receiver.hmac_secret, receiver.routing_key) if source is not None]
    if receiver.mail is not None and receiver.mail.password is not None:
        sources.append(receiver.mail.password)
    for source in sources:
        with suppress(DeliveryError):
            found.append(read_secret(source))
    return found


def without_secrets(text: str, secrets: Iterable[str], *, parts: Iterable[str] = ()) -> str:
    """Shorten what a far end said for a message, without the secrets that it echoes.

    `secrets` are looked for in their usual encodings too, `parts` as they are.
    """
    forms = {form for secret in secrets if len(secret) >= _SHORTEST_SECRET for form in _forms(secret)}
    for form in sorted(forms.union(parts), key=len, reverse=True):
        text = text.replace(form, _HIDDEN)
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_SHOWN_CHARACTERS]


def _forms(secret: str) -> Iterator[str]:
    yield from (secret, quote(secret, safe=""), quote_plus(secret))
    yield base64.b64encode(secret.encode("utf-8", "replace")).decode()
    yield from (json.dumps(secret)[1:-1], html.escape(secret), repr(secret)[1:-1])


def _unreadable(reason: str, message: str) -> DeliveryError:
    return DeliveryError(reason, message, recoverable=True)
