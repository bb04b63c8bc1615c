"""Compute whether the disk of the monitor's own state is about to be full; pure."""

from __future__ import annotations

from typing import Protocol

from monitor.model.results import Sample
from monitor.model.settings import Rule, labels_of

MIN_FREE_BYTES = 200_000_000
"""With less free, and less than a tenth of the disk, it is about to be full."""
_MIN_FREE_SHARE = 0.1


class Room(Protocol):
    """Bytes: what the state's files take, what is free for us on their disk, and the disk as a whole."""

    @property
    def size_bytes(self) -> int:
        """Return what the files take."""

    @property
    def free_bytes(self) -> int:
        """Return what is free for us."""

    @property
    def disk_bytes(self) -> int:
        """Return the size of the disk."""


def disk_low(rule: Rule, room: Room) -> Sample:
    """Return the sample about the disk: 1 while there is little room left on it."""
    # Both: 200 MB are plenty on a small disk that is nearly empty, a tenth of a large one is plenty too.
    is_small_share = room.free_bytes < _MIN_FREE_SHARE * room.disk_bytes
    is_low = room.free_bytes < MIN_FREE_BYTES and is_small_share
    sizes = {"free": room.free_bytes, "disk": room.disk_bytes, "size": room.size_bytes}
    details = {name: _megabytes(size) for name, size in sizes.items()}
    return Sample(rule.metric, (), float(is_low), labels_of(details))


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB".replace(",", " ")
