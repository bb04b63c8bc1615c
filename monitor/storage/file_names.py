"""The names of a state's files: its own, those that SQLite makes beside it, and free ones beside those."""

from __future__ import annotations

import os
from pathlib import Path

FILE = "state.sqlite"
MEMORY = ":memory:"


def wal_of(path: Path) -> Path:
    """Return the name of a file's write-ahead log: it is there while the file is in use, or was not closed."""
    return path.with_name(f"{path.name}-wal")


def with_companions(path: Path) -> tuple[Path, ...]:
    """Return the file, its WAL and its shared memory; the last two may be there or not."""
    return path, wal_of(path), path.with_name(f"{path.name}-shm")


def free_name(path: Path, word: str) -> Path:
    """Return a name for the file, `.word` behind its own, that neither it nor a companion would replace."""
    free = path.with_name(f"{path.name}.{word}")
    number = 1
    while any(os.path.lexists(one) for one in with_companions(free)):
        number += 1
        free = path.with_name(f"{path.name}.{word}-{number}")
    return free


def quarantine(path: Path, word: str) -> Path | None:
    """Rename the file and its companions, over nothing; return the new name, None if there is no file.

    A WAL left behind would be taken for the next one's.
    """
    renamed = free_name(path, word)
    is_there = False
    for old, new in zip(with_companions(path), with_companions(renamed), strict=True):
        if os.path.lexists(old):
            old.rename(new)
            is_there = True
    return renamed if is_there else None
