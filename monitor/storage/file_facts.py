"""Look at a state's file before it is opened: is it whole, or a copy that lacks what was beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.model.wording import utc_second
from monitor.storage.file_names import wal_of

_MAGIC = b"SQLite format 3\0"
_VERSION = slice(60, 64)
"""Where the header has PRAGMA user_version (https://sqlite.org/fileformat2.html)."""
# The daemon marks every ten seconds that it lives; a disk may be slow.
_NEWER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file without anything beside it; nothing of one with a WAL, which says it all itself."""

    is_without_tables: bool = False
    written_at: datetime | None = None


def read_facts(path: Path) -> FileFacts:
    """Read what a file is that nobody in this process has open; one with a WAL has everything there."""
    try:
        if wal_of(path).exists():
            return FileFacts()
        with path.open("rb") as file:
            head = file.read(100)
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return FileFacts()
    if not head.startswith(_MAGIC):
        return FileFacts()
    return FileFacts(not any(head[_VERSION]), written_at)


def doubts(found: FileFacts, path: Path, alive_at: datetime | None) -> tuple[str, ...]:
    """Return what a file lacks, in words; `alive_at`: when its daemon was last known to run."""
    if found.is_without_tables:
        return (
            f"{path} has no tables: a copy of the file alone lacks what a running daemon had beside it"
            " (token-monitor backup makes whole ones); the state begins empty",
        )
    if found.written_at is None or alive_at is None:
        return ()
    if found.written_at - alive_at < _NEWER:
        return ()
    return (
        f"{path} was written at {utc_second(found.written_at)} and has the state of"
        f" {utc_second(alive_at)}: a backup or a copy has nothing of what happened between",
    )
