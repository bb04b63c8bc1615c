"""Make `[targets.NAME]` of a data source and its options; after its parts are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from monitor.config.hosts import host_fault
from monitor.config.targets import default_mode_for, target_label_fault
from monitor.config.toml.problems import Origin
from monitor.migration.data_source import (
    DEFAULT_PORT,
    DataSource,
    is_ours,
    read_source,
    scheme_of,
)
from monitor.migration.imported import ImportedTarget
from monitor.migration.report import ImportReport

MAX_CONNECTIONS: Final = 100
_ANY_SCHEMA: Final = "information_schema"
"""Every account may enter it, and statements that name their tables' schema run there too."""
UNKNOWN: Final = DataSource(user="token_monitor", database=_ANY_SCHEMA)
"""What stands for a data source that is not known here, until it is written."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_SAFE_FILE_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_TLS_OF_GO: Final[Mapping[str, str]] = {
    "true": "verify_identity",
    "skip-verify": "required",
    "preferred": "required",
    "false": "disabled",
}
_TLS_FILES: Final[Mapping[str, str]] = {
    "ssl_ca": "ca_file",
    "ssl_cert": "cert_file",
    "ssl_key": "key_file",
}
_NOT_NEEDED: Final = frozenset(
    {
        *("charset", "collation", "parseTime", "loc", "interpolateParams"),
        *("allowNativePasswords", "allowOldPasswords", "maxAllowedPacket"),
        *("checkConnLiveness", "rejectReadOnly", "columnsWithAlias", "autocommit"),
        *("timeout", "readTimeout", "writeTimeout", "connect_timeout"),
        *("read_timeout", "write_timeout", "ssl_disabled", "ssl_check_hostname"),
        *("ssl_verify_cert", "ssl_verify_identity", "multiStatements"),
    }
)
"""Options of connections that are set here once for all, or by the keys of a target."""


class NotOursError(ValueError):
    """A data source that cannot become a target; says why."""


def read_ours(text: str, default_host: str) -> DataSource:
    """Return the parts of a data source of MySQL or MariaDB; NotOursError of any other.

    One that is not known here, as it is in a variable that is not set, is a place to be filled in.
    """
    scheme = scheme_of(text)
    is_bare = "(" in text.partition("://")[0]
    if not text or "{{" in text or "${" in text:
        return UNKNOWN
    if not is_ours(scheme) and not is_bare:
        kind = f"a database of the kind {scheme}" if scheme else "no address"
        raise NotOursError(
            f"is {kind}; only MySQL and MariaDB are watched, so it was left out"
        )
    try:
        return read_source(text, default_host)
    except ValueError as error:
        raise NotOursError(
            f"{error}, so it was left out; write [targets.NAME] yourself"
        ) from None


def make_target(
    name: str,
    source: DataSource,
    labels: Mapping[str, str],
    queries: Sequence[str],
    origin: Origin,
    report: ImportReport,
    *,
    password_variable: str = "",
    more: Mapping[str, Any] = _NOTHING,
) -> ImportedTarget:
    """Return the target, with `more` keys; what cannot be kept is told."""
    if source is UNKNOWN:
        message = f"is not known here: write host, user and database of [targets.{name}] into config.toml"
        report.left(origin, message)
    keys = {**_address_keys(source, origin, report), "user": source.user}
    if password_variable:
        keys["password_env"] = password_variable
    elif source.password:
        keys["password_file"] = f"secrets/{_SAFE_FILE_NAME.sub('-', name)}"
    keys |= _database_keys(source, origin, report)
    keys |= {"time_zone": "server", **more}
    keys |= _option_keys(source, origin, report)
    keys["labels"] = _labels(labels, origin, report)
    if not source.user:
        report.left(origin, f"names no user: write it as user in [targets.{name}]")
        keys["user"] = "token_monitor"
    return ImportedTarget(
        name=name,
        keys={key: value for key, value in keys.items() if value != {}},
        queries=queries,
        origin=origin,
        password="" if password_variable else source.password,
    )


def connections_of(number: object) -> int | None:
    """Return `max_connections`, 1 to 100; None where nothing is said."""
    if not isinstance(number, int) or number < 1:
        return None
    return min(number, MAX_CONNECTIONS)


def _address_keys(
    source: DataSource, origin: Origin, report: ImportReport
) -> dict[str, Any]:
    if source.socket:
        return {"unix_socket": source.socket}
    fault = host_fault(source.host)
    if fault:
        report.left(origin, f"the host {fault}; localhost was written")
        return {"host": "localhost"}
    if source.port == DEFAULT_PORT:
        return {"host": source.host}
    return {"host": source.host, "port": source.port}


def _database_keys(
    source: DataSource, origin: Origin, report: ImportReport
) -> dict[str, str]:
    if not source.database:
        report.note(origin, f'names no database: database = "{_ANY_SCHEMA}"')
    return {"database": source.database or _ANY_SCHEMA}


def _option_keys(
    source: DataSource, origin: Origin, report: ImportReport
) -> dict[str, Any]:
    """Return what the options of a data source become: `tls`, `time_zone`."""
    keys: dict[str, Any] = {"tls": _tls(source, origin, report)}
    known = {*_NOT_NEEDED, *_TLS_FILES, "tls", "time_zone"}
    for option in source.options.keys() - known:
        report.left(
            origin, f'its option "{option}" has no counterpart and was left out'
        )
    zone = source.options.get("time_zone", "").strip("'\"")
    if zone:
        keys["time_zone"] = zone
    return keys


def _tls(source: DataSource, origin: Origin, report: ImportReport) -> dict[str, str]:
    """Return the key `tls`; without a word of it their connections have none."""
    if source.socket:
        return {}
    options = source.options
    files = {ours: options[key] for key, ours in _TLS_FILES.items() if key in options}
    if files:
        is_checked = options.get("ssl_check_hostname", "").lower() in ("1", "true")
        mode = "verify_identity" if is_checked else "verify_ca"
        return {"mode": mode if "ca_file" in files else "required", **files}
    said = options.get("tls", "false")
    mode = _TLS_OF_GO.get(said.lower(), "")
    if not mode:
        report.left(
            origin, f"tls={said} is set up in a program: write tls = {{ mode = … }}"
        )
        return {}
    if mode == "disabled" and default_mode_for(source.host) == "disabled":
        return {}
    if mode == "disabled":
        report.note(
            origin, 'enters without TLS, as before: tls = { mode = "disabled" }'
        )
    return {"mode": mode}


def _labels(
    labels: Mapping[str, str], origin: Origin, report: ImportReport
) -> dict[str, str]:
    """Return the labels that a target can have; what one cannot have is told."""
    kept = {}
    for name, value in labels.items():
        fault = target_label_fault(name, value)
        if not fault:
            kept[name] = value
        elif value:
            report.left(origin, f"its {fault}, so its series go without it")
    return kept
