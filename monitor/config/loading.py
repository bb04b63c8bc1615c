"""config.toml to Config: read, check every part, and only then build; the first step of the pipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monitor.config.heartbeat import read_heartbeat
from monitor.config.jobs import make_jobs
from monitor.config.queries.files import Folder
from monitor.config.queries.library import read_library
from monitor.config.receivers import ReceiverKinds, read_receivers
from monitor.config.routing import warnings_of
from monitor.config.schema import RootSchema
from monitor.config.selection import notices_of, select_queries
from monitor.config.shipped import runbook_names, shipped_queries_directory
from monitor.config.targets import TargetEntry, read_target
from monitor.config.toml.document import Section, read_document, table_at, tables
from monitor.config.toml.problems import Problems
from monitor.config.toml.text_files import shown
from monitor.config.toml.validation import validate
from monitor.config.web_and_state import read_log, read_state, read_web
from monitor.model.errors import ConfigError
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Config, Job


def load(path: Path, environ: Mapping[str, str], kinds: ReceiverKinds) -> Config:
    """Read the configuration and all queries; ConfigError carries every problem of every file.

    Relative paths in it are taken from its own folder. Files with secrets are named in the Config, and
    neither read nor looked for. `kinds` are the kinds of receivers that there are, by name: notify has them,
    which stands above this room.
    """
    problems = Problems()
    section = read_document(path, path.name, problems)
    if section is None:
        raise ConfigError(problems.in_order())
    config = _build(path.absolute(), section, environ, problems, kinds)
    # Only now: whoever edits five files wants all that is wrong with them, not the first of it.
    if len(problems):
        raise ConfigError(problems.in_order())
    return config


def _build(
    path: Path,
    section: Section,
    environ: Mapping[str, str],
    problems: Problems,
    kinds: ReceiverKinds,
) -> Config:
    """Read every part, whatever is wrong with the others; with problems the result means nothing."""
    base = path.parent
    root = validate(RootSchema, section, problems)
    entries = _targets(section, base, problems)
    targets = tuple(entry.target for entry in entries if entry.target is not None)
    # A target or receiver that cannot be read is left out, so that the others are checked all the same.
    receivers = read_receivers(section, base, problems, kinds)
    folders = _folders(root, section, base)
    library = read_library(section, folders, base, problems)
    selections = select_queries(section, library, entries, problems)
    jobs = make_jobs(selections)
    notices = notices_of(section, library, selections)
    return Config(
        path=path,
        targets=targets,
        jobs=jobs,
        receivers=receivers,
        own_rules=library.own_rules,
        web=read_web(table_at(section, "web", problems), environ, base, problems),
        state=read_state(table_at(section, "state", problems), environ, base, problems),
        external_url=root.external_url,
        runbook_base_url=root.runbook_base_url,
        served_runbooks=runbook_names(),
        warnings=warnings_of(section, receivers, targets, jobs, library.own_rules),
        notices=(*library.notices, *notices),
        heartbeat=_heartbeat(section, base, jobs, problems),
        log=read_log(table_at(section, "log", problems), problems),
    )


def _targets(section: Section, base: Path, problems: Problems) -> list[TargetEntry]:
    if section.data.get("targets", {}) == {}:
        message = "at least one target is required: [targets.NAME]"
        problems.add(section.origin("targets"), message)
    return [
        read_target(name, table, base, problems)
        for name, table in tables(section, "targets", problems)
    ]


def _folders(root: RootSchema, section: Section, base: Path) -> list[Folder]:
    """Return the folders of queries, the shipped one first: later ones replace queries of earlier ones."""
    folders = []
    if root.shipped_queries:
        shipped = shipped_queries_directory()
        folders.append(Folder(shipped, shown(shipped, base)))
    # From the file itself: one bad entry must not hide what the others hold.
    given = section.data.get("query_dirs")
    names = given if isinstance(given, list) else []
    for position, name in enumerate(names):
        if isinstance(name, str) and name.strip():
            folders.append(Folder(base / name, name, position))
    return folders


def _heartbeat(
    section: Section, base: Path, jobs: tuple[Job, ...], problems: Problems
) -> HeartbeatSettings | None:
    table = table_at(section, "heartbeat", problems)
    # An empty table is a heartbeat whose keys are missing; none at all means no heartbeat.
    if not isinstance(section.data.get("heartbeat"), Mapping):
        return None
    return read_heartbeat(table, base, jobs, problems)
