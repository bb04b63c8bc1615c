"""What receivers keep secret: read at each attempt, hidden in every message; between settings and senders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from monitor.model.errors import DeliveryError, SecretError
from monitor.model.settings import PasswordSource, Receiver
from monitor.secrets.reader import SecretReader
from monitor.secrets.redaction import in_address, in_headers, masked

_SHOWN_CHARACTERS: Final = 200


def read_secret(source: PasswordSource, secrets: SecretReader) -> str:
    """Read a key or token; DeliveryError names the source, never the content."""
    with _told_as("secret"):
        return secrets.text(source)


def read_password(source: PasswordSource, secrets: SecretReader) -> str:
    """Read a password, of which white space can be a part; DeliveryError if it is empty or no text."""
    with _told_as("secret"):
        try:
            password = secrets.password(source).decode()
        except UnicodeDecodeError:
            raise SecretError(f"{source.file or source.env}: is no text") from None
        return password or secrets.text(
            source
        )  # which says that it is empty, and of what


def read_header(path: Path, secrets: SecretReader) -> str:
    """Read a header's value; DeliveryError names the file, never the content."""
    with _told_as("secret"):
        value = secrets.header(path)
        if not value.isprintable() or not value.isascii():
            raise SecretError(f"{path}: has characters that an HTTP header cannot have")
        return value


def read_address(path: Path, secrets: SecretReader) -> str:
    """Read an address that is a secret; DeliveryError names the file, never the content."""
    with _told_as("url_file"):
        return secrets.address(path)


def address_of(receiver: Receiver, secrets: SecretReader) -> str:
    """Give where a receiver with one address is, read from its file if it has one."""
    return (
        receiver.urls[0]
        if receiver.url_file is None
        else read_address(receiver.url_file, secrets)
    )


def secrets_of(receiver: Receiver) -> list[str]:
    """List what the log must hide by value of what the configuration itself says; files are no part of it."""
    found = in_headers(receiver.headers)
    if receiver.kind == "slack":
        found += [secret for url in receiver.urls for secret in in_address(url)]
    return found


def without_secrets(
    text: str, secrets: Iterable[str], *, parts: Iterable[str] = ()
) -> str:
    """Shorten what a far end said for a message, without the secrets that it echoes.

    `secrets` are looked for in their usual encodings too, `parts` as they are.
    """
    text = masked(text, secrets, parts=parts)
    printable = "".join(
        character if character.isprintable() else " " for character in text
    )
    return " ".join(printable.split())[:_SHOWN_CHARACTERS]


@contextmanager
def _told_as(reason: str) -> Iterator[None]:
    try:
        yield
    except SecretError as error:
        raise DeliveryError(reason, str(error), recoverable=True) from None
