"""Find the files of each query in a folder: NAME.toml, NAME.sql, and its variants for one kind of server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.text_files import shown
from monitor.model.settings import Flavor

_ENDINGS = (".toml", ".sql")
_QUERY_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class QueryFiles:
    """The files of one query."""

    name: str
    toml: Path
    sql: Path
    shipped: bool
    variants: Mapping[Flavor, Path] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """Give the folder that it is in."""
        return self.toml.parent


def find_queries(
    directory: Path,
    base: Path,
    problems: Problems,
    *,
    shipped: bool,
    aside: Path | None = None,
) -> list[QueryFiles]:
    """List the queries of a folder by name; half a query is a problem, other files are left alone.

    `aside` is the configuration, which may be in the same folder: a mount may have one folder only.
    """
    tomls: dict[str, Path] = {}
    statements: dict[str, Path] = {}
    variants: dict[str, dict[Flavor, Path]] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in _ENDINGS:
            continue
        if aside is not None and _is_same(path, aside):
            continue
        if path.suffix not in _ENDINGS:
            message = (
                f'is read by its ending "{path.suffix.lower()}" only, in small letters'
            )
            problems.add(Origin(shown(path, base)), message)
            continue
        name, _, flavor = path.stem.partition(".")
        if _QUERY_NAME.fullmatch(name) is None:
            message = f'"{name}" is not a query name; allowed: small letters, digits and _, a letter first'
            problems.add(Origin(shown(path, base)), message)
        elif path.suffix == ".toml" and not flavor:
            tomls[name] = path
        elif path.suffix == ".sql" and not flavor:
            statements[name] = path
        elif path.suffix == ".sql" and flavor in {known.value for known in Flavor}:
            variants.setdefault(name, {})[Flavor(flavor)] = path
        else:
            message = f'"{flavor}" is no kind of server{near_miss(flavor, (f.value for f in Flavor))}'
            problems.add(Origin(shown(path, base)), message)
    _check_pairs(tomls, statements, variants, base, problems)
    return [
        QueryFiles(name, tomls[name], statements[name], shipped, variants.get(name, {}))
        for name in tomls
        if name in statements
    ]


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (
        OSError
    ):  # a link that leads nowhere, for instance: that is told where it is read
        return False


def _check_pairs(
    tomls: Mapping[str, Path],
    statements: Mapping[str, Path],
    variants: Mapping[str, Mapping[Flavor, Path]],
    base: Path,
    problems: Problems,
) -> None:
    for name, path in tomls.items():
        if name not in statements:
            problems.add(
                Origin(shown(path, base)), f"has no statement beside it: {name}.sql"
            )
    for name, path in statements.items():
        if name not in tomls:
            problems.add(
                Origin(shown(path, base)),
                f"has nothing that says what it means: {name}.toml",
            )
    for name, paths in variants.items():
        if name not in statements and name not in tomls:
            for path in paths.values():
                problems.add(
                    Origin(shown(path, base)),
                    f"belongs to no query: {name}.toml and {name}.sql",
                )
