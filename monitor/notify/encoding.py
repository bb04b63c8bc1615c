"""What messages are written as, and keys that every service takes; pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def as_json(message: Any) -> bytes:
    """Write a message as UTF-8, in which letters of other alphabets are no longer than they have to be."""
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")


def digest(text: str) -> str:
    """Return 32 letters and digits that stand for a text, such as a key that a service would not take as it is."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
