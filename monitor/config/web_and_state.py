"""`[web]`, `[state]` and `[log]`, and the environment variables that override them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from monitor.config.schema import LogSchema, StateSchema, WebSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.text_files import below
from monitor.config.toml.validation import validate
from monitor.model.process_settings import LogSettings, StateSettings, Web

LISTEN_VARIABLE: Final = "TOKEN_MONITOR_LISTEN"
STATE_VARIABLE: Final = "TOKEN_MONITOR_STATE_DIRECTORY"

_DEFAULT_DIRECTORY: Final = "state"
_MAX_PORT: Final = 65535
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_web(
    section: Section, environ: Mapping[str, str], base: Path, problems: Problems
) -> Web:
    """Check where to listen; the environment decides over the file."""
    checked = validate(WebSchema, section, problems)
    web = Web(
        config_file=below(base, checked.config_file),
        hosts=tuple(checked.hosts),
        duration_buckets=tuple(
            bound.total_seconds() for bound in checked.duration_buckets
        ),
    )
    for origin, text in _addresses(checked, section, environ):
        try:
            host, port = parse_listen(text)
        except ValueError as error:
            problems.add(origin, str(error))
        else:
            web = replace(web, host=host, port=port)
    return web


def _addresses(
    checked: WebSchema, section: Section, environ: Mapping[str, str]
) -> Iterator[tuple[Origin, str]]:
    """Yield the addresses that are given, the one that counts last; all of them are checked."""
    if checked.listen is not None:
        yield section.origin("listen"), checked.listen
    if LISTEN_VARIABLE in environ:
        yield _variable(LISTEN_VARIABLE), environ[LISTEN_VARIABLE]


def read_state(
    section: Section, environ: Mapping[str, str], base: Path, problems: Problems
) -> StateSettings:
    """Check where the state is kept; the environment decides over the file."""
    checked = validate(StateSchema, section, problems)
    directory = checked.directory or _DEFAULT_DIRECTORY
    directory = environ.get(STATE_VARIABLE, directory)
    if not directory.strip():
        problems.add(_variable(STATE_VARIABLE), "is empty; allowed: a directory")
    settings = StateSettings(base / directory)
    if checked.retention is None:
        return settings
    return replace(settings, retention=checked.retention)


def read_log(section: Section, problems: Problems) -> LogSettings:
    """Check what is logged, and how."""
    checked = validate(LogSchema, section, problems)
    return LogSettings(level=checked.level, format=checked.format)


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:8917`, `[::1]:8917`, `localhost:0`; ValueError says what is allowed.

    An IPv6 address is returned without its brackets.
    """
    host, separator, port = text.rpartition(":")
    allowed = "host:port, such as 127.0.0.1:8917 or [::1]:8917"
    wrong = f'"{text}" is not an address to listen on; allowed: {allowed}'
    # isdigit alone would take digits of other scripts.
    if not separator or not (port.isascii() and port.isdigit()):
        raise ValueError(wrong)
    if int(port) > _MAX_PORT:
        raise ValueError(f"port {port} is out of range; allowed: 0 to {_MAX_PORT}")
    if not _is_listen_host(host):
        raise ValueError(wrong)
    return host.removeprefix("[").removesuffix("]"), int(port)


def _is_listen_host(host: str) -> bool:
    """Return whether this is a name, an IPv4 address, or an IPv6 address in brackets."""
    if not host.startswith("[") or not host.endswith("]"):
        return _HOST_NAME.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def _variable(name: str) -> Origin:
    return Origin("environment", None, (name,))
