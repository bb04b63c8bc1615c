"""The files of an import: those that theirs name, and ours, which are checked before they are in their place."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from monitor.config import load
from monitor.config.data_files import DataError
from monitor.config.toml.problems import Origin, Problems, format_key
from monitor.config.toml.text_files import read_text
from monitor.migration.imported import Imported, ImportedQuery, ImportedTarget
from monitor.migration.query_tables import with_present_queries
from monitor.migration.report import ImportReport
from monitor.migration.toml_writer import config_text, query_text, statement_text
from monitor.model.errors import ConfigError, Problem
from monitor.model.wording import escaped
from monitor.notify.kinds import KINDS

_QUERIES: Final = "queries"


class FilesBeside:
    """The files that a configuration names, from its own folder on."""

    def __init__(self, file: Path) -> None:
        self._base = file.parent

    def read(self, name: str) -> str:
        """Return the text of a file; DataError where it cannot be read."""
        problems = Problems()
        text = read_text(self._base / name, name, problems)
        if text is None:
            (problem,) = problems.in_order()
            raise DataError(f"{name} {problem.message}")
        return text

    def find(self, pattern: str) -> Sequence[str]:
        """Return the names of the files that fit a pattern, in order."""
        # Python's glob takes no absolute pattern: that one goes from the root on.
        anchor = Path(pattern).anchor
        base = Path(anchor) if anchor else self._base
        if pattern == anchor:
            return ()  # a folder alone is no file
        found = [
            path for path in base.glob(pattern.removeprefix(anchor)) if path.is_file()
        ]
        names = [path if anchor else path.relative_to(base) for path in found]
        return sorted(map(str, names))


def written_checked(
    imported: Imported,
    folder: Path,
    source: str,
    report: ImportReport,
    *,
    with_secrets: bool,
) -> Imported:
    """Write what was imported into a folder, without the queries that our own check refuses, which are told.

    What is written passes `validate`. OSError where it cannot be written; the folder is there whole, or not.
    Where no target is left nothing is written.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = f".{folder.name}-"
    with tempfile.TemporaryDirectory(prefix=name, dir=folder.parent) as place:
        staging = Path(place) / "import"
        while True:
            _write(imported, staging, source)
            problems = _problems(staging)
            fewer = _without_refused(imported, problems, report)
            if fewer is imported:
                break
            imported = fewer
        # Without any target there is nothing to run, and our own check would say so.
        if imported.targets:
            for problem in problems:
                report.left(Origin("config.toml", problem.line), problem.message)
            _secrets(imported, staging, report, with_secrets=with_secrets)
            staging.replace(folder)
    return imported


def _write(imported: Imported, folder: Path, source: str) -> None:
    queries = folder / _QUERIES
    if queries.exists():
        for path in queries.iterdir():
            path.unlink()
    queries.mkdir(parents=True, exist_ok=True)
    for query in imported.queries:
        _put(queries / f"{query.name}.sql", statement_text(query))
        _put(queries / f"{query.name}.toml", query_text(query))
    _put(folder / "config.toml", config_text(imported, source))


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _problems(folder: Path) -> Sequence[Problem]:
    """Return what our own check says of what was written."""
    try:
        load(folder / "config.toml", {}, KINDS, is_whole=True)
    except ConfigError as error:
        return error.problems
    return ()


def _without_refused(
    imported: Imported, problems: Sequence[Problem], report: ImportReport
) -> Imported:
    """Return what is left without the queries and targets that have problems; the same value where none has."""
    queries = [
        query
        for query in imported.queries
        if not _is_refused(
            query.origin, f"query {query.name}", _of(query), problems, report
        )
    ]
    targets = [
        target
        for target in imported.targets
        if not _is_refused(
            target.origin, f"target {target.name}", _of(target), problems, report
        )
    ]
    before = len(imported.queries) + len(imported.targets)
    if len(queries) + len(targets) == before:
        return imported
    present = with_present_queries(targets, queries)
    return replace(imported, queries=queries, targets=present)


def _is_refused(
    origin: Origin,
    what: str,
    place: re.Pattern[str],
    problems: Sequence[Problem],
    report: ImportReport,
) -> bool:
    """Return whether something of ours has a problem, and tell it at the line of theirs."""
    for problem in problems:
        if place.match(f"{problem.file}: {problem.key}"):
            key = f"{problem.key}: " if problem.key else ""
            message = f"{what} was left out: {key}{problem.message}"
            report.left(origin, message)
            return True
    return False


def _of(one: ImportedQuery | ImportedTarget) -> re.Pattern[str]:
    """Return how file and key of a problem begin: of a query its files, of a target its table."""
    if isinstance(one, ImportedQuery):
        return re.compile(rf"{_QUERIES}/{re.escape(one.name)}\.(?:sql|toml): ")
    key = escaped(format_key(("targets", one.name)))
    return re.compile(rf"config\.toml: {re.escape(key)}(?:\.|$)")


def _secrets(
    imported: Imported, folder: Path, report: ImportReport, *, with_secrets: bool
) -> None:
    """Write the passwords, or tell which file each belongs into."""
    for target in imported.targets:
        if not target.password:
            continue
        if not with_secrets:
            message = f"write its password into {target.password_file} beside config.toml, for the monitor alone"
            report.left(target.origin, message)
            continue
        path = folder / target.password_file
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        _put(path, f"{target.password}\n")
