"""What the configuration says of the process itself: page, heartbeat, log, state"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from monitor.model.targets import NamedFile, named_file


@dataclass(frozen=True, slots=True)
class Web:
    """Where the HTTP server listens, and its web-config file."""

    host: str = "127.0.0.1"
    port: int = 8917
    config_file: Path | None = None
    hosts: tuple[str, ...] = ()
    """By which hosts it may be asked, `*` by any; none: by any, but only by its own on the loopback."""
    duration_buckets: tuple[float, ...] = ()
    """Bounds, in seconds, of the histogram of how long runs took; none: only how many there were."""


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """What is called, and how often, for as long as every one of these queries ran in time."""

    queries: tuple[str, ...]
    url: str = ""
    url_file: Path | None = None
    interval: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=10)

    def files(self) -> Iterator[NamedFile]:
        """Yield the file with the address."""
        yield from named_file("url_file", self.url_file)


LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
LogFormat: TypeAlias = Literal["json", "console"]


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the daemon logs and how; None where the file does not say."""

    level: LogLevel | None = None
    format: LogFormat | None = None


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where alerts, outbox and history are kept, and how long."""

    directory: Path
    retention: timedelta = timedelta(days=30)
