"""`[targets.NAME]` to targets, and which queries run on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from monitor.config.labels import EMPTY_LABEL, label_fault
from monitor.config.schema import TargetShape, TlsShape
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import validate
from monitor.model.hosts import is_loopback
from monitor.model.settings import PasswordSource, Target, Tls

_OWN_LABELS = frozenset({"query", "receiver"})


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """A target and what its table says of queries; `target` is None where that has problems."""

    name: str
    section: Section
    target: Target | None
    patterns: tuple[str, ...]
    exceptions: tuple[str, ...]
    labels: Mapping[str, str]

    def wants(self, query: str) -> bool:
        """Tell whether a query runs here."""
        return any(
            fnmatchcase(query, pattern) for pattern in self.patterns
        ) and not any(fnmatchcase(query, pattern) for pattern in self.exceptions)


def read_target(
    name: str, section: Section, base: Path, problems: Problems
) -> TargetEntry:
    """Check one target."""
    before = len(problems)
    if not name.strip():
        problems.add(section.origin(), "the name of a target cannot be empty")
    shape = validate(TargetShape, section, problems)
    _check_address(section, problems)
    if "password_file" in section.data and "password_env" in section.data:
        problems.add(
            section.origin("password_env"),
            'give either "password_file" or "password_env"',
        )
    for label, value in section.at("labels").data.items():
        fault = label_fault(label)
        if fault is None and value == "":
            fault = EMPTY_LABEL
        if fault is None and label in _OWN_LABELS:
            fault = f'label "{label}" is reserved for alerts about the monitor itself'
        if fault is not None:
            problems.add(section.origin("labels", label), fault)
    tls = _tls(shape, section, base, problems) if shape else None
    return TargetEntry(
        name=name,
        section=section,
        target=_target(name, shape, tls, base)
        if shape and tls and len(problems) == before
        else None,
        patterns=_list_of(section, "queries", ("*",)),
        exceptions=_list_of(section, "except", ()),
        labels=dict(shape.labels) if shape else {},
    )


def check_patterns(draft: TargetEntry, queries: list[str], problems: Problems) -> None:
    """Say so where a pattern of a target matches no query."""
    for key in ("queries", "except"):
        for position, pattern in enumerate(_list_of(draft.section, key, ())):
            # "*" is the default: where there are no queries at all it is no mistake of the target.
            if pattern != "*" and not any(
                fnmatchcase(query, pattern) for query in queries
            ):
                message = f'"{pattern}" matches no query{near_miss(pattern, queries)}'
                problems.add(draft.section.origin(key, position), message)


def _list_of(section: Section, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = section.data.get(key, default)
    return (
        tuple(item for item in value if isinstance(item, str))
        if isinstance(value, (list, tuple))
        else default
    )


def _check_address(section: Section, problems: Problems) -> None:
    if ("host" in section.data) == ("unix_socket" in section.data):
        problems.add(section.origin(), 'give exactly one of "host" and "unix_socket"')
    elif "unix_socket" in section.data and "port" in section.data:
        problems.add(section.origin("port"), 'goes with "host" only')


def _tls(shape: TargetShape, section: Section, base: Path, problems: Problems) -> Tls:
    given: TlsShape = shape.tls
    is_local = shape.unix_socket is not None or (
        shape.host is not None and is_loopback(shape.host)
    )
    default: Literal["disabled", "verify_identity"] = (
        "disabled" if is_local else "verify_identity"
    )
    mode = given.mode or default
    if (given.cert_file is None) != (given.key_file is None):
        problems.add(section.origin("tls"), '"cert_file" and "key_file" go together')
    if mode == "disabled":
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(given, key) is not None:
                message = "means nothing while tls is disabled; give mode = required, verify_ca or verify_identity"
                problems.add(section.origin("tls", key), message)
    elif mode == "required" and given.ca_file is not None:
        message = "is looked at by nobody with mode = required; give verify_ca or verify_identity"
        problems.add(section.origin("tls", "ca_file"), message)
    if mode != "disabled" and given.public_key_file is not None:
        problems.add(
            section.origin("tls", "public_key_file"), "goes with mode = disabled only"
        )
    return Tls(
        mode,
        _path(base, given.ca_file),
        _path(base, given.cert_file),
        _path(base, given.key_file),
        _path(base, given.public_key_file),
    )


def _path(base: Path, value: str | None) -> Path | None:
    return None if value is None else base / value


def _target(name: str, shape: TargetShape, tls: Tls, base: Path) -> Target:
    has_password = shape.password_file is not None or shape.password_env is not None
    return Target(
        name=name,
        user=shape.user,
        database=shape.database,
        tls=tls,
        host=shape.host,
        port=shape.port,
        unix_socket=_path(base, shape.unix_socket),
        password=PasswordSource(_path(base, shape.password_file), shape.password_env)
        if has_password
        else None,
        max_connections=shape.max_connections,
        labels=dict(shape.labels),
        max_replica_lag=shape.max_replica_lag,
        time_zone=shape.time_zone,
    )
