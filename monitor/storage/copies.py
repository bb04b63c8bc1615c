"""Make a whole copy of a state's file while it is in use; for backups, and before its tables are migrated."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.storage.file_names import free_name
from monitor.storage.permissions import OWNER_ONLY


def write_copy(source: sqlite3.Connection, path: Path) -> None:
    """Copy what the connection sees into a new file, which is one file and private.

    FileExistsError, OSError, sqlite3.Error; then nothing is left behind.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            source.backup(target)
            # With the mark of a WAL in it, to look at the copy would make files beside it.
            target.execute("PRAGMA journal_mode = DELETE")
        _sync(path)
    except BaseException:
        path.unlink()
        raise


def keep_copy(source: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy a state that is about to be migrated beside it, over nothing; return the copy's path.

    A version that knows only that one can go on with it.
    """
    copy = free_name(path, f"version-{version}")
    write_copy(source, copy)
    return copy


def publish(made: Path, path: Path) -> None:
    """Rename a finished file to a name that is free; FileExistsError, OSError."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
        made.replace(path)
    else:
        made.unlink()
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
