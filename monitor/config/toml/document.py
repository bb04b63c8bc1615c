"""Read TOML files into sections that know who said what, and merge overrides over them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.config.toml.characters import odd_quote_or_blank
from monitor.config.toml.error_messages import found
from monitor.config.toml.lines import KeyPath, line_map
from monitor.config.toml.paths import refuse_irregular
from monitor.config.toml.problems import Origin, Problems
from monitor.model.conditions import CONDITIONS

# Keys of which one replaces the other: an override that gives one removes those that the file has.
_SCHEDULES = ("interval", "cron", "time_zone")
_RULE_SUBJECTS = ("metric", "column", "by")
_METRIC_VALUES = ("value", "values")


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a file, or of several merged: its data, and the origin of each key below it."""

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
        """View a table below this one; empty where there is none."""
        data: Any = self.data
        for key in keys:
            data = data.get(key, {}) if isinstance(data, Mapping) else {}
        return Section(
            data if isinstance(data, Mapping) else {}, self.origins, (*self.path, *keys)
        )

    def without(self, key: str) -> Section:
        """View this section as if it had no such key."""
        return Section(
            {k: v for k, v in self.data.items() if k != key}, self.origins, self.path
        )

    def below(self, *keys: str) -> Section:
        """Put this section below keys, as if its file had been written so."""
        data: dict[str, Any] = dict(self.data)
        for key in reversed(keys):
            data = {key: data}
        origins = {(*keys, *path): origin for path, origin in self._own_origins()}
        origins[()] = self.origin()
        return Section(data, origins)

    def _own_origins(self) -> Iterator[tuple[KeyPath, Origin]]:
        start = len(self.path)
        for path, origin in self.origins.items():
            if path[:start] == self.path:
                yield path[start:], origin


def read_document(path: Path, file: str, problems: Problems) -> Section | None:
    """Read a TOML file; where it cannot be read, note why and give None."""
    try:
        refuse_irregular(path)
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text)
    except OSError as error:
        problems.add_unreadable(Origin(file), error)
    except UnicodeDecodeError:
        problems.add(Origin(file), "is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        line = _line_of(str(error), text)
        odd = odd_quote_or_blank(text.split("\n")[line - 1])
        hint = f"; {odd} is no plain quote or blank" if odd else ""
        problems.add(
            Origin(file, line), f"is not TOML: {_without_place(str(error))}{hint}"
        )
    except (ValueError, RecursionError):
        # tomllib lets these two through: an integer of thousands of digits, hundreds of nested lists.
        problems.add(
            Origin(file),
            "is not TOML that can be read: a number too long, or lists too deep",
        )
    else:
        lines = {key: Origin(file, line, key) for key, line in line_map(text).items()}
        return Section(data, {**lines, (): Origin(file)})
    return None


def tables(
    section: Section, key: str, problems: Problems
) -> Iterator[tuple[str, Section]]:
    """Walk the named tables below a key: `[targets.main]`; what is no table is a problem."""
    value = section.data.get(key, {})
    if not isinstance(value, Mapping):
        problems.add(
            section.origin(key), f"{found(value)}; allowed: tables [{key}.NAME]"
        )
        return
    for name, table in value.items():
        if isinstance(table, Mapping):
            yield name, section.at(key, name)
        else:
            problems.add(
                section.origin(key, name),
                f"{found(table)}; allowed: a table [{key}.{name}]",
            )


def merge(base: Section, override: Section) -> Section:
    """Put one section deep over another; lists replace; each key keeps the origin of who gave it."""
    data: dict[str, Any] = dict(base.data)
    origins = dict(base._own_origins())
    given = dict(override._own_origins())
    _merge_table(data, override.data, (), origins, given)
    return Section(data, origins)


def _merge_table(
    data: dict[str, Any],
    override: Mapping[str, Any],
    path: KeyPath,
    origins: dict[KeyPath, Origin],
    given: Mapping[KeyPath, Origin],
) -> None:
    for group in _exclusive(path):
        if any(key in override for key in group):
            for key in group:
                _forget(data, origins, path, key)
    for key, value in override.items():
        place = (*path, key)
        old = data.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            data[key] = merged = dict(old)
            _merge_table(merged, value, place, origins, given)
            continue
        _forget(data, origins, path, key)
        data[key] = value
        origins.update(
            {
                known: origin
                for known, origin in given.items()
                if known[: len(place)] == place
            }
        )


def _exclusive(path: KeyPath) -> tuple[tuple[str, ...], ...]:
    if path == ():
        return (_SCHEDULES,)
    if len(path) == 2 and path[0] == "metrics":
        return (_METRIC_VALUES,)
    if len(path) == 2 and path[0] == "rules":
        return (tuple(CONDITIONS), _RULE_SUBJECTS)
    return ()


def _forget(
    data: dict[str, Any], origins: dict[KeyPath, Origin], path: KeyPath, key: str
) -> None:
    if data.pop(key, None) is not None:
        place = (*path, key)
        for known in [known for known in origins if known[: len(place)] == place]:
            del origins[known]


def _line_of(message: str, text: str) -> int:
    match = re.search(r"at line (\d+)", message)
    return int(match[1]) if match else text.count("\n") + 1


def _without_place(message: str) -> str:
    return re.sub(r" \(at [^)]*\)$", "", message)
