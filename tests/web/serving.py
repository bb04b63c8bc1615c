"""A started web server over a picture, and ways to ask it."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import re
import socket
import ssl
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Transition
from monitor.model.declared import DeclareRequest
from monitor.model.process_settings import Web
from monitor.model.settings import Config
from monitor.storage import State
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition
from monitor.telemetry.log import Log, configure
from monitor.web import Views, WebServer
from monitor.web.views import LastReload
from tests.web.picture import NOW, a_config, a_snapshot, a_transition


@dataclass(frozen=True)
class Answer:
    """An answer of the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> str:
        """Return the text without the versions of style and script, which may have any digits in them."""
        return re.sub(r"\?[0-9a-f]{12}", "", self.text)

    @property
    def text(self) -> str:
        """Return the body as text."""
        is_gzipped = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if is_gzipped else self.body).decode()

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass
class ServedState:
    """What the server looks at; a test may exchange any of it while the server runs."""

    config: Config = field(default_factory=a_config)
    snapshot: Snapshot = field(default_factory=Snapshot)
    now: datetime = NOW
    healthy: tuple[bool, str] = (True, "healthy")
    ready: tuple[bool, str] = (True, "ready")
    reload_error: str | None = None
    reloads: int = 0
    last_reload: LastReload | None = None
    notes: tuple[str, ...] = ()
    history_limits: list[int] = field(default_factory=list)
    past: State = field(default_factory=State)
    declared: list[DeclareRequest] = field(default_factory=list)
    is_recorded: bool = True
    """Whether what is declared is recorded in time."""
    refused_silences: list[str] = field(default_factory=list)
    """Why."""

    def __post_init__(self) -> None:
        """Have the database closed in the end: Python warns of one that is left open."""
        weakref.finalize(self, self.past.close)

    def reload(self) -> str | None:
        """Count a reload; returns its error if it has one."""
        self.reloads += 1
        return self.reload_error

    def declare(self, request: DeclareRequest) -> bool:
        """Keep what is declared; returns whether it is recorded."""
        self.declared.append(request)
        return self.is_recorded

    def history(self, limit: int) -> Sequence[Transition]:
        """Record what was asked for; returns one transition."""
        self.history_limits.append(limit)
        return (a_transition(),)

    def views(self) -> Views:
        """Return what the web room reads of this state."""
        telemetry = Telemetry("1.2.3")
        telemetry.declare(self.config)
        return Views(
            snapshot=lambda: self.snapshot,
            now=lambda: self.now,
            config=lambda: self.config,
            exposition=Exposition(telemetry, lambda: self.snapshot, lambda: self.now),
            history=self.history,
            past=self.past,
            sql=lambda job: job.query.statement.text,
            check_health=lambda: self.healthy,
            check_readiness=lambda: self.ready,
            reload=self.reload,
            evaluated_at=lambda: self.now,
            last_reload=lambda: self.last_reload,
            notes=lambda: self.notes,
            declare=self.declare,
            on_refused_silence=self.refused_silences.append,
        )


@dataclass
class Client:
    """Asks one server, each time on a connection of its own."""

    host: str
    port: int
    served: ServedState
    log_stream: io.BytesIO
    log: Log
    tls: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """Open a connection to the server."""
        return socket.create_connection((self.host, self.port), timeout=60)

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Return the answer to a request."""
        connection: http.client.HTTPConnection
        if self.tls is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        else:
            connection = http.client.HTTPSConnection(
                self.host, self.port, timeout=60, context=self.tls
            )
        try:
            connection.request(method, path, body or None, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Return the answer to a GET."""
        return self.ask(
            "GET",
            path,
            {name.replace("_", "-"): value for name, value in headers.items()},
        )

    def logged(self) -> list[dict[str, Any]]:
        """Return the events of the log."""
        return [json.loads(line) for line in self.log_stream.getvalue().splitlines()]


def wait_until(is_so: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for a condition, and fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds:g} s")
        time.sleep(0.01)


@contextmanager
def serving(
    served: ServedState | None = None,
    *,
    config_file: Path | None = None,
    tls: ssl.SSLContext | None = None,
    recheck_seconds: float = 0.05,
) -> Iterator[Client]:
    """Serve on a free port until the block ends."""
    if served is None:
        served = ServedState()
        served.snapshot = a_snapshot(served.config)
    stream = io.BytesIO()
    log = configure(stream)
    server = WebServer(
        Web(port=0, config_file=config_file),
        served.views(),
        log,
        recheck_seconds=recheck_seconds,
    )
    host, port = server.start()
    try:
        yield Client(host, port, served, stream, log, tls)
    finally:
        server.close(30)
        log.close()
