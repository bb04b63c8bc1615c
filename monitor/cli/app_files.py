"""The source files of an application, for `check --app-sql`: found below a folder, and read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from monitor.contract.languages import LANGUAGES

_ENDINGS: Final = frozenset((".sql", *LANGUAGES))
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
            if path.suffix in _ENDINGS and path.is_file():
                yield path
