"""Write keys that are bytes, such as ids of BINARY(16), as text and read them back; for lists and the state; pure.

Text goes where bytes cannot: into a list with commas, into JSON. They are written as SQL writes them, which no id
that is text looks like: one that begins with 0x may be an address of a blockchain.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

_WRITTEN: Final = re.compile("x'((?:[0-9A-F]{2})*)'")


def key_text(key: bytes) -> str:
    """Return bytes as text: x'018F', the digits as HEX() of a server has them."""
    return f"x'{key.hex().upper()}'"


def key_of(text: str) -> str | bytes:
    """Return the bytes that `key_text` wrote, any other text as it is."""
    written = _WRITTEN.fullmatch(text)
    return bytes.fromhex(written[1]) if written else text


def key_hash(text: str) -> int:
    """Return what CRC32() of a server gives for a key, but for text of another charset and padded numbers."""
    key = key_of(text)
    return zlib.crc32(key if isinstance(key, bytes) else key.encode())


def shown_key(text: str) -> str:
    """Return a key for people, bytes as in all evidence: 0x018f."""
    key = key_of(text)
    return shown_bytes(key) if isinstance(key, bytes) else key


def shown_bytes(key: bytes) -> str:
    """Return bytes for people to read, and to put into a statement of their own."""
    return f"0x{key.hex()}"
