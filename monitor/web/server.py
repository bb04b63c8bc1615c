"""Serve HTTP in one background thread: our socket and time limits, uvicorn's HTTP/1.1, our application."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from asyncio import sslproto
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from monitor.errors import ConfigError, MonitorError, Problem
from monitor.log import Log
from monitor.model.settings import Web
from monitor.web.connections import Connections
from monitor.web.guards import BasicAuth, ExtraHeaders, TimeLimit
from monitor.web.http_protocol import Http11, UnreadAnswers
from monitor.web.listener import Listener, listen
from monitor.web.routes import THREADS, application
from monitor.web.threads import Threads
from monitor.web.views import Views
from monitor.web.web_config import WebConfig, load_web_config

REQUEST_SECONDS = 60.0
_START_SECONDS = 10.0
_GRACE_SECONDS = 0.5
_RECORD_BYTES = 16 * 1024


class WebServer:
    """The HTTP server. `start` binds and serves; the web-config file is read again when it changes."""

    def __init__(self, settings: Web, views: Views, log: Log, *, recheck_seconds: float = 5.0) -> None:
        self._settings = settings
        self._views = views
        self._log = log
        self._recheck_seconds = recheck_seconds
        self._config = WebConfig()
        self._tls: ssl.SSLContext | None = None
        self._seen: tuple[tuple[int, ...], ...] = ()
        self._problems: list[str] = []
        self._listener: Listener | None = None
        self._connections: Connections | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._is_up = threading.Event()

    def start(self) -> tuple[str, int]:
        """Bind and serve; gives the bound host and port. MonitorError says why that cannot be."""
        if self._settings.config_file is not None:
            file = self._settings.config_file
            self._config = load_web_config(file)
            self._seen = self._changed_at()
            # Once more: what changed before we looked would never be noticed.
            again = load_web_config(file)
            self._check_users(file, again)
            self._config = again
            self._tls = self._config.tls.context() if self._config.tls else None
        self._listener = listen(self._settings.host, self._settings.port)
        host, port = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()
        if not self._is_up.wait(_START_SECONDS):
            raise MonitorError(f"the web server did not start within {_START_SECONDS:g} s")
        return host, port

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

    async def _serve(self, listener: Listener) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        loop.set_exception_handler(self._on_loop_error)
        # asyncio takes 256 KiB for each TLS connection, until the collector finds it: half-open ones filled
        # 300 MB and more. One record is all that a read gives.
        sslproto.SSLProtocol.max_size = _RECORD_BYTES
        threads = Threads(THREADS)
        routes = application(self._views, threads)
        inner = BasicAuth(routes, self._current, threads)
        app = TimeLimit(ExtraHeaders(inner, self._current), REQUEST_SECONDS)
        files = Threads(1, name="web-config")  # of its own: a disk that hangs holds up no request
        config, state, unread = _uvicorn(app), ServerState(), UnreadAnswers()
        connections = Connections(listener, state, lambda: Http11(config, state, unread), self._tls)
        self._connections = connections
        tasks = []
        if self._settings.config_file is not None:
            files.start()
            tasks.append(loop.create_task(self._recheck(self._settings.config_file, files)))
        async with routes.router.lifespan_context(routes):
            tasks.append(loop.create_task(connections.accept()))
            self._is_up.set()
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            listener.close()
            await connections.close(_GRACE_SECONDS)
        files.stop()

    def _current(self) -> WebConfig:
        return self._config

    async def _recheck(self, file: Path, files: Threads) -> None:
        """Take a changed web-config file, or a renewed certificate, without a restart."""
        while True:
            await asyncio.sleep(self._recheck_seconds)
            now = await files.do(self._changed_at)
            if now != self._seen:
                # What was refused is tried again: a right or a descriptor may be lacking for a moment only.
                self._seen = now if await self._reread(file, files) else ()

    def _changed_at(self) -> tuple[tuple[int, ...], ...]:
        files = (self._settings.config_file, *(self._config.tls.files if self._config.tls else ()))
        return tuple(_mark(file) for file in files if file is not None)

    async def _reread(self, file: Path, files: Threads) -> bool:
        try:
            said = await files.do(load_web_config, file)
            config = self._renewed(said)  # in the loop: no handshake may meet it half done
            self._check_users(file, config)
        except (ConfigError, OSError) as error:  # OSError: a file that changed between the check and its use
            found = error.problems if isinstance(error, ConfigError) else (f"{file}: {error}",)
            problems = [str(problem) for problem in found]
            if problems != self._problems:
                self._log.error("config.rejected", problems=problems)
            self._problems = problems
            return False
        self._config, self._problems = config, []
        if config != said:
            self._log.warning("config.noticed", message="TLS is switched on or off only by a restart")
        self._log.info("config.reloaded", file=str(file))
        return True

    def _check_users(self, file: Path, config: WebConfig) -> None:
        # Of a file that is just being written the users may not be there yet.
        if self._config.users and not config.users:
            message = "has no users any more; that all paths are open to everybody takes a restart"
            raise ConfigError((Problem(str(file), message, key="basic_auth_users"),))

    def _renewed(self, config: WebConfig) -> WebConfig:
        """Take the certificates anew; gives the configuration with the TLS that is in force."""
        if (config.tls is None) != (self._tls is None):
            config = replace(config, tls=self._config.tls)
        if self._tls is not None and config.tls is not None:
            self._tls.load_cert_chain(config.tls.cert_file, config.tls.key_file)
        return config

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # A client that breaks off, speaks no TLS or no HTTP is no event.
        if not isinstance(context.get("exception"), OSError | UnicodeDecodeError):
            loop.default_exception_handler(context)


def _mark(file: Path) -> tuple[int, ...]:
    """Tell by what a file is another than before: its time alone has steps of milliseconds."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _uvicorn(app: TimeLimit) -> uvicorn.Config:
    """Configure uvicorn's protocol; its server, with signals, workers and reloads of its own, is not used."""
    config = uvicorn.Config(
        app,
        http=Http11,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    return config
