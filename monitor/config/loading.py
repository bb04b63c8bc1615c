"""config.toml to Config: read, check every part, and only then build; the first step of the pipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import monitor
from monitor.config.heartbeat import read_heartbeat
from monitor.config.jobs import make_jobs
from monitor.config.notices import notices_of
from monitor.config.queries.library import Folder, read_library
from monitor.config.receivers import read_receiver
from monitor.config.routing import warnings_of
from monitor.config.runbooks import runbook_names
from monitor.config.schema import RootShape
from monitor.config.targets import read_target
from monitor.config.toml.document import Section, read_document, tables
from monitor.config.toml.problems import Problems
from monitor.config.toml.text_files import shown
from monitor.config.toml.validation import validate
from monitor.config.toml.wording import found
from monitor.config.web_and_state import read_log, read_state, read_web
from monitor.model.errors import ConfigError
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Config, Job


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration and all queries; ConfigError carries every problem of every file."""
    problems = Problems()
    base = path.absolute().parent
    section = read_document(path, path.name, problems)
    if section is None:
        raise ConfigError(problems.in_order())
    config = _build(path, section, environ, base, problems)
    if len(problems):
        raise ConfigError(problems.in_order())
    return config


def shipped_queries_directory() -> Path:
    """Find the queries that come with the program: in the package, or beside it in a checkout."""
    package = Path(monitor.__file__).parent
    inside = package / "queries"
    return inside if inside.is_dir() else package.parent / "queries"


def _build(
    path: Path,
    section: Section,
    environ: Mapping[str, str],
    base: Path,
    problems: Problems,
) -> Config:
    root = validate(RootShape, section, problems) or RootShape()
    targets = [
        read_target(name, table, base, problems)
        for name, table in tables(section, "targets", problems)
    ]
    if section.data.get("targets", {}) == {}:
        problems.add(
            section.origin("targets"), "at least one target is required: [targets.NAME]"
        )
    receivers = [
        read_receiver(name, table, base, problems)
        for name, table in tables(section, "receivers", problems)
    ]
    library = read_library(section, _folders(root, section, base), base, problems)
    jobs = make_jobs(section, library, targets, problems)
    whole = tuple(draft.target for draft in targets if draft.target is not None)
    wanted = tuple(receiver for receiver in receivers if receiver is not None)
    return Config(
        path=path.absolute(),
        targets=whole,
        jobs=jobs,
        receivers=wanted,
        own_rules=library.own_rules,
        web=read_web(_table(section, "web", problems), environ, base, problems),
        state=read_state(_table(section, "state", problems), environ, base, problems),
        external_url=root.external_url,
        runbook_base_url=root.runbook_base_url,
        served_runbooks=runbook_names(),
        warnings=warnings_of(section, wanted, whole, jobs, library.own_rules),
        notices=(
            *library.notices,
            *notices_of(section, targets, library.drafts.values(), jobs),
        ),
        heartbeat=_heartbeat(section, base, jobs, problems),
        log=read_log(_table(section, "log", problems), problems),
    )


def _folders(root: RootShape, section: Section, base: Path) -> list[Folder]:
    # From the file itself: one bad entry must not hide what the others hold.
    given = section.data.get("query_dirs", [])
    names = list(enumerate(given)) if isinstance(given, list) else []
    own = [
        Folder(base / name, name, at)
        for at, name in names
        if isinstance(name, str) and name.strip()
    ]
    shipped = shipped_queries_directory()
    return (
        [Folder(shipped, shown(shipped, base)), *own] if root.shipped_queries else own
    )


def _table(section: Section, key: str, problems: Problems) -> Section:
    value = section.data.get(key, {})
    if not isinstance(value, Mapping):
        problems.add(section.origin(key), f"{found(value)}; allowed: a table [{key}]")
    return section.at(key)


def _heartbeat(
    section: Section, base: Path, jobs: tuple[Job, ...], problems: Problems
) -> HeartbeatSettings | None:
    table = _table(section, "heartbeat", problems)
    is_given = isinstance(section.data.get("heartbeat"), Mapping)
    return read_heartbeat(table, base, jobs, problems) if is_given else None
