"""config.toml to Config: read, check every part, and only then build; the first step of the pipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from monitor.alerting.reach import possible_alerts
from monitor.config.contract import (
    CONTRACT_QUERY,
    ReadContract,
    read_nothing,
    read_settings,
    with_contract_interval,
)
from monitor.config.deploys import read_deploys
from monitor.config.derived import bind_derived
from monitor.config.former_names import with_present_lists, with_present_names
from monitor.config.heartbeat import read_heartbeat
from monitor.config.jobs import make_jobs
from monitor.config.maintenance import read_maintenance
from monitor.config.queries.deriving import DeriveNeeds, derive_nothing
from monitor.config.queries.folders import Folder
from monitor.config.queries.library import Library, find_all, read_library
from monitor.config.queries.rates import warn_of_counters
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.receivers import ReceiverKinds, read_receivers
from monitor.config.recipes import read_recipes
from monitor.config.routing import warnings_of
from monitor.config.schema import RootSchema
from monitor.config.selection import Selection, notices_of, select_queries
from monitor.config.shards import read_shard
from monitor.config.shipped import runbook_names, shipped_queries_directory
from monitor.config.sources import AskForTargets, AskInDirectory, read_sources
from monitor.config.toml.document import Section, read_document, table_at
from monitor.config.toml.problems import Problems
from monitor.config.toml.text_files import shown
from monitor.config.toml.validation import validate
from monitor.config.web_and_state import read_log, read_state, read_web
from monitor.model.contract import ContractFiles, ContractSettings
from monitor.model.deploys import DeploySettings
from monitor.model.errors import ConfigError
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Config, Job
from monitor.model.shards import Shard
from monitor.model.targets import Target


@dataclass(frozen=True, slots=True)
class Outside:
    """Whom a load asks for what no file has."""

    ask: AskInDirectory | None = None
    """Asks for the targets of `[http_sd]`; without it there are none of them."""
    derive: DeriveNeeds = derive_nothing
    """Derives the needs of own queries that list none."""
    read_contract: ReadContract = read_nothing
    """Reads the application's source."""

    def ask_in(self, directory: Path) -> AskForTargets | None:
        """Return who asks for targets, given the state directory."""
        return None if self.ask is None else partial(self.ask, directory)

    def contract_of(
        self,
        directory: Path,
        settings: ContractSettings | None,
        targets: Iterable[Target],
    ) -> ContractFiles | None:
        """Return what the application says of these targets' databases; None where there is none to read."""
        if settings is None:
            return None
        databases = {target.database for target in targets if target.contract}
        return self.read_contract(directory, settings, databases)


NOBODY: Final = Outside()


def load(
    path: Path,
    environ: Mapping[str, str],
    kinds: ReceiverKinds,
    outside: Outside = NOBODY,
    *,
    is_whole: bool = False,
) -> Config:
    """Read the configuration and all queries; ConfigError carries every problem of every file.

    Relative paths in it are taken from its own folder. Files with secrets are named in the Config, and
    neither read nor looked for. `kinds` are the kinds of receivers that there are, by name: notify has them,
    which stands above this room. `is_whole`: with the targets of all shards, not only of this one.
    """
    problems = Problems()
    section = read_document(path, path.name, problems)
    if section is None:
        raise ConfigError(problems.in_order())
    context = _Context(path.absolute(), section, environ, problems)
    config = _build(context, kinds, outside, is_whole=is_whole)
    # Only now: whoever edits five files wants all that is wrong with them, not the first of it.
    if len(problems):
        raise ConfigError(problems.in_order())
    return config


@dataclass(frozen=True, slots=True)
class _Context:
    """What every part of a configuration is read from."""

    path: Path
    section: Section
    environ: Mapping[str, str]
    problems: Problems

    def table(self, key: str) -> Section:
        """View one table of the top."""
        return table_at(self.section, key, self.problems)


def _build(
    context: _Context, kinds: ReceiverKinds, outside: Outside, *, is_whole: bool
) -> Config:
    """Read every part, whatever is wrong with the others; with problems the result means nothing."""
    root, context, library, former = _read_queries(context)
    section, problems, base = context.section, context.problems, context.path.parent
    state = read_state(context.table("state"), context.environ, base, problems)
    library = library.with_needs(state.directory, outside.derive)
    ask = outside.ask_in(state.directory)
    sources = read_sources(root, section, base, problems, ask)
    shard = read_shard(root, section, context.environ, problems, is_whole=is_whole)
    # What cannot be read is left out, so that the others are checked all the same; all shards check all targets.
    receivers = read_receivers(section, base, problems, kinds)
    selections = select_queries(section, library, sources.entries, base, problems)
    own, targets, elsewhere = _shared_out(selections, shard, root.replicas)
    settings = read_settings(section, base, problems)
    contract = outside.contract_of(state.directory, settings, targets)
    jobs = make_jobs(own, contract)
    derived = bind_derived(library.derived, selections, own, problems)
    every, windows = (*jobs, *derived.jobs), read_maintenance(section, problems)
    notices, warnings = library.notices, warn_of_counters(_queries_of(selections))
    if shard is None:  # one would say so of what the others watch
        notices += tuple(notices_of(section, library, selections))
        alerts = possible_alerts(every, library.own_rules, targets)
        warnings += warnings_of(section, receivers, windows, alerts)
    return Config(
        path=context.path,
        targets=targets,
        jobs=jobs,
        receivers=receivers,
        own_rules=library.own_rules,
        web=read_web(context.table("web"), context.environ, base, problems),
        state=state,
        external_url=root.external_url,
        runbook_base_url=root.runbook_base_url,
        served_runbooks=runbook_names(),
        warnings=(*former, *warnings, *derived.warnings),
        notices=(*notices, *derived.notices),
        heartbeat=_heartbeat(context, jobs, library, is_shard=shard is not None),
        log=read_log(context.table("log"), problems),
        targets_files=sources.files,
        http_sd=sources.http_sd,
        shard=shard,
        replicas=root.replicas,
        contract=contract,
        elsewhere=elsewhere,
        deploys=_deploys(context, every, library),
        derived=tuple(derived.jobs),
        maintenance=windows,
    )


def _read_queries(
    context: _Context,
) -> tuple[RootSchema, _Context, Library, tuple[str, ...]]:
    """Read the top and all queries; from here on config.toml is by their present names, with warnings of others."""
    root = validate(RootSchema, context.section, context.problems)
    problems, base = context.problems, context.path.parent
    section = with_contract_interval(context.section)
    found = find_all(section, _folders(root, section, base, problems), base, problems)
    former = Problems()
    section = with_present_lists(section, found.files, former)
    present = with_present_names(section, found.files, former)
    library = read_library(present.config, found, present.left_out, base, problems)
    warnings = tuple(str(warning) for warning in former.in_order())
    if "contract" not in section.data:
        library = library.without_contracts()
    return root, replace(context, section=present.config), library, warnings


def _queries_of(selections: Iterable[Selection]) -> Iterable[UnboundQuery]:
    """Return every query that runs somewhere: once where it is the same on several targets."""
    found: dict[int, UnboundQuery] = {}
    for selection in selections:
        for query in selection.queries.values():
            found[id(query)] = query
    return found.values()


def _shared_out(
    selections: Sequence[Selection], shard: Shard | None, replicas: int
) -> tuple[Sequence[Selection], tuple[Target, ...], frozenset[str]]:
    """Return what is this shard's, the targets of that, and the names of the others."""
    own: list[Selection] = []
    elsewhere: set[str] = set()
    for selection in selections:
        name = selection.entry.name
        if shard is None or shard.owns(name, replicas):
            own.append(selection)
        else:
            elsewhere.add(name)
    entries = [selection.entry.target for selection in own]
    return own, tuple(filter(None, entries)), frozenset(elsewhere)


def _folders(
    root: RootSchema, section: Section, base: Path, problems: Problems
) -> list[Folder]:
    """Return the folders of queries, the shipped one first: later ones replace queries of earlier ones."""
    folders = []
    shipped = shipped_queries_directory()
    if root.shipped_queries:
        folders.append(Folder(shipped, shown(shipped, base), is_shipped=True))
    elif "contract" in section.data:
        # It is no health query of a token system: it knows what the application itself says.
        only = frozenset({CONTRACT_QUERY})
        folders.append(
            Folder(shipped, shown(shipped, base), is_shipped=True, only=only)
        )
    if root.recipes:
        folders.append(read_recipes(root.recipes, section, problems))
    # From the file itself: one bad entry must not hide what the others hold.
    given = section.data.get("query_dirs")
    names = given if isinstance(given, list) else []
    for position, name in enumerate(names):
        if isinstance(name, str) and name.strip():
            folders.append(Folder(base / name, name, position))
    return folders


def _deploys(
    context: _Context, jobs: tuple[Job, ...], library: Library
) -> DeploySettings:
    queries = [job.query for job in jobs]
    table, base = context.table("deploys"), context.path.parent
    return read_deploys(table, base, library, queries, context.problems)


def _heartbeat(
    context: _Context, jobs: tuple[Job, ...], library: Library, *, is_shard: bool
) -> HeartbeatSettings | None:
    table = context.table("heartbeat")
    # An empty table is a heartbeat whose keys are missing; none at all means no heartbeat.
    if not isinstance(context.section.data.get("heartbeat"), Mapping):
        return None
    # What a shard does not run, another one does.
    known = library.names if is_shard else {job.query.name for job in jobs}
    return read_heartbeat(table, context.path.parent, jobs, known, context.problems)
