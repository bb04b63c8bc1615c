"""What may stand in the headers of a webhook's request, said in the file or read from others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from monitor.model.errors import SecretError
from monitor.notify.secrets import failing_with
from monitor.secrets.reader import SecretReader

INVALID_VALUE: Final = "has characters that an HTTP header cannot have"
# Headers without which no request is whole, or that say what it is.
_OWN: Final = frozenset(
    {"content-length", "transfer-encoding", "connection", "host", "idempotency-key"}
)


def name_fault(name: str) -> str:
    """Return why a header cannot have this name; empty where it can.

    Fewer characters than RFC 9110 has for a token: others are a mistake more often than a name.
    """
    letters = name.replace("-", "").replace("_", "")
    if not name.isascii() or not letters.isalnum():
        return "is not the name of an HTTP header"
    if name.lower() in _OWN:
        return "is set by the monitor itself"
    return ""


def is_value(text: str) -> bool:
    """Return whether a text can be the value of a header."""
    return text.isprintable() and text.isascii()


def read_header(path: Path, secrets: SecretReader) -> str:
    """Read a header's value; DeliveryError names the file, never the content."""
    with failing_with("secret"):
        value = secrets.header(path)
        if not is_value(value):
            raise SecretError(f"{path}: {INVALID_VALUE}")
        return value
