"""Read an application's source in a child process, and keep what was read: for loads, until the files change.

Where the files cannot be read, or are being written, what was read last stays.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from monitor import __version__
from monitor.config.application_json import from_document, to_document
from monitor.config.children import BAD_ANSWER, ask_child, keep, read_kept
from monitor.config.source_files import mark_of
from monitor.model.application import ApplicationSql
from monitor.model.contract import (
    ApplicationReading,
    ContractFiles,
    ContractSettings,
)

CACHE: Final = "contract.json"
"""In the state directory: what was read last, by folders and database."""
CHILD: Final = "monitor.contract.read_application"
"""The module that reads: folders and databases on stdin, what their statements name on stdout, as JSON."""
_MAX_SECONDS: Final = 120.0


class ContractReader:
    """Reads an application's source for one load; `known` is what the configuration in force has of it."""

    def __init__(self, known: ContractFiles | None = None) -> None:
        self._known = known

    def read(
        self, directory: Path, settings: ContractSettings, databases: Collection[str]
    ) -> ContractFiles:
        """Return what the source says of databases of these names, of now or else of before.

        `directory` is that of the state, where it is kept.
        """
        mark = mark_of(settings.directories)
        kept = self._kept(directory, settings)
        old = {name: kept.get(name, ApplicationReading()) for name in databases}
        stale = [name for name, one in old.items() if one.mark != mark or one.fault]
        readings = {name: one for name, one in old.items() if name not in stale}
        if stale:
            readings.update(_read_again(settings, stale, old, mark))
            _write_cache(directory, settings, {**kept, **readings})
        return ContractFiles(settings, mark, readings)

    def _kept(
        self, directory: Path, settings: ContractSettings
    ) -> Mapping[str, ApplicationReading]:
        known = self._known
        if known is not None and known.settings.directories == settings.directories:
            return known.readings
        return _read_cache(directory, settings)


def keep_contract(directory: Path, files: ContractFiles) -> None:
    """Keep in the state directory what is in force, where nothing is kept yet: at the first load there was none."""
    if not (directory / CACHE).exists():
        _write_cache(directory, files.settings, files.readings)


def _read_again(
    settings: ContractSettings,
    databases: Collection[str],
    old: Mapping[str, ApplicationReading],
    mark: str,
) -> dict[str, ApplicationReading]:
    """Return what the files say now; where that is nothing, or half of it, what was read before and why."""
    try:
        found = _ask_child(settings.directories, databases)
    except BAD_ANSWER as error:
        return {name: _with_fault(old[name], str(error), mark) for name in databases}
    is_moving = mark_of(settings.directories) != mark
    readings: dict[str, ApplicationReading] = {}
    for name, application in found.items():
        before = old[name]
        if is_moving and before.is_known:
            readings[name] = before
        elif not application.statements:
            folders = ", ".join(str(folder) for folder in settings.directories)
            fault = f"no statement was found in {folders}"
            readings[name] = _with_fault(before, fault, mark)
        else:
            readings[name] = ApplicationReading(application, mark)
    return readings


def _with_fault(
    before: ApplicationReading, fault: str, mark: str
) -> ApplicationReading:
    """Return what was read before, and why it could not be read again."""
    return replace(before, fault=fault, mark=before.mark if before.is_known else mark)


def _ask_child(
    directories: Iterable[Path], databases: Collection[str]
) -> dict[str, ApplicationSql]:
    """Have a child process read; OSError, or what a bad document raises, says in its text why there is no answer."""
    asked = {
        "directories": [str(directory) for directory in directories],
        "databases": sorted(databases),
    }
    try:
        answer = ask_child(CHILD, asked, _MAX_SECONDS)
    except ValueError as error:
        raise ValueError(f"the source was not read: {error}") from None
    if answer["fault"]:
        raise ValueError(answer["fault"])
    return {name: from_document(answer["applications"][name]) for name in databases}


def _key(settings: ContractSettings) -> str:
    """Return what must be the same for what is kept to be of use."""
    content = json.dumps([__version__, *map(str, settings.directories)])
    return blake2b(content.encode(), digest_size=16).hexdigest()


def _read_cache(
    directory: Path, settings: ContractSettings
) -> Mapping[str, ApplicationReading]:
    """Return what was kept, by the name of the database; nothing where it is of other folders or cannot be read."""
    try:
        document = read_kept(directory / CACHE)
        if document["key"] != _key(settings):
            return {}
        return {name: _reading(given) for name, given in document["readings"].items()}
    except BAD_ANSWER:
        return {}


def _reading(given: Mapping[str, Any]) -> ApplicationReading:
    return ApplicationReading(from_document(given["application"]), given["mark"])


def _write_cache(
    directory: Path,
    settings: ContractSettings,
    readings: Mapping[str, ApplicationReading],
) -> None:
    document = {
        "key": _key(settings),
        "readings": {
            name: {"application": to_document(one.application), "mark": one.mark}
            for name, one in readings.items()
            if one.is_known
        },
    }
    keep(document, directory / CACHE)
