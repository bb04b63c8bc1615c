"""Serve HTTP in one background thread: our socket and time limits, uvicorn's HTTP/1.1, our application."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from asyncio import sslproto
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from monitor.model.certificates import Certificate
from monitor.model.errors import MonitorError
from monitor.model.process_settings import Web
from monitor.telemetry.log import Log
from monitor.web.config_file import WebConfigFile
from monitor.web.connections import Connections
from monitor.web.guards import BasicAuth, Compressed, ExtraHeaders, TimeLimit
from monitor.web.hosts import HostCheck
from monitor.web.http_protocol import Http11, UnreadAnswers
from monitor.web.listener import ListeningSocket, listen
from monitor.web.routes import OPEN_PATHS, THREADS, application
from monitor.web.scrapes import Scrapes, ScrapesFirst
from monitor.web.threads import Threads
from monitor.web.views import Views
from monitor.web.web_config import WebConfig

REQUEST_SECONDS = 60.0
"""Longer than a client may take to read an answer (50 s), so that this one ends what hangs with us."""
_START_SECONDS = 10.0
_GRACE_SECONDS = 0.5
"""For answers under way when the daemon stops: most take milliseconds, and a stop is waited for."""
_RECORD_BYTES = 16 * 1024
"""The largest record of TLS (RFC 8446, section 5.1)."""


class WebServer:
    """The HTTP server. `start` binds and serves; the web-config file is loaded again when it changes.

    `on_config_file` gets what is wrong with that file whenever that changes; nothing when it is in force.
    """

    def __init__(
        self,
        settings: Web,
        views: Views,
        log: Log,
        *,
        on_config_file: Callable[[tuple[str, ...]], None] = lambda _problems: None,
        recheck_seconds: float = 5.0,
    ) -> None:
        self._settings = settings
        self._views = views
        self._log = log
        self._recheck_seconds = recheck_seconds
        self._file = WebConfigFile(
            settings.config_file, log, on_look=on_config_file, on_tls=self._on_tls
        )
        self._listener: ListeningSocket | None = None
        self._connections: Connections | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._is_up = threading.Event()

    def start(self) -> tuple[str, int]:
        """Bind and serve; gives the bound host and port. MonitorError says why that cannot be."""
        self._file.load()
        self._listener = listen(self._settings.host, self._settings.port)
        host, port = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()
        if not self._is_up.wait(_START_SECONDS):
            raise MonitorError(
                f"the web server did not start within {_START_SECONDS:g} s"
            )
        return host, port

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Return the page's certificate and when it ends; nothing without TLS."""
        ends_at = self._file.current.certificate_ends_at
        return () if ends_at is None else (Certificate("page", ends_at),)

    @property
    def config_file(self) -> Path | None:
        """Return the web-config file that is in force."""
        return self._file.path

    def reload_config_file(self) -> None:
        """Load the web-config file now; ConfigError when it is refused, and the one before stays."""
        self._file.reload()

    def close(self, deadline_seconds: float) -> None:
        """Stop listening, let answers under way end, and wait no longer than the deadline."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(deadline_seconds)

    def _run(self) -> None:
        try:
            if self._listener is not None:
                asyncio.run(self._serve(self._listener))
        except Exception:  # noqa: BLE001 - a thread's last words; /-/healthy is gone with it
            self._log.error("web.failed", exc_info=True)
        finally:
            if self._listener is not None:
                self._listener.close()

    async def _serve(self, listener: ListeningSocket) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        loop.set_exception_handler(self._on_loop_error)
        # asyncio takes 256 KiB for each TLS connection, until the collector finds it: half-open ones filled
        # 300 MB and more. One record is all that a read gives.
        sslproto.SSLProtocol.max_size = _RECORD_BYTES
        threads = Threads(THREADS)
        routes = application(self._views, threads)
        answered = ScrapesFirst(
            Compressed(routes), Scrapes(self._views.exposition, threads)
        )
        # Where a name leads is known only now: of the name alone nobody could say that it is the loopback.
        address = listener.getsockname()[0]
        inner = HostCheck(
            BasicAuth(answered, self._current, threads, OPEN_PATHS),
            address,
            self._settings.host,
            self._views.config,
            OPEN_PATHS,
        )
        app = TimeLimit(ExtraHeaders(inner, self._current), REQUEST_SECONDS)
        files = Threads(
            1, name="web-config"
        )  # of its own: a disk that hangs holds up no request
        config, state, unread = _uvicorn(app), ServerState(), UnreadAnswers()
        connections = Connections(
            listener,
            state,
            lambda: Http11(config, state, unread),
            self._current().context,
        )
        self._connections = connections
        tasks = []
        if self._settings.config_file is not None:
            files.start()
            tasks.append(loop.create_task(self._recheck(files)))
        async with routes.router.lifespan_context(routes):
            tasks.append(loop.create_task(connections.accept()))
            self._is_up.set()
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            listener.close()
            await connections.close(_GRACE_SECONDS)
            listener.close_accepted()
        files.stop()

    async def _recheck(self, files: Threads) -> None:
        """Load a changed web-config file, or a renewed certificate, without a restart."""
        logged = ""
        while True:
            await asyncio.sleep(self._recheck_seconds)
            try:
                await files.do(self._file.recheck)
            except Exception as error:  # noqa: BLE001 - a defect: what comes next may be read again
                # Once: it may be raised at each look.
                if repr(error) != logged:
                    self._log.error("config.failed", exc_info=True)
                logged = repr(error)
            else:
                logged = ""

    def _current(self) -> WebConfig:
        return self._file.current

    def _on_tls(self) -> None:
        loop, connections = self._loop, self._connections
        if loop is not None and connections is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(
                    lambda: connections.use(self._current().context)
                )

    def _on_loop_error(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        # A client that breaks off, speaks no TLS or no HTTP is not worth an event.
        if not isinstance(context.get("exception"), OSError | UnicodeDecodeError):
            loop.default_exception_handler(context)


def _uvicorn(app: TimeLimit) -> uvicorn.Config:
    """Configure uvicorn's protocol; its server, with signals, workers and reloads of its own, is not used."""
    config = uvicorn.Config(
        app,
        http=Http11,
        ws="none",
        lifespan="off",
        interface="asgi3",
        # The program has its own log, set before.
        log_config=None,
        log_level="error",
        access_log=False,
        # X-Forwarded-For may be anybody's word.
        proxy_headers=False,
        # The version of the server is nobody's business; the date is added by ExtraHeaders.
        server_header=False,
        date_header=False,
    )
    config.load()
    return config
