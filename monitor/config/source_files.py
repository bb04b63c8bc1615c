"""The source files of an application: found below a folder, read, and known again by how they look now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Final

ENDINGS: Final = frozenset(
    (".sql", ".cjs", ".js", ".jsx", ".mjs", ".php", ".py", ".ts", ".tsx")
)
"""Of files that may hold SQL."""
_LEFT_OUT: Final = frozenset(
    (
        "__pycache__",
        "__tests__",
        "node_modules",
        "site-packages",
        "test",
        "tests",
        "vendor",
        "venv",
    )
)
"""Folders of what others wrote, and of tests, which have a database of their own."""
_MAX_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """The files of an application by their names, as they are reached from here; and those that were not read."""

    directory: str
    files: tuple[tuple[str, str], ...]
    unread: tuple[tuple[str, str], ...]
    """Each with why."""


def read_sources(directory: Path) -> SourceFiles:
    """Read what may hold SQL; OSError where the folder itself cannot be read."""
    os.scandir(directory).close()
    files: list[tuple[str, str]] = []
    unread: list[tuple[str, str]] = []
    for path in _paths(directory):
        name = str(PurePath(path))
        try:
            files.append((name, _content(path)))
        except (OSError, ValueError) as error:
            unread.append((name, getattr(error, "strerror", None) or str(error)))
    return SourceFiles(
        directory=str(directory),
        files=tuple(files),
        unread=tuple(unread),
    )


def mark_of(directories: Sequence[Path]) -> str:
    """Return how the files of some folders look now, by names, sizes and times: another text after any change."""
    digest = blake2b(digest_size=16)
    for directory in directories:
        digest.update(f"{directory}\0{_state_of(directory)}\0".encode())
        for path in _paths(directory):
            digest.update(f"{path}\0{_file_mark(path)}\0".encode(errors="replace"))
    return digest.hexdigest()


def _state_of(directory: Path) -> str:
    """Return whether a folder can be read; else why not."""
    try:
        os.scandir(directory).close()
    except OSError as error:
        return str(error.strerror)
    return ""


def _file_mark(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return ""  # it is just being replaced
    # With the change of the inode: a file that may be read again is another one.
    return f"{stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_size} {stat.st_ino}"


def _content(path: Path) -> str:
    """Return a file's text; ValueError where it is too large to be somebody's source."""
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise ValueError(f"has {size:,} bytes, at most {_MAX_BYTES:,} are read")
    return path.read_text(encoding="utf-8", errors="replace")


def _paths(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        kept = (name for name in folders if name not in _LEFT_OUT)
        folders[:] = sorted(name for name in kept if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix in ENDINGS and _may_be_read(path):
                yield path


def _may_be_read(path: Path) -> bool:
    """Return whether it is a file; what cannot be looked at counts as one, and is then told as not read."""
    try:
        return path.is_file()
    except OSError:
        return True
