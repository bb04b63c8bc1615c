"""`[web]`, `[state]` and `[log]`, and the environment variables that override them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from monitor.config.schema import LogShape, StateShape, WebShape
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Origin, Problems
from monitor.config.toml.validation import validate
from monitor.model.process_settings import LogSettings, StateSettings, Web

LISTEN_VARIABLE = "TOKEN_MONITOR_LISTEN"
STATE_VARIABLE = "TOKEN_MONITOR_STATE_DIRECTORY"

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_web(
    section: Section, environ: Mapping[str, str], base: Path, problems: Problems
) -> Web:
    """Check where to listen; the environment decides over the file."""
    shape = validate(WebShape, section, problems) or WebShape()
    file = base / shape.config_file if shape.config_file else None
    web = Web(config_file=file, hosts=tuple(shape.hosts))
    sources = []
    if shape.listen is not None:
        sources.append((section.origin("listen"), shape.listen))
    if LISTEN_VARIABLE in environ:
        sources.append((_variable(LISTEN_VARIABLE), environ[LISTEN_VARIABLE]))
    for origin, text in sources:
        try:
            host, port = parse_listen(text)
        except ValueError as error:
            problems.add(origin, str(error))
        else:
            web = replace(web, host=host, port=port)
    return web


def read_state(
    section: Section, environ: Mapping[str, str], base: Path, problems: Problems
) -> StateSettings:
    """Check where the state is kept; the environment decides over the file."""
    shape = validate(StateShape, section, problems) or StateShape()
    directory = shape.directory or "state"
    if STATE_VARIABLE in environ:
        if environ[STATE_VARIABLE].strip():
            directory = environ[STATE_VARIABLE]
        else:
            problems.add(_variable(STATE_VARIABLE), "is empty; allowed: a directory")
    if shape.retention is None:
        return StateSettings(base / directory)
    return StateSettings(base / directory, shape.retention)


def read_log(section: Section, problems: Problems) -> LogSettings:
    """Check what is logged, and how."""
    shape = validate(LogShape, section, problems) or LogShape()
    return LogSettings(shape.level, shape.format)


def parse_listen(text: str) -> tuple[str, int]:
    """Read `127.0.0.1:8917`, `[::1]:8917`, `localhost:0`; ValueError says what is allowed."""
    host, separator, port = text.rpartition(":")
    wrong = f'"{text}" is not an address to listen on; allowed: host:port, such as 127.0.0.1:8917 or [::1]:8917'
    if not separator or not (port.isascii() and port.isdigit()):
        raise ValueError(wrong)
    if int(port) > 65535:
        raise ValueError(f"port {port} is out of range; allowed: 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(wrong) from None
    elif _HOST_NAME.fullmatch(host) is None:
        raise ValueError(wrong)
    return host, int(port)


def _variable(name: str) -> Origin:
    return Origin("environment", None, (name,))
