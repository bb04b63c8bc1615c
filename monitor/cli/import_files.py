"""The files of an import: those that theirs name, and ours, which are checked before they are in their place."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from monitor.config import load
from monitor.config.data_files import DataError
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import read_text
from monitor.migration.imported import Imported, ImportedQuery
from monitor.migration.query_tables import with_present_queries
from monitor.migration.report import ImportReport
from monitor.migration.toml_writer import config_text, query_text, statement_text
from monitor.model.errors import ConfigError, Problem
from monitor.notify.kinds import KINDS

_QUERIES = "queries"


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
    """
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
    """Return what is left without the queries that have problems; the same value where none has."""
    refused = {}
    for problem in problems:
        refused[Path(problem.file).name.partition(".")[0]] = problem
    kept: list[ImportedQuery] = []
    for query in imported.queries:
        if query.name not in refused:
            kept.append(query)
            continue
        one = refused[query.name]
        key = f"{one.key}: " if one.key else ""
        message = f"query {query.name} was left out: {key}{one.message}"
        report.left(query.origin, message)
    if len(kept) < len(imported.queries):
        targets = with_present_queries(imported.targets, kept)
        return replace(imported, queries=kept, targets=targets)
    for problem in problems:
        report.left(Origin("config.toml", problem.line), problem.message)
    return imported


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
