"""Read TOML files into sections that know who said what; the first step from a file to the Config."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.config.toml.lines import KeyPath, line_map
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import read_text
from monitor.config.toml.wording import found, odd_quote_or_blank


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a file, or of several merged: its data, and the origin of each key below it.

    `origins` is that of the whole file, `path` where in it this table stands; so views of tables cost
    nothing, and the top of the file, `()`, always has an origin.
    """

    data: Mapping[str, Any]
    origins: Mapping[KeyPath, Origin]
    path: KeyPath = field(default=())

    def origin(self, *keys: str | int) -> Origin:
        """Find who said a key of this section; for a key that is absent, who said the nearest above it."""
        path = (*self.path, *keys)
        for length in range(len(path), -1, -1):
            known = self.origins.get(path[:length])
            if known is not None:
                return Origin(known.file, known.line, (*known.key, *path[length:]))
        raise LookupError("a section without an origin for its top")

    def at(self, *keys: str) -> Section:
        """View a table below this one; empty where there is none, or something else in its place."""
        table = self.data
        for key in keys:
            below = table.get(key)
            table = below if isinstance(below, Mapping) else {}
        return Section(table, self.origins, (*self.path, *keys))

    def without(self, key: str) -> Section:
        """View this section as if it had no such key."""
        rest = dict(self.data)
        rest.pop(key, None)
        return Section(rest, self.origins, self.path)

    def below(self, *keys: str) -> Section:
        """Put this section below keys, as if its file had been written so."""
        data: dict[str, Any] = dict(self.data)
        for key in reversed(keys):
            data = {key: data}
        origins = {(*keys, *path): origin for path, origin in self.own_origins()}
        origins[()] = self.origin()
        return Section(data, origins)

    def own_origins(self) -> Iterator[tuple[KeyPath, Origin]]:
        """Yield the origins of this table's keys, their paths from this table on."""
        start = len(self.path)
        for path, origin in self.origins.items():
            if path[:start] == self.path:
                yield path[start:], origin


def read_document(path: Path, file: str, problems: Problems) -> Section | None:
    """Read a TOML file; where it cannot be read, note why and return None.

    `file` is the path as messages show it.
    """
    text = read_text(path, file, problems)
    if text is None:
        return None
    data = _parse(text, file, problems)
    if data is None:
        return None
    origins = {key: Origin(file, line, key) for key, line in line_map(text).items()}
    origins[()] = Origin(file)
    return Section(data, origins)


def _parse(text: str, file: str, problems: Problems) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        line = _line_of(message, text)
        without_position = re.sub(r" \(at [^)]*\)$", "", message)
        odd = odd_quote_or_blank(text.split("\n")[line - 1])
        hint = f"; {odd} is no plain quote or blank" if odd else ""
        problems.add(Origin(file, line), f"is not TOML: {without_position}{hint}")
    except (ValueError, RecursionError):
        # tomllib lets these two through: an integer of thousands of digits, hundreds of nested lists.
        message = "is not TOML that can be read: a number too long, or lists too deep"
        problems.add(Origin(file), message)
    return None


def _line_of(message: str, text: str) -> int:
    """Return the line that tomllib names; without one it means the end of the document."""
    match = re.search(r"at line (\d+)", message)
    return int(match[1]) if match else text.count("\n") + 1


def tables(
    section: Section, key: str, problems: Problems
) -> Iterator[tuple[str, Section]]:
    """Yield the named tables below a key: `[targets.main]`; what is not a table is a problem."""
    value = section.data.get(key, {})
    if not isinstance(value, Mapping):
        message = f"{found(value)}; allowed: tables [{key}.NAME]"
        problems.add(section.origin(key), message)
        return
    for name, table in value.items():
        if isinstance(table, Mapping):
            yield name, section.at(key, name)
        else:
            message = f"{found(table)}; allowed: a table [{key}.{name}]"
            problems.add(section.origin(key, name), message)


def table_at(section: Section, key: str, problems: Problems) -> Section:
    """View one table of the top, such as `[web]`, empty if absent; what is not a table is a problem."""
    value = section.data.get(key, {})
    if not isinstance(value, Mapping):
        message = f"{found(value)}; allowed: a table [{key}]"
        problems.add(section.origin(key), message)
    return section.at(key)
