"""The shapes of what config.toml may hold."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.catalog.shapes import Duration, Limit, ScalarText, ScalarValue, Shape, Text, between


def _url(value: str) -> str:
    # The URL itself is never repeated in a message: it may carry a secret.
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or any(character.isspace() for character in value):
        raise ValueError("is not a URL; allowed: http://HOST/… or https://HOST/…")
    return value


def _base_url(value: str) -> str:
    return _url(value).rstrip("/")


def _literal_password(value: object) -> object:
    raise ValueError(
        "a literal password is refused; write it to a file that only the monitor may read and give"
        " password_file, or give the name of an environment variable as password_env"
    )


def _variable_name(value: str) -> str:
    if not value.strip() or "=" in value or "\0" in value:
        raise ValueError("is not the name of an environment variable")
    return value


Url = Annotated[str, AfterValidator(_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
VariableName = Annotated[str, AfterValidator(_variable_name)]


class RootShape(Shape):
    """The top of config.toml; the tables are checked one by one."""

    query_dirs: list[Text] = []
    shipped_queries: bool = True
    external_url: BaseUrl = ""
    runbook_base_url: BaseUrl = ""
    parameters: dict[str, ScalarValue] = {}
    targets: Any = {}
    queries: Any = {}
    rules: Any = {}
    receivers: Any = {}
    web: Any = {}
    state: Any = {}


class TlsShape(Shape):
    """`tls` of a target."""

    mode: Literal["disabled", "required", "verify_ca", "verify_identity"] | None = None
    ca_file: Text | None = None
    cert_file: Text | None = None
    key_file: Text | None = None


class TargetShape(Shape):
    """`[targets.NAME]`."""

    stand_ins = {"user": "-", "database": "-"}

    host: Text | None = None
    port: Annotated[int, between(1, 65535)] = 3306
    unix_socket: Text | None = None
    user: Text
    password: Annotated[Any, BeforeValidator(_literal_password)] = None
    password_file: Text | None = None
    password_env: VariableName | None = None
    database: Text
    max_connections: Annotated[int, between(1, 100)] = 2
    labels: dict[str, str] = {}
    tls: TlsShape = TlsShape()
    queries: list[Text] = ["*"]
    except_: list[Text] = Field(default=[], alias="except")
    parameters: dict[str, ScalarValue] = {}


class ReceiverShape(Shape):
    """`[receivers.NAME]` of the kinds that this version has; each kind has some of the keys."""

    kind: Literal["alertmanager", "webhook"]
    urls: list[Url] | None = None
    url: Url | None = None
    url_file: Text | None = None
    headers: dict[str, str] = {}
    min_severity: Literal["critical", "warning", "info"] = "info"
    match: dict[str, ScalarText] = {}
    send_resolved: bool = True
    watchdog: bool = False
    timeout: Limit | None = None
    resend_delay: Limit | None = None


class WebShape(Shape):
    """`[web]`."""

    listen: Text | None = None
    config_file: Text | None = None


class StateShape(Shape):
    """`[state]`."""

    directory: Text | None = None
    retention: Duration | None = None
