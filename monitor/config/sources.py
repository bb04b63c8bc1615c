"""Where targets come from: tables of config.toml, files, an address that is asked; all of them, before shards."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from monitor.config.discovered import TargetTemplate, entries_of, read_template
from monitor.config.load import read_load
from monitor.config.schema import HttpSdSchema, RootSchema
from monitor.config.target_lists import read_files
from monitor.config.targets import TargetEntry, read_target
from monitor.config.toml.document import Section, table_at, tables
from monitor.config.toml.problems import Problems
from monitor.config.toml.text_files import below
from monitor.config.toml.validation import check_table, require_one_of, validate
from monitor.model.discovery import HttpSdSettings, TargetsFiles
from monitor.model.errors import ConfigError, Problem

_HEADER: Final = re.compile(r"[A-Za-z0-9_-]+")

Groups: TypeAlias = tuple[Section, ...]
"""A list of targets as it came: groups of addresses with labels."""
FaultsOf: TypeAlias = Callable[[Groups], tuple[Problem, ...]]
"""Returns what is wrong with a list, beside the rest of this configuration."""
AskForTargets: TypeAlias = Callable[[HttpSdSettings, FaultsOf], Groups]
"""Returns the groups that `[http_sd]` names; ConfigError where they cannot be had."""
AskInDirectory: TypeAlias = Callable[[Path, HttpSdSettings, FaultsOf], Groups]
"""The same, given the state directory first, which may keep what was answered before."""


@dataclass(frozen=True, slots=True)
class TargetSources:
    """All targets, and where those were found that config.toml does not name itself."""

    entries: list[TargetEntry]
    files: TargetsFiles | None = None
    http_sd: HttpSdSettings | None = None


def read_sources(
    root: RootSchema,
    section: Section,
    base: Path,
    problems: Problems,
    ask: AskForTargets | None,
) -> TargetSources:
    """Read every source, whatever is wrong with the others; without `ask` nothing is asked for."""
    load = read_load(table_at(section, "load", problems), root.replicas, problems)
    entries = [
        read_target(name, table, base, load, problems)
        for name, table in tables(section, "targets", problems)
    ]
    defaults = table_at(section, "targets_defaults", problems)
    template = read_template(defaults, base, load, problems)
    files: TargetsFiles | None = None
    if root.targets_file is not None:
        origin = section.origin("targets_file")
        files, groups = read_files(root.targets_file, base, origin, problems)
        entries += entries_of(groups, template, problems)
    http_sd = _read_http_sd(section, base, problems)
    if http_sd is not None and ask is not None:
        answered = _asked(
            http_sd, ask, partial(_faults_of, entries, template), problems
        )
        entries = [*entries, *entries_of(answered, template, problems)]
    is_listed = files is not None or "http_sd" in section.data
    if not is_listed and section.data.get("targets", {}) == {}:
        message = 'at least one target is required: [targets.NAME], "targets_file" or [http_sd]'
        problems.add(section.origin("targets"), message)
    _refuse_second_names(entries, problems)
    return TargetSources(entries, files, http_sd)


def _read_http_sd(
    section: Section, base: Path, problems: Problems
) -> HttpSdSettings | None:
    table = table_at(section, "http_sd", problems)
    if "http_sd" not in section.data:
        return None
    before = len(problems)
    checked = validate(HttpSdSchema, table, problems)
    require_one_of(table, "url", "url_file", problems)
    check_table(table, "header_files", checked.header_files, _header_fault, problems)
    if len(problems) > before:
        return None
    return HttpSdSettings(
        url=checked.url or "",
        url_file=below(base, checked.url_file),
        header_files=tuple(
            (name, base / path) for name, path in checked.header_files.items()
        ),
        refresh=checked.refresh,
        timeout=checked.timeout,
    )


def _header_fault(name: str, _path: str) -> str | None:
    if _HEADER.fullmatch(name):
        return None
    return "is not the name of an HTTP header"


def _faults_of(
    others: list[TargetEntry], template: TargetTemplate, groups: Groups
) -> tuple[Problem, ...]:
    """Return what is wrong with the targets of a list, each by itself and beside all others."""
    problems = Problems()
    listed = entries_of(groups, template, problems)
    _refuse_second_names([*others, *listed], problems)
    return problems.in_order()


def _asked(
    settings: HttpSdSettings,
    ask: AskForTargets,
    faults_of: FaultsOf,
    problems: Problems,
) -> Groups:
    try:
        return ask(settings, faults_of)
    except ConfigError as error:
        problems.include(error.problems)
        return ()


def _refuse_second_names(entries: list[TargetEntry], problems: Problems) -> None:
    """Note each target that has another's name: their series and alerts would be one."""
    first: dict[str, TargetEntry] = {}
    for entry in entries:
        known = first.setdefault(entry.name, entry)
        if known is not entry:
            place = known.origin.file
            if known.origin.line is not None:
                place = f"{place}:{known.origin.line}"
            message = f'there is a target "{entry.name}" already, in {place}; give another __name__'
            problems.add(entry.origin, message)
