"""Find the files of each query in a folder: NAME.toml, NAME.sql, and its variants for one kind of server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from monitor.config.queries.folders import (
    ENDINGS,
    Folder,
    directories_below,
    files_of_queries,
)
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import shown
from monitor.model.settings import Flavor

_QUERY_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_FLAVORS: Final[Mapping[str, Flavor]] = {flavor.value: flavor for flavor in Flavor}

# docs/adr/0064: labels and rules are bound before anybody has met the server.
_ONE_MEANING: Final = (
    "what a query means is the same on all kinds of server, and stands in {name}.toml: give the columns of"
    " {name}.{flavor}.sql the names that it has, with AS; what is otherwise on one target belongs into"
    " [targets.NAME.queries.{name}] of config.toml"
)


@dataclass(frozen=True, slots=True)
class QueryFiles:
    """The files of one query."""

    name: str
    toml: Path
    sql: Path
    shipped: bool
    variants: Mapping[Flavor, Path] = field(default_factory=dict)


def find_queries(
    folder: Folder, config_file: Path, base: Path, problems: Problems
) -> list[QueryFiles]:
    """Return the queries of a folder and its subfolders by name; half a query is a problem, other files are not.

    The configuration may be in the same folder, as a mount may have one folder only: it is not a query, and what
    is below that folder is no part of it. OSError or ValueError where the folder cannot be read.
    """
    queries: dict[str, QueryFiles] = {}
    for directory in directories_below(folder.path, config_file):
        found = _found_in(directory, config_file, base, problems)
        for query in found.queries(is_shipped=folder.is_shipped):
            earlier = queries.setdefault(query.name, query)
            if earlier is not query:
                message = f"is there already: {shown(earlier.toml, base)}"
                problems.add(Origin(shown(query.toml, base)), message)
    return [queries[name] for name in sorted(queries)]


def _found_in(
    directory: Path, config_file: Path, base: Path, problems: Problems
) -> _Found:
    """Return the files of queries in one directory; note those that are of none."""
    found = _Found()
    for path in files_of_queries(directory, config_file):
        fault = found.put(path)
        if fault is not None:
            problems.add(Origin(shown(path, base)), fault)
    for path, what in found.halves():
        problems.add(Origin(shown(path, base)), what)
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of a directory, by the names of their queries."""

    tomls: dict[str, Path] = field(default_factory=dict)
    statements: dict[str, Path] = field(default_factory=dict)
    variants: dict[str, dict[Flavor, Path]] = field(default_factory=dict)

    def put(self, path: Path) -> str | None:
        """Put a file to its query; return what is wrong with its name, or None."""
        if path.suffix not in ENDINGS:
            ending = path.suffix.lower()
            return f'is read by its ending "{ending}" only, in small letters'
        name, _, flavor = path.stem.partition(".")
        if _QUERY_NAME.fullmatch(name) is None:
            allowed = "small letters, digits and _, a letter first"
            return f'"{name}" is not a query name; allowed: {allowed}'
        if not flavor:
            by_ending = {".toml": self.tomls, ".sql": self.statements}
            by_ending[path.suffix][name] = path
            return None
        if path.suffix == ".toml" and flavor in _FLAVORS:
            return _ONE_MEANING.format(name=name, flavor=flavor)
        if path.suffix == ".toml" or flavor not in _FLAVORS:
            return f'"{flavor}" is no kind of server{near_miss(flavor, list(_FLAVORS))}'
        self.variants.setdefault(name, {})[_FLAVORS[flavor]] = path
        return None

    def queries(self, *, is_shipped: bool) -> Iterator[QueryFiles]:
        """Yield the queries that are whole."""
        for name in self.tomls.keys() & self._statements().keys():
            yield QueryFiles(
                name=name,
                toml=self.tomls[name],
                sql=self._statements()[name],
                shipped=is_shipped,
                variants=self.variants.get(name, {}),
            )

    def _statements(self) -> dict[str, Path]:
        """Return the statement of each query: one for all servers, or one of those that have each its own."""
        whole: dict[str, Path] = {}
        for name, variants in self.variants.items():
            if len(variants) == len(Flavor):
                whole[name] = variants[Flavor.MARIADB]
        return {**whole, **self.statements}

    def halves(self) -> Iterator[tuple[Path, str]]:
        """Yield the files to which another one is missing, each with what to say of it."""
        tomls, statements = self.tomls.keys(), self._statements().keys()
        for name in tomls - statements:
            yield self.tomls[name], self._lacks_statement(name)
        for name in statements - tomls:
            message = f"has nothing that says what it means: {name}.toml"
            yield self._statements()[name], message
        for name in self.variants.keys() - tomls - statements:
            for path in self.variants[name].values():
                yield path, f"belongs to no query: {name}.toml and {name}.sql"

    def _lacks_statement(self, name: str) -> str:
        if name in self.variants:
            (only,) = self.variants[name]
            return f"has a statement for {only} only; add that for the other kind of server, or {name}.sql"
        return f"has no statement beside it: {name}.sql"
