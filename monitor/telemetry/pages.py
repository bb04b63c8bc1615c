"""Join prepared lines into a page of /metrics, plain and gzipped; what is new at each scrape comes behind it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from monitor.telemetry.own_lines import Column, OwnLines
from monitor.telemetry.prepared import Prepared, QueryPiece
from monitor.telemetry.text_format import Head

_Subject = TypeVar("_Subject")

_GZIP_WINDOW = 31
"""For zlib: a window of 2^15 bytes, with the head of a gzip member."""
_MAX_STORED = 65_535
"""The longest block of deflate that is stored as it is (RFC 1951, section 3.2.4)."""


class PreparedPage:
    """All of a page but its end, which differs from scrape to scrape: the process, and the last line.

    Gzip is one member (RFC 1952), as curl wants it: the page is deflated once, and its end stored behind it
    as it is, which costs a scrape nothing but the checksum.
    """

    def __init__(self, body: bytes, skipped: int) -> None:
        self.body = body
        self.skipped = skipped
        """Series that had to be left out."""
        self._deflated: bytes | None = None
        self._checksum = 0

    @property
    def is_deflated(self) -> bool:
        """Return whether the gzipped page is at hand."""
        return self._deflated is not None

    def is_as(self, other: PreparedPage) -> bool:
        """Return whether another page says the same."""
        return self.skipped == other.skipped and self.body == other.body

    def deflate(self) -> None:
        """Make the gzipped page; takes long for a large one."""
        # Level 1: a sixth of the time of level 9 for a seventh more bytes.
        deflater = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW)
        deflated = deflater.compress(self.body)
        self._checksum = zlib.crc32(self.body)
        # Ends at a whole byte, so that another block can follow.
        self._deflated = deflated + deflater.flush(zlib.Z_FULL_FLUSH)

    def plain(self, end: bytes) -> bytes:
        """Return the whole page."""
        return self.body + end

    def gzipped(self, end: bytes) -> bytes:
        """Return the whole page, gzipped."""
        if self._deflated is None:
            self.deflate()
        checksum = zlib.crc32(end, self._checksum)
        length = (len(self.body) + len(end)) & 0xFFFFFFFF
        trailer = struct.pack("<II", checksum, length)
        return b"".join((self._deflated or b"", *_stored(end), trailer))


def joined(
    own: OwnLines,
    prepared: Prepared,
    *,
    beginning: bytes = b"",
    certificates: bytes = b"",
    is_openmetrics: bool,
) -> PreparedPage:
    """Return the page of what is prepared: a family's lines of all targets stand together under one head.

    Families without series are left out. `beginning` is whole families; `certificates` are lines of the family
    of certificates that belong to no target.
    """
    queries = list(prepared.queries.values())
    of_queries = _columns(own.of_query, [piece.own for piece in queries])
    targets = [piece.own for piece in prepared.targets.values()]
    of_targets = _columns(own.of_target, targets, certificates)
    parts = [beginning]
    for head, lines in (*of_queries, *of_targets, *_of_samples(prepared, queries)):
        body = b"".join(lines)
        if body:
            parts += (head.of(is_openmetrics=is_openmetrics), body)
    skipped = sum(piece.samples.skipped for piece in queries)
    return PreparedPage(b"".join(parts), skipped)


def _columns(
    columns: Sequence[Column[_Subject]],
    rows: Iterable[tuple[bytes, ...]],
    certificates: bytes = b"",
) -> Iterator[tuple[Head, Iterable[bytes]]]:
    """Yield the head of each family of our own, and its lines out of all rows."""
    by_family = list(zip(*rows, strict=True)) or [()] * len(columns)
    for column, lines in zip(columns, by_family, strict=True):
        is_of_certificates = "certificate" in column.metric.labels
        yield column.head, (*lines, certificates) if is_of_certificates else lines


def _of_samples(
    prepared: Prepared, queries: Iterable[QueryPiece]
) -> Iterator[tuple[Head, Iterable[bytes]]]:
    """Yield the head of each family that queries export, and its lines."""
    by_family: dict[str, list[bytes]] = {}
    for piece in queries:
        for name, lines in piece.samples.lines.items():
            by_family.setdefault(name, []).append(lines)
    for name, family in prepared.layout.families.items():
        yield family.head, by_family.get(name, ())


def _stored(data: bytes) -> Iterator[bytes]:
    """Yield the last blocks of a deflated stream that hold this as it is."""
    count = max(1, -(-len(data) // _MAX_STORED))
    for number in range(count):
        block = data[number * _MAX_STORED : (number + 1) * _MAX_STORED]
        is_last = number == count - 1
        yield struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF)
        yield block
