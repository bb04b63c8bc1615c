"""What receivers keep secret: read at each attempt, hidden in every message; between settings and senders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from monitor.model.errors import DeliveryError, SecretError
from monitor.model.targets import PasswordSource
from monitor.notify.plain_text import one_line
from monitor.secrets.reader import SecretReader
from monitor.secrets.redaction import in_address, masked

# Of what a far end says: enough for its reason, too little to fill a log with its page.
_SHOWN_CHARACTERS: Final = 200


def read_secret(source: PasswordSource, secrets: SecretReader) -> str:
    """Read a key or token; DeliveryError names the source, never the content."""
    with failing_with("secret"):
        return secrets.text(source)


def read_password(source: PasswordSource, secrets: SecretReader) -> str:
    """Read a password, of which white space can be a part; DeliveryError if it is empty or not text."""
    with failing_with("secret"):
        try:
            password = secrets.password(source).decode()
        except UnicodeDecodeError:
            raise SecretError(f"{source.file or source.env}: is no text") from None
        if password:
            return password
        # It says that it is empty, and of what.
        return secrets.text(source)


def address_of(
    url: str,
    file: Path | None,
    secrets: SecretReader,
    *,
    parts: Callable[[str], Iterable[str]] = in_address,
) -> str:
    """Return an address, read from its file if it has one; DeliveryError never says what is in it.

    `parts` tells what of it must be hidden.
    """
    if file is None:
        return url
    with failing_with("url_file"):
        return secrets.address(file, parts)


def without_secrets(
    text: str, secrets: Iterable[str], *, parts: Iterable[str] = ()
) -> str:
    """Shorten what a far end said for a message, without the secrets that it repeats.

    `secrets` are looked for in their usual encodings too, `parts` as they are.
    """
    return one_line(masked(text, secrets, parts=parts))[:_SHOWN_CHARACTERS]


@contextmanager
def failing_with(reason: str) -> Iterator[None]:
    """Make a failed attempt of a secret that cannot be read: it is tried again, for files are replaced."""
    try:
        yield
    except SecretError as error:
        raise DeliveryError(reason, str(error), recoverable=True) from None
