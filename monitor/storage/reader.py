"""Read-only access to the state, for commands beside a running daemon or after it."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from types import TracebackType
from typing import Any

from monitor.model.errors import StateError
from monitor.storage.file_names import FILE
from monitor.storage.opening import open_for_reading
from monitor.storage.queries import StateQueries


class Reader(StateQueries):
    """Answer what the daemon last wrote, for one thread; StateError when that cannot be read."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._path = path
        self._connection = connection

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self._path} cannot be read: {error}") from None


def open_reader(directory: Path) -> Reader:
    """Open the state in a directory for reading: `with open_reader(directory) as reader: reader.history(50)`.

    It changes nothing and keeps no daemon from its work. StateError where there is none, or one that this
    version does not read.
    """
    path = directory / FILE
    try:
        if not _is_there(path):
            raise StateError(
                f"there is no state in {directory}: has a daemon run with this configuration? Where its"
                " environment has TOKEN_MONITOR_STATE_DIRECTORY, name that folder as [state] directory too"
            )
        return Reader(path, open_for_reading(path))
    except (OSError, sqlite3.Error) as error:
        is_readable = os.access(path, os.R_OK, effective_ids=True)
        if isinstance(error, PermissionError) or not is_readable:
            raise StateError(
                f"{path} may not be read by this user; as its owner: {_as_owner(path)}"
            ) from None
        raise StateError(f"{path} cannot be read: {error}") from None


def _is_there(path: Path) -> bool:
    """Return whether there is a file; PermissionError where that may not be seen, which is_file hides."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _as_owner(path: Path) -> str:
    """Return what to type; root, where even whose it is may not be seen."""
    try:
        owner = path.owner()
    except (OSError, KeyError):
        owner = "root"
    command = "token-monitor …"
    return f"sudo {command}" if owner == "root" else f"sudo -u {owner} {command}"
