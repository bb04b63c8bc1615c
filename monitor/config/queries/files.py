"""Find the files of each query in a folder: NAME.toml, NAME.sql, and its variants for one kind of server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import shown
from monitor.model.settings import Flavor

_ENDINGS: Final = (".toml", ".sql")
_QUERY_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_FLAVORS: Final[Mapping[str, Flavor]] = {flavor.value: flavor for flavor in Flavor}


@dataclass(frozen=True, slots=True)
class QueryFiles:
    """The files of one query."""

    name: str
    toml: Path
    sql: Path
    shipped: bool
    variants: Mapping[Flavor, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of queries, and who named it; nobody did for the shipped one."""

    path: Path
    name: str
    position: int | None = None
    """Where in `query_dirs` it stands."""
    only: frozenset[str] = frozenset()
    """The names of the queries that count; empty: all of them."""

    @property
    def is_shipped(self) -> bool:
        """Return whether it came with the program."""
        return self.position is None

    @property
    def owner(self) -> str:
        """Return what a message calls a query of it."""
        return "the shipped one" if self.is_shipped else f"that of {self.name}"


def find_queries(
    folder: Folder, config_file: Path, base: Path, problems: Problems
) -> list[QueryFiles]:
    """Return the queries of a folder by name; half a query is a problem, other files are left alone.

    The configuration may be in the same folder, as a mount may have one folder only: it is not a query.
    OSError or ValueError where the folder cannot be read.
    """
    found = _Found()
    # Sorted, as every system lists a folder in its own order, and messages come in that of the files.
    for path in sorted(folder.path.iterdir()):
        if _may_be_of_query(path) and not _is_same(path, config_file):
            fault = found.put(path)
            if fault is not None:
                problems.add(Origin(shown(path, base)), fault)
    for path, what in found.halves():
        problems.add(Origin(shown(path, base)), what)
    return [
        QueryFiles(
            name=name,
            toml=found.tomls[name],
            sql=found.statements[name],
            shipped=folder.is_shipped,
            variants=found.variants.get(name, {}),
        )
        for name in found.tomls
        if name in found.statements
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of a folder, by the names of their queries."""

    tomls: dict[str, Path] = field(default_factory=dict)
    statements: dict[str, Path] = field(default_factory=dict)
    variants: dict[str, dict[Flavor, Path]] = field(default_factory=dict)

    def put(self, path: Path) -> str | None:
        """Put a file to its query; return what is wrong with its name, or None."""
        if path.suffix not in _ENDINGS:
            ending = path.suffix.lower()
            return f'is read by its ending "{ending}" only, in small letters'
        name, _, flavor = path.stem.partition(".")
        if _QUERY_NAME.fullmatch(name) is None:
            allowed = "small letters, digits and _, a letter first"
            return f'"{name}" is not a query name; allowed: {allowed}'
        is_toml = path.suffix == ".toml"
        if not flavor:
            files = self.tomls if is_toml else self.statements
            files[name] = path
            return None
        if is_toml or flavor not in _FLAVORS:
            return f'"{flavor}" is no kind of server{near_miss(flavor, list(_FLAVORS))}'
        self.variants.setdefault(name, {})[_FLAVORS[flavor]] = path
        return None

    def halves(self) -> Iterator[tuple[Path, str]]:
        """Yield the files to which another one is missing, each with what to say of it."""
        tomls, statements = self.tomls.keys(), self.statements.keys()
        for name in tomls - statements:
            yield self.tomls[name], f"has no statement beside it: {name}.sql"
        for name in statements - tomls:
            message = f"has nothing that says what it means: {name}.toml"
            yield self.statements[name], message
        for name in self.variants.keys() - tomls - statements:
            for path in self.variants[name].values():
                yield path, f"belongs to no query: {name}.toml and {name}.sql"


def _may_be_of_query(path: Path) -> bool:
    is_hidden = path.name.startswith(".")
    return not is_hidden and path.suffix.lower() in _ENDINGS


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # A link that leads nowhere, for instance: that is noted where it is read.
        return False
