"""Start all parts of the daemon, serve until it is asked to stop, reload, stop them in order."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping

from monitor import __version__
from monitor.daemon import service_manager, signals
from monitor.daemon.config_status import load_whole
from monitor.daemon.contract_news import report_contract
from monitor.daemon.http_lists import HttpLists
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import NewConfig, Work
from monitor.daemon.notices import log_notices
from monitor.daemon.parts import Parts
from monitor.daemon.reloader import (
    Reconfigure,
    changed_jobs,
    needing_restart,
    replace_config,
)
from monitor.daemon.requests import StopRequest
from monitor.model.errors import ConfigError, ReloadError
from monitor.model.process_settings import LogSettings
from monitor.model.settings import Config
from monitor.secrets.redaction import in_address
from monitor.telemetry.log import Log

# About 10 s in all, so that no service manager kills us first: deploy/systemd gives 20 s. A run gets its
# grace twice, once to end by itself and once to be cancelled on its server.
_RUNS_GRACE_SECONDS = 2.0
_PIPELINE_GRACE_SECONDS = 1.0
_DELIVERY_GRACE_SECONDS = 2.5
_STATE_GRACE_SECONDS = 1.0
_WEB_GRACE_SECONDS = 1.0
_HEARTBEAT_GRACE_SECONDS = 0.5
# A run needs the interpreter some ten times, for a moment each: behind a thread that computes it would wait for
# Python's 5 ms each time. Not shorter, since each thread that waits looks that often whether it is its turn.
_SWITCH_SECONDS = 0.001


class App:
    """The daemon. Built from a valid Config; `start` it, and `serve` returns when it has stopped."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        log: Log,
        lists: HttpLists,
        *,
        set_log: Callable[[LogSettings], None] = lambda _settings: None,
    ) -> None:
        self._environ, self._log, self._set_log = environ, log, set_log
        self._parts = Parts(config, environ, log, lists)

    def start(self) -> None:
        """Start everything, or nothing: what had started is stopped again when it raises."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        parts, config = self._parts, self._parts.latest.config
        with contextlib.ExitStack() as undo:
            undo.callback(self._let_go)
            self._hide_secrets(config)
            parts.telemetry.declare(config)
            parts.config_status.start()
            undo.callback(parts.exposition.close)
            undo.callback(parts.web.close, _WEB_GRACE_SECONDS)
            host, port = parts.web.start()
            self._start_threads(undo, config)
            undo.pop_all()
        parts.opened.lock.note("running")
        self._log.always("monitor.started", **_facts(config, host, port))
        for warning in parts.opened.warnings:
            self._log.error("state.degraded", message=warning)
        log_notices(self._log, config, parts.clock.now)
        report_contract(self._log, parts.telemetry, None, config.contract)

    def _start_threads(self, undo: contextlib.ExitStack, config: Config) -> None:
        parts = self._parts
        undo.callback(parts.watchdog.close)
        # First of all: alerts of rules that went while we were down resolve.
        parts.inbox.put(NewConfig(config))
        parts.inbox.start(self._take, parts.events.on_crash)
        undo.callback(parts.inbox.stop, _PIPELINE_GRACE_SECONDS)
        undo.callback(parts.deliveries.close)
        parts.deliveries.start()
        undo.callback(parts.runners.stop, 0.0)
        parts.runners.apply(config.targets)
        undo.callback(parts.schedule.stop)
        parts.schedule.start(config.jobs)
        undo.callback(parts.ticker.stop)
        parts.ticker.start()
        undo.callback(parts.preparer.stop)
        parts.preparer.start()
        undo.callback(parts.deploy_file.stop)
        parts.deploy_file.start()
        undo.callback(parts.heartbeat.stop, _HEARTBEAT_GRACE_SECONDS)
        self._set_heartbeat(config)
        parts.heartbeat.start()
        undo.callback(parts.requests.stop)
        parts.requests.start(self._load)
        undo.callback(parts.discovery.stop)
        parts.discovery.apply(config)
        parts.discovery.start()
        # The last: what was sent meanwhile waits for it.
        signals.take(parts.requests.on_signal)

    def _load(self) -> Config:
        parts = self._parts
        old = parts.latest.config
        return load_whole(old, self._environ, parts.web, parts.lists.ask)

    def _take(self, message: Work) -> None:
        for command in self._parts.pipeline.take(message):
            self._parts.executor.carry_out(command)

    def serve(self) -> None:
        """Serve until a signal says stop; then stop everything in order."""
        service_manager.notify("READY=1")
        reason = self._serve_requests()
        service_manager.notify("STOPPING=1")
        self._parts.opened.lock.note("stopping")
        self._stop()
        self._log.info("monitor.stopped", reason=reason)

    def _serve_requests(self) -> str:
        requests = self._parts.requests
        while not isinstance(request := requests.next(), StopRequest):
            request.answer.put(self._reload(request.outcome))
        return request.signal

    def _stop(self) -> None:
        parts = self._parts
        parts.heartbeat.stop(_HEARTBEAT_GRACE_SECONDS)
        parts.discovery.stop()
        parts.preparer.stop()
        parts.deploy_file.stop()
        parts.ticker.stop()
        parts.state.set_busy_timeout(_STATE_GRACE_SECONDS)
        parts.schedule.stop()
        parts.runners.stop(_RUNS_GRACE_SECONDS)
        parts.inbox.stop(_PIPELINE_GRACE_SECONDS)
        parts.deliveries.drain(_DELIVERY_GRACE_SECONDS)
        parts.deliveries.close()
        parts.watchdog.close()
        parts.web.close(_WEB_GRACE_SECONDS)
        parts.exposition.close()
        # Where it is not marked, a pending alert's clock runs from the last mark.
        with contextlib.suppress(sqlite3.Error):
            parts.state.write_mark(ALIVE, parts.clock.now())
        self._let_go()

    def _let_go(self) -> None:
        self._parts.state.close()
        self._parts.opened.lock.release()

    def _reload(self, loaded: Config | ConfigError | ReloadError) -> str | None:
        """Apply what was loaded, whole or not at all; returns the error's text."""
        if isinstance(loaded, ConfigError | ReloadError):
            return self._reject(loaded)
        parts, old = self._parts, self._parts.latest.config
        try:
            replace_config(self._steps(), old, loaded)
        except (ConfigError, ReloadError) as error:
            return self._reject(error)
        parts.latest.config = loaded
        parts.discovery.apply(loaded)
        parts.config_status.note("configuration")
        parts.runners.run_now(changed_jobs(old, loaded))
        self._log.info(
            "config.reloaded",
            targets=len(loaded.targets),
            queries=len(loaded.jobs),
            needs_restart=needing_restart(old, loaded),
        )
        log_notices(self._log, loaded, parts.clock.now)
        report_contract(self._log, parts.telemetry, old.contract, loaded.contract)
        return None

    def _reject(self, error: ConfigError | ReloadError) -> str:
        problems = error.problems if isinstance(error, ConfigError) else (error,)
        texts = [str(problem) for problem in problems]
        self._parts.config_status.note("configuration", texts)
        self._log.error("config.rejected", problems=texts)
        return str(error)

    def _steps(self) -> tuple[Reconfigure, ...]:
        """Return what takes a configuration, in order: first what may fail, and then what makes it seen."""
        parts = self._parts
        return (
            self._hide_secrets,
            lambda config: self._set_log(config.log),
            lambda config: parts.runners.apply(config.targets),
            lambda config: parts.deliveries.apply(
                config.receivers, external_url=config.external_url
            ),
            self._set_heartbeat,
            parts.telemetry.declare,
            lambda config: parts.inbox.put(NewConfig(config)),
            lambda config: parts.schedule.apply(config.jobs),
        )

    def _hide_secrets(self, config: Config) -> None:
        """Hide in the log the secrets that stand in the configuration; who reads those of files hides them."""
        secrets = [
            secret
            for receiver in config.receivers
            for secret in receiver.settings.secrets()
        ]
        if config.heartbeat is not None:
            secrets += in_address(config.heartbeat.url)
        if config.http_sd is not None:
            secrets += in_address(config.http_sd.url)
        self._log.hide("the configuration", secrets)

    def _set_heartbeat(self, config: Config) -> None:
        parts, settings = self._parts, config.heartbeat
        if settings is None:
            parts.heartbeat.apply(None, None)
            return
        # Only here: the HTTP client is for who sends somewhere.
        from monitor.notify.ping import Ping

        parts.heartbeat.apply(settings, Ping(settings, parts.clock, parts.transport))


def _facts(config: Config, host: str, port: int) -> dict[str, object]:
    return {
        "version": __version__,
        "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "config": str(config.path),
        "shard": None if config.shard is None else str(config.shard),
        "targets": [target.name for target in config.targets],
        "queries": sorted({job.query.name for job in config.jobs}),
        "receivers": [receiver.name for receiver in config.receivers],
        "pid": os.getpid(),
    }
