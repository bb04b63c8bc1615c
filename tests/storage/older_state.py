"""States of older versions of the program, as files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.storage.file_names import FILE

TESTDATA = Path(__file__).parents[1] / "testdata" / "state"
OLDER_VERSIONS = sorted(path.stem for path in TESTDATA.glob("v*.sql"))


def make_older_state(directory: Path, version: str, *more: str) -> Path:
    """Write the state of a version (v1, v2, …) into a directory, change it by more SQL, and return its path."""
    path = directory / FILE
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((TESTDATA / f"{version}.sql").read_text())
        for sql in more:
            connection.execute(sql)
    return path
