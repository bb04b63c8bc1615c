"""The schemas of what config.toml may hold."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from monitor.config.hosts import host_fault
from monitor.config.queries.rule_values import HoursValue, LabelFilter
from monitor.config.toml.validation import (
    Duration,
    Interval,
    ScalarValue,
    Schema,
    Text,
    from_to,
    integer_in,
)
from monitor.config.toml.wording import found
from monitor.model.contract import DEFAULT_INTERVAL
from monitor.model.deploys import DEFAULT_MAX
from monitor.model.process_settings import LogFormat, LogLevel
from monitor.model.targets import SERVER_ZONE, UTC_ZONE, TlsMode
from monitor.timing.zones import session_zone


def _url(value: str) -> str:
    # The URL itself is never repeated in a message: it may carry a secret.
    try:
        parts = urlsplit(value)
        is_whole = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
        )
    except ValueError:
        is_whole = False
    if not is_whole or any(character.isspace() for character in value):
        raise ValueError("is not a URL; allowed: http://HOST/… or https://HOST/…")
    return value


def _root_url(value: str) -> str:
    """Check an address behind which paths are put: behind a ? or # these would be no paths."""
    if set(_url(value)) & set("?#"):
        raise ValueError(
            "has a query or a fragment, and paths are put behind it; leave out all from the ? or # on"
        )
    return value


def _base_url(value: str) -> str:
    return _root_url(value).rstrip("/")


def refuse_literal(what: str, key: str) -> BeforeValidator:
    """Refuse a secret that stands in the file itself, and say where it belongs."""

    def check(_: object) -> object:
        raise ValueError(
            f"a literal {what} is refused; write it to a file that only the monitor may read and give"
            f" {key}_file, or give the name of an environment variable as {key}_env"
        )

    return BeforeValidator(check)


def _session_zone(value: str) -> str:
    if value.lower() in (SERVER_ZONE, "system"):
        return SERVER_ZONE
    try:
        return session_zone(value)
    except ValueError:
        raise ValueError(
            f'"{value}" is not a time zone; allowed: "server", an offset such as "+05:30",'
            ' an IANA name such as "Europe/Berlin"'
        ) from None


def _variable_name(value: str) -> str:
    if not value.strip() or "=" in value or "\0" in value:
        raise ValueError("is not the name of an environment variable")
    return value


def _host(value: str) -> str:
    fault = host_fault(value)
    if fault:
        raise ValueError(fault)
    return value


def _web_host(value: str) -> str:
    if value != "*" and host_fault(value):
        allowed = 'a name or address without scheme and port, or "*"'
        raise ValueError(f'"{value}" is not a host; allowed: {allowed}')
    return value


def _share(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"{value:g} is out of range; allowed: above 0, to 1")
    return value


def _instant(value: object) -> datetime:
    """Return an instant that is written as TOML has it, or as a text; its zone is said."""
    at: object = value
    if isinstance(value, str):
        with suppress(ValueError):
            at = datetime.fromisoformat(value)
    if not isinstance(at, datetime) or at.tzinfo is None:
        allowed = "a time with its zone, such as 2026-12-01T02:00:00+01:00"
        raise ValueError(f"{found(value)}; allowed: {allowed}")
    return at.astimezone(UTC)


def _trimmed(value: str) -> str:
    if value != value.strip():
        raise ValueError(f'"{value}" has blanks around it; write "{value.strip()}"')
    return value


def _refuse_address(_: object) -> object:
    raise ValueError("is said by each target itself, as host:port in its list")


_of_each_target = BeforeValidator(_refuse_address)

Url = Annotated[str, AfterValidator(_url)]
RootUrl = Annotated[str, AfterValidator(_root_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
AttemptLimit = Annotated[
    Duration, from_to(timedelta(milliseconds=1), timedelta(minutes=5), "1ms to 5m")
]
RefusedPassword = Annotated[Any, refuse_literal("password", "password")]
InstantValue = Annotated[Any, PlainValidator(_instant)]
VariableName = Annotated[str, AfterValidator(_variable_name)]
Host = Annotated[Text, AfterValidator(_host)]
WebHost = Annotated[Text, AfterValidator(_web_host)]
Trimmed = Annotated[Text, AfterValidator(_trimmed)]
"""Text that a blank before or behind it would make another name."""


class RootSchema(Schema):
    """The top of config.toml; the tables are checked one by one."""

    query_dirs: list[Text] = []
    shipped_queries: bool = True
    recipes: list[Text] = []
    external_url: BaseUrl = ""
    runbook_base_url: BaseUrl = ""
    parameters: dict[str, ScalarValue] = {}
    targets: Any = {}
    targets_file: Text | None = None
    targets_defaults: Any = {}
    http_sd: Any = {}
    shard: Text | None = None
    replicas: Annotated[int, integer_in(1, 10)] = 1
    queries: Any = {}
    rules: Any = {}
    receivers: Any = {}
    web: Any = {}
    state: Any = {}
    heartbeat: Any = {}
    log: Any = {}
    load: Any = {}
    contract: Any = {}
    deploys: Any = {}
    derived: Any = {}
    maintenance: Any = {}


class ContractSchema(Schema):
    """`[contract]`."""

    stand_ins = {"app_sql": []}

    app_sql: list[Text]
    app_ignore: list[Text] = []
    interval: Annotated[
        Duration, from_to(timedelta(seconds=1), timedelta(days=1), "1s to 1d")
    ] = DEFAULT_INTERVAL


class TlsSchema(Schema):
    """`tls` of a target."""

    mode: TlsMode | None = None
    ca_file: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None
    public_key_file: Text | None = None


class LoadSchema(Schema):
    """`[load]`, and `load` of a target, which wins key by key."""

    share: Annotated[float, AfterValidator(_share)] | None = None
    threads_running: Annotated[int, integer_in(0, 100_000)] | None = None
    max_rows_read: Annotated[int, integer_in(1, 10**12)] | None = None


class TargetSchema(Schema):
    """`[targets.NAME]`."""

    stand_ins = {"user": "-", "database": "-"}

    host: Host | None = None
    port: Annotated[int, integer_in(1, 65535)] = 3306
    unix_socket: Text | None = None
    user: Trimmed
    # Refused with advice: files of configuration are copied, committed and shown.
    password: RefusedPassword = None
    password_file: Text | None = None
    password_env: VariableName | None = None
    database: Trimmed
    # How many queries run here at once; the connection for KILL comes on top.
    max_connections: Annotated[int, integer_in(1, 100)] = 2
    max_replica_lag: Duration = timedelta(minutes=1)
    time_zone: Annotated[str, AfterValidator(_session_zone)] = UTC_ZONE
    session: dict[str, ScalarValue] = {}
    labels: dict[str, str] = {}
    tls: TlsSchema = TlsSchema()
    load: LoadSchema = LoadSchema()
    queries: list[Text] = ["*"]
    only: list[Text] = ["*"]
    except_: list[Text] = Field(default=[], alias="except")
    contract: bool = True
    parameters: dict[str, ScalarValue] = {}
    # Any: laid over the files of queries, which have schemas of their own.
    rules: Any = {}


class TargetsDefaultsSchema(TargetSchema):
    """`[targets_defaults]`: what targets of files and of `[http_sd]` have; where they are, these say."""

    stand_ins = {}

    host: Annotated[Any, _of_each_target] = None
    unix_socket: Annotated[Any, _of_each_target] = None
    user: Trimmed = ""
    database: Trimmed = ""
    secrets_directory: Text | None = None


class HttpSdSchema(Schema):
    """`[http_sd]`."""

    url: Url | None = None
    url_file: Text | None = None
    header_files: dict[str, Text] = {}
    refresh: Annotated[
        Duration, from_to(timedelta(seconds=1), timedelta(days=1), "1s to 1d")
    ] = timedelta(minutes=1)
    timeout: AttemptLimit = timedelta(seconds=10)


class WebSchema(Schema):
    """`[web]`."""

    listen: Text | None = None
    config_file: Text | None = None
    hosts: list[WebHost] = []
    # Each costs a line of /metrics for each query of each target.
    duration_buckets: list[Duration] = []


class HeartbeatSchema(Schema):
    """`[heartbeat]`."""

    url: Url | None = None
    url_file: Text | None = None
    interval: Interval = timedelta(minutes=1)
    timeout: AttemptLimit | None = None
    queries: list[Text] | None = None


class DeploysSchema(Schema):
    """`[deploys]`."""

    file: Text | None = None
    metric: Text = ""
    max: Annotated[
        Duration, from_to(timedelta(seconds=1), timedelta(days=7), "1s to 7d")
    ] = DEFAULT_MAX
    rules: list[Text] | None = None


class MaintenanceSchema(Schema):
    """`[maintenance.NAME]`."""

    at: HoursValue = None
    from_: InstantValue = Field(default=None, alias="from")
    until: InstantValue = None
    match: dict[str, LabelFilter] = {}
    comment: str = ""


class LogSchema(Schema):
    """`[log]`."""

    level: LogLevel | None = None
    format: LogFormat | None = None


class StateSchema(Schema):
    """`[state]`."""

    directory: Text | None = None
    retention: Duration | None = None
