"""Where targets come from beside config.toml's own tables: files, and an address that is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from monitor.model.targets import NamedFile, named_file

FileMark: TypeAlias = tuple[int, ...]
"""By what a file is known to be another than before."""


@dataclass(frozen=True, slots=True)
class TargetsFiles:
    """The files with targets: which pattern they fit, from which folder, and how each was when it was read."""

    pattern: str
    base: Path
    marks: Mapping[Path, FileMark]


@dataclass(frozen=True, slots=True)
class HttpSdSettings:
    """An address that answers with a list of targets; address and headers may be secrets: not shown."""

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    """Read at each request; then `url` is empty."""
    header_files: tuple[tuple[str, Path], ...] = ()
    """Headers whose values are secrets, read at each request."""
    refresh: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=10)

    def files(self) -> Iterator[NamedFile]:
        """Yield the files with the address and the headers' values."""
        yield from named_file("url_file", self.url_file)
        for name, path in self.header_files:
            yield NamedFile(f"header_files.{name}", path)
