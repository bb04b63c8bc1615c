"""Disks that fail: no room for another byte, pages that are spoilt, files that belong to somebody else."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PAGE_BYTES = 4096
NOBODY = 65534
SPOILT = b"\xab" * PAGE_BYTES


def let_files_grow(*, does: bool, pid: int = 0) -> None:
    """Let no file of a process grow, or let them again; 0 is ourselves, and what is started meanwhile."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if does else 0, hard))


@contextmanager
def full_disk(pid: int = 0) -> Iterator[None]:
    """Let no file of a process grow for a while, so that every write of SQLite fails."""
    let_files_grow(does=False, pid=pid)
    try:
        yield
    finally:
        let_files_grow(does=True, pid=pid)


def garble(path: Path, *, table: str | None = None) -> None:
    """Spoil a table, or every page but the first, as a bad disk does, and have the daemon read them again."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as connection:
        connection.execute(
            "INSERT INTO marks VALUES ('other', '2026-11-22T14:00:00+00:00')"
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages: Iterable[int] = range(2, path.stat().st_size // PAGE_BYTES + 1)
        if table is not None:
            sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            pages = connection.execute(sql, (table,)).fetchone()
        with path.open("r+b") as file:
            for page in pages:
                file.seek(PAGE_BYTES * (page - 1))
                file.write(SPOILT)


@contextmanager
def as_user(uid: int) -> Iterator[None]:
    """Be another user for a while, if we are root, whom no permission keeps from a file."""
    if os.getuid() != 0:
        yield
        return
    before = os.geteuid()
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(before)
