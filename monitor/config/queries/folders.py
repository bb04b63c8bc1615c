"""A folder of queries: who named it, its directories, and the files in them that may be of a query."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENDINGS: Final = (".toml", ".sql")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of queries, and who named it; nobody did for the shipped one."""

    path: Path
    name: str
    position: int | None = None
    """Where in `query_dirs` it stands."""
    is_shipped: bool = False
    """Whether it holds the queries that run unless somebody says otherwise."""
    only: frozenset[str] = frozenset()
    """The names of the queries that count; empty: all of them."""


def directories_below(path: Path, config_file: Path) -> list[Path]:
    """Return a folder and what is below it, but nothing that is hidden: a mount has copies of itself there."""
    if _is_same(path, config_file.parent):
        return [path]
    directories: list[Path] = []
    for directory, below, _ in os.walk(path, onerror=_raised):
        # Sorted, as every system lists a folder in its own order, and messages come in that of the files.
        below[:] = sorted(filter(_is_shown, below))
        directories.append(Path(directory))
    return directories


def _raised(error: OSError) -> None:
    raise error


def files_of_queries(directory: Path, config_file: Path) -> Iterator[Path]:
    """Yield the files of one directory that may be of a query, but not the configuration."""
    for path in filter(_may_be_of_query, sorted(directory.iterdir())):
        if not _is_same(path, config_file):
            yield path


def _may_be_of_query(path: Path) -> bool:
    return _is_shown(path.name) and path.suffix.lower() in ENDINGS


def _is_shown(name: str) -> bool:
    return not name.startswith(".")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # A link that leads nowhere, for instance: that is noted where it is read.
        return False
