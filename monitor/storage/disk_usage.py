"""Measure the room that the state takes and has on its disk; for the metrics and the page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from monitor.storage.file_names import with_companions


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Bytes: of the state's files together, free for us on their disk, and of the disk as a whole."""

    size_bytes: int
    free_bytes: int
    disk_bytes: int


def measure(path: Path) -> DiskUsage | None:
    """Measure the files of a state; None where their directory cannot be looked at."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return None
    return DiskUsage(
        size_bytes=sum(_size(one) for one in with_companions(path)),
        free_bytes=disk.f_bavail * disk.f_frsize,
        disk_bytes=disk.f_blocks * disk.f_frsize,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
