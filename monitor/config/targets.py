"""`[targets.NAME]` to targets, and which queries run on each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from monitor.config.former_names import former_queries, is_chosen
from monitor.config.labels import EMPTY_LABEL, label_fault
from monitor.config.load import with_load
from monitor.config.patterns import check_patterns, matches_any
from monitor.config.queries.unbound import UnboundQuery
from monitor.config.schema import TargetSchema, TlsSchema
from monitor.config.session import session_fault
from monitor.config.toml.document import Section
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import below, secret_source
from monitor.config.toml.validation import (
    check_table,
    refuse_both,
    require_one_of,
    validate,
)
from monitor.model.hosts import is_loopback
from monitor.model.load_limits import LoadLimits
from monitor.model.targets import Target, Tls, TlsMode

T = TypeVar("T")

# Alerts about the monitor itself have these, beside the labels of the target.
_OWN_LABELS: Final = frozenset({"query", "receiver"})


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """A target and what its table says of queries; `target` is None where that has problems."""

    name: str
    section: Section
    target: Target | None
    patterns: tuple[str, ...]
    exceptions: tuple[str, ...]
    labels: Mapping[str, str]
    label_section: Section
    """Where its labels are said: in its table, or in a list of targets."""
    place: KeyPath = ()
    """Which key or item there says that there is such a target."""

    def has_what_it_reads(self, query: UnboundQuery) -> bool:
        """Return whether it has what a query with a contract looks for: it may be of another application."""
        is_of_application = self.target is not None and self.target.contract
        return query.contract is None or is_of_application

    @property
    def origin(self) -> Origin:
        """Return where it is named: looked for when a message needs it, since a list may be long."""
        return self.label_section.origin(*self.place)

    def choose(self, queries: Mapping[str, T]) -> dict[str, T]:
        """Return what runs here, of what goes by the names of queries."""
        chosen = {}
        for name, query in queries.items():
            is_wanted = is_chosen(name, self.patterns, queries)
            if is_wanted and not matches_any(name, self.exceptions):
                chosen[name] = query
        return chosen


def read_target(
    name: str, section: Section, base: Path, load: LoadLimits, problems: Problems
) -> TargetEntry:
    """Check one target; paths are taken from `base`, the folder of config.toml, and `load` from the file's top."""
    before = len(problems)
    if not name.strip():
        problems.add(section.origin(), "the name of a target cannot be empty")
    # On what is wrong we go on with stand-ins, so that all problems are seen at once.
    checked = validate(TargetSchema, without_query_tables(section), problems)
    _check_address(section, problems)
    target = target_of(name, checked, section, base, problems)
    target = replace(target, load=with_load(load, checked.load))
    return TargetEntry(
        name=name,
        section=section,
        target=target if len(problems) == before else None,
        patterns=patterns_of(section, problems),
        exceptions=strings_of(section, "except", default=()),
        labels=target.labels,
        label_section=section,
    )


def target_of(
    name: str, checked: TargetSchema, section: Section, base: Path, problems: Problems
) -> Target:
    """Return the target that a table describes; what is wrong in it beyond single keys is noted."""
    refuse_both(section, "password_file", "password_env", problems)
    labels = section.at("labels").data
    check_table(section, "labels", labels, target_label_fault, problems)
    tls = _tls(checked, section, base, problems)
    check_table(section, "session", checked.session, session_fault, problems)
    return Target(
        name=name,
        user=checked.user,
        database=checked.database,
        tls=tls,
        host=checked.host,
        port=checked.port,
        unix_socket=below(base, checked.unix_socket),
        password=secret_source(base, checked.password_file, checked.password_env),
        max_connections=checked.max_connections,
        labels=dict(checked.labels),
        max_replica_lag=checked.max_replica_lag,
        time_zone=checked.time_zone,
        session=dict(checked.session),
        contract=checked.contract,
    )


def check_queries(
    entry: TargetEntry, queries: Collection[str], problems: Problems
) -> None:
    """Note each pattern of a target that fits no query."""
    known = (*queries, *(former.name for former in former_queries(queries)))
    for key in ("queries", "only", "except"):
        patterns = strings_of(entry.section, key, default=())
        check_patterns(patterns, known, entry.section, key, problems)


def check_labels(
    entry: TargetEntry, queries: Iterable[UnboundQuery], problems: Problems
) -> None:
    """Note labels of a target that a query on it has too: the samples could have one of them only."""
    enabled = [query for query in queries if query.enabled]
    for query in enabled:
        for label in entry.labels.keys() & query.label_names:
            message = f'query "{query.name}" has a label of this name'
            problems.add(entry.label_section.origin("labels", label), message)


def without_query_tables(section: Section) -> Section:
    """View a target's table without `[targets.NAME.queries.X]`, which is checked with the query."""
    if isinstance(section.data.get("queries"), Mapping):
        return section.without("queries")
    return section


def patterns_of(section: Section, problems: Problems) -> tuple[str, ...]:
    """Return which queries a target wants: `queries`, or `only` where that has tables of single queries."""
    if isinstance(section.data.get("queries"), list):
        refuse_both(section, "queries", "only", problems)
        return strings_of(section, "queries", default=("*",))
    return strings_of(section, "only", default=("*",))


# From the file itself: of a list with one bad item the schema keeps nothing, and every query would run.
def strings_of(
    section: Section, key: str, *, default: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the strings of a list; what else is in it, or in its place, has been noted already."""
    value = section.data.get(key)
    if not isinstance(value, list):
        return default
    return tuple(item for item in value if isinstance(item, str))


def target_label_fault(label: str, value: object) -> str | None:
    """Return why a target cannot have this label, or None where it can."""
    fault = label_fault(label)
    if fault is not None:
        return fault
    if value == "":
        return EMPTY_LABEL
    if label in _OWN_LABELS:
        return f'label "{label}" is reserved for alerts about the monitor itself'
    return None


def _check_address(section: Section, problems: Problems) -> None:
    require_one_of(section, "host", "unix_socket", problems)
    is_port_idle = "host" not in section.data and "unix_socket" in section.data
    if is_port_idle and "port" in section.data:
        problems.add(section.origin("port"), 'goes with "host" only')


def _tls(
    checked: TargetSchema, section: Section, base: Path, problems: Problems
) -> Tls:
    given: TlsSchema = checked.tls
    mode = given.mode or _default_mode(checked)
    if (given.cert_file is None) != (given.key_file is None):
        problems.add(section.origin("tls"), '"cert_file" and "key_file" go together')
    for key, why in _IDLE_KEYS[mode].items():
        if getattr(given, key) is not None:
            problems.add(section.origin("tls", key), why)
    return Tls(
        mode=mode,
        ca_file=below(base, given.ca_file),
        cert_file=below(base, given.cert_file),
        key_file=below(base, given.key_file),
        public_key_file=below(base, given.public_key_file),
    )


def _default_mode(checked: TargetSchema) -> TlsMode:
    if checked.unix_socket is not None:
        return "disabled"
    return default_mode_for(checked.host)


def default_mode_for(host: str | None) -> TlsMode:
    """Return what protects a connection of which nothing is said: all there is, beyond this machine."""
    is_local = host is not None and is_loopback(host)
    return "disabled" if is_local else "verify_identity"


_NEEDS_TLS: Final = "means nothing while tls is disabled; give mode = required, verify_ca or verify_identity"
_NEEDS_VERIFICATION: Final = (
    "is looked at by nobody with mode = required; give verify_ca or verify_identity"
)
_NEEDS_NO_TLS: Final = "goes with mode = disabled only"


_IDLE_KEYS: Final[Mapping[TlsMode, Mapping[str, str]]] = {
    "disabled": {
        "ca_file": _NEEDS_TLS,
        "cert_file": _NEEDS_TLS,
        "key_file": _NEEDS_TLS,
    },
    "required": {
        "ca_file": _NEEDS_VERIFICATION,
        "public_key_file": _NEEDS_NO_TLS,
    },
    "verify_ca": {"public_key_file": _NEEDS_NO_TLS},
    "verify_identity": {"public_key_file": _NEEDS_NO_TLS},
}
"""The keys of `tls` that a mode has no use for, each with what to say of it."""
