"""Build every part from the configuration, start, wait, reload, stop; alone knows all others."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from monitor import __version__
from monitor.alerting.self_status import SelfStatus
from monitor.alerting.snapshot import empty_snapshot
from monitor.collector.scheduler import Schedule
from monitor.collector.targets import TargetRunners
from monitor.daemon import service_manager, signals
from monitor.daemon.commands import Executor
from monitor.daemon.config_status import ConfigStatus, load_whole
from monitor.daemon.events import Events
from monitor.daemon.health import Health, Readiness
from monitor.daemon.heartbeat import Heartbeat
from monitor.daemon.inbox import Inbox
from monitor.daemon.latest import Latest
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import Missed, NewConfig, Tick, Work
from monitor.daemon.notices import log_notices, notes_of
from monitor.daemon.pipeline import Pipeline, Sources
from monitor.daemon.reloader import (
    Reconfigure,
    changed_jobs,
    needing_restart,
    replace_config,
)
from monitor.daemon.requests import Requests, StopRequest
from monitor.daemon.ticker import Ticker
from monitor.database import Database
from monitor.model.alerts import Delivery
from monitor.model.errors import ConfigError, ReloadError
from monitor.model.process_settings import LogSettings
from monitor.model.settings import Config, Job
from monitor.notify import Deliveries, Means, Ping, secrets_of
from monitor.secrets.reader import SecretReader
from monitor.secrets.redaction import in_address
from monitor.storage import OpenedState, open_directory
from monitor.storage.state import BUSY_SECONDS
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition
from monitor.telemetry.log import Log
from monitor.telemetry.readings import MonitorState
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from monitor.web import Views, WebServer

_OPEN_SECONDS = 1.0
_RUNS_GRACE_SECONDS = 2.0
_PIPELINE_GRACE_SECONDS = 1.0
_DELIVERY_GRACE_SECONDS = 2.5
_STATE_GRACE_SECONDS = 1.0
_WEB_GRACE_SECONDS = 1.0
_HEARTBEAT_GRACE_SECONDS = 0.5


class App:
    """The daemon. Built from a valid Config; `start` it, and `serve` returns when it has stopped."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        log: Log,
        *,
        set_log: Callable[[LogSettings], None] = lambda _settings: None,
    ) -> None:
        self._config, self._log, self._set_log = config, log, set_log
        self._environ = environ
        self._clock = AnchoredClock()
        self._secrets = SecretReader(environ, on_read=log.hide)
        self._opened = self._open_state(config.state.directory)
        self._state = self._opened.state
        self._telemetry = Telemetry(__version__)
        self._events = Events(log, self._telemetry, self._clock)
        self._requests = Requests()
        self._config_status = ConfigStatus(
            self._telemetry, self._clock.now, reload=self._requests.reload
        )
        started_at = self._clock.now()
        self._latest = Latest(empty_snapshot(config, started_at), started_at)
        self._inbox = Inbox()
        self._watchdog = Watchdog()
        self._means = Means(self._watchdog, self._secrets)
        self._runners = self._make_runners()
        self._schedule = Schedule(
            self._clock, submit=self._runners.dispatch, missed=self._on_missed
        )
        self._ticker = Ticker(self._clock, self._on_tick)
        self._deliveries = self._make_deliveries()
        health = Health(
            self._clock,
            self._schedule,
            self._ticker,
            self._inbox,
            self._latest,
            self._runners,
            self._deliveries,
        )
        self._heartbeat = Heartbeat(
            self._clock,
            snapshot=self._latest.get,
            is_healthy=health.check,
            listener=self._events,
        )
        self._web = WebServer(
            config.web,
            self._views(replace(health, heartbeat=self._heartbeat)),
            log,
            on_config_file=self._config_status.note_web,
        )
        self._pipeline = self._make_pipeline()
        self._executor = Executor(self._runners, self._deliveries, self._heartbeat)

    def _open_state(self, directory: Path) -> OpenedState:
        # The whole start is tried again: an attempt need not wait, and a signal is heard between two.
        opened = open_directory(
            directory,
            now=self._clock.now(),
            on_lost_disk=self._on_lost_disk,
            busy_seconds=_OPEN_SECONDS,
        )
        opened.state.set_busy_timeout(BUSY_SECONDS)
        return opened

    def _make_runners(self) -> TargetRunners:
        return TargetRunners(
            self._clock,
            open_database=partial(
                Database,
                secrets=self._secrets,
                watchdog=self._watchdog,
                on_kill=self._events.on_kill,
            ),
            on_result=self._inbox.put,
            on_missed=self._on_missed,
            snapshot=self._latest.get,
        )

    def _make_deliveries(self) -> Deliveries:
        return Deliveries(
            self._config.receivers,
            self._state,
            clock=self._clock,
            snapshot=self._latest.alerts,
            external_url=self._config.external_url,
            on_delivery=self._on_delivery,
            means=self._means,
        )

    def _views(self, health: Health) -> Views:
        exposition = Exposition(
            self._telemetry,
            self._latest.get,
            self._clock.now,
            monitor=self._monitor_state,
        )
        return Views(
            snapshot=self._latest.get,
            now=self._clock.now,
            config=lambda: self._config,
            render_metrics=exposition.render,
            history=self._state.history,
            is_healthy=health.check,
            is_ready=Readiness(self._latest).check,
            reload=self._requests.reload_and_wait,
            judged_at=self._latest.last_evaluated_at,
            last_reload=lambda: self._config_status.last,
            notes=lambda: notes_of(self._state),
        )

    def _monitor_state(self) -> MonitorState:
        """Return what the parts know of themselves, for a scrape."""
        return MonitorState(
            is_durable=self._state.is_durable,
            disk_usage=self._state.disk_usage,
            log_dropped=self._log.dropped,
            certificates=tuple(self._latest.self_status.certificates),
            judged_at=self._latest.evaluated_at,
        )

    def _make_pipeline(self) -> Pipeline:
        sources = Sources(
            receivers=self._deliveries.status,
            next_run_at=self._schedule.next_run_at,
            self_status=self._self_status,
        )
        return Pipeline(
            self._config,
            self._clock,
            self._state,
            self._events,
            self._latest,
            sources,
        )

    def _self_status(self) -> SelfStatus:
        return SelfStatus(self._config_status.problems, self._web.certificates)

    def start(self) -> None:
        """Start everything, or nothing: what had started is stopped again when it raises."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._let_go)
            self._hide_secrets(self._config)
            self._telemetry.declare(self._config)
            self._config_status.start()
            undo.callback(self._web.close, _WEB_GRACE_SECONDS)
            host, port = self._web.start()
            self._start_threads(undo)
            undo.pop_all()
        self._opened.lock.note("running")
        self._log.always("monitor.started", **self._facts(host, port))
        for warning in self._opened.warnings:
            self._log.error("state.degraded", message=warning)
        log_notices(self._log, self._config, self._clock.now)

    def _start_threads(self, undo: contextlib.ExitStack) -> None:
        undo.callback(self._watchdog.close)
        # First of all: alerts of rules that went while we were down resolve.
        self._inbox.put(NewConfig(self._config))
        self._inbox.start(self._take, self._events.on_crash)
        undo.callback(self._inbox.stop, _PIPELINE_GRACE_SECONDS)
        undo.callback(self._deliveries.close)
        self._deliveries.start()
        undo.callback(self._runners.stop, 0.0)
        self._runners.apply(self._config.targets)
        undo.callback(self._schedule.stop)
        self._schedule.start(self._config.jobs)
        undo.callback(self._ticker.stop)
        self._ticker.start()
        undo.callback(self._heartbeat.stop, _HEARTBEAT_GRACE_SECONDS)
        self._set_heartbeat(self._config)
        self._heartbeat.start()
        undo.callback(self._requests.stop)
        self._requests.start(self._load)
        # The last: what was sent meanwhile waits for it.
        signals.take(self._requests.on_signal)

    def _load(self) -> Config:
        return load_whole(self._config.path, self._environ, self._web)

    def _take(self, message: Work) -> None:
        for command in self._pipeline.take(message):
            self._executor.carry_out(command)

    def serve(self) -> None:
        """Serve until a signal says stop; then stop everything in order."""
        # What lives as long as the process need not be looked at again.
        gc.collect()
        gc.freeze()
        service_manager.notify("READY=1")
        reason = self._serve_requests()
        service_manager.notify("STOPPING=1")
        self._opened.lock.note("stopping")
        self._stop()
        self._log.info("monitor.stopped", reason=reason)

    def _serve_requests(self) -> str:
        while not isinstance(request := self._requests.next(), StopRequest):
            request.answer.put(self._reload(request.outcome))
        return request.signal

    def _stop(self) -> None:
        self._heartbeat.stop(_HEARTBEAT_GRACE_SECONDS)
        self._ticker.stop()
        self._state.set_busy_timeout(_STATE_GRACE_SECONDS)
        self._schedule.stop()
        self._runners.stop(_RUNS_GRACE_SECONDS)
        self._inbox.stop(_PIPELINE_GRACE_SECONDS)
        self._deliveries.drain(_DELIVERY_GRACE_SECONDS)
        self._deliveries.close()
        self._watchdog.close()
        self._web.close(_WEB_GRACE_SECONDS)
        # Where it is not marked, a pending alert's clock runs from the last mark.
        with contextlib.suppress(sqlite3.Error):
            self._state.write_mark(ALIVE, self._clock.now())
        self._let_go()

    def _let_go(self) -> None:
        self._state.close()
        self._opened.lock.release()

    def _reload(self, loaded: Config | ConfigError | ReloadError) -> str | None:
        """Apply what was loaded, whole or not at all; gives the error's text."""
        old = self._config
        try:
            if isinstance(loaded, ConfigError | ReloadError):
                raise loaded
            replace_config(self._parts(), old, loaded)
        except (ConfigError, ReloadError) as error:
            problems = error.problems if isinstance(error, ConfigError) else (error,)
            said = [str(problem) for problem in problems]
            self._config_status.note("configuration", said)
            self._log.error("config.rejected", problems=said)
            return str(error)
        self._config = loaded
        self._config_status.note("configuration")
        self._tell_reloaded(old, loaded)
        return None

    def _parts(self) -> tuple[Reconfigure, ...]:
        """List what takes a configuration: first what may fail, and then what makes it seen."""
        return (
            self._hide_secrets,
            lambda config: self._set_log(config.log),
            lambda config: self._runners.apply(config.targets),
            lambda config: self._deliveries.apply(
                config.receivers, external_url=config.external_url
            ),
            self._set_heartbeat,
            self._telemetry.declare,
            lambda config: self._inbox.put(NewConfig(config)),
            lambda config: self._schedule.apply(config.jobs),
        )

    def _tell_reloaded(self, old: Config, config: Config) -> None:
        self._runners.run_now(changed_jobs(old, config))
        self._log.info(
            "config.reloaded",
            targets=len(config.targets),
            queries=len(config.jobs),
            needs_restart=needing_restart(old, config),
        )
        log_notices(self._log, config, self._clock.now)

    def _on_tick(self, now: datetime) -> None:
        self._schedule.follow_clock_step()
        self._inbox.put(Tick())

    def _on_missed(self, job: Job, count: int) -> None:
        self._inbox.put(Missed(job, count))

    def _hide_secrets(self, config: Config) -> None:
        """Have the log hide what the configuration itself says; of files, who reads them does."""
        said = [
            secret for receiver in config.receivers for secret in secrets_of(receiver)
        ]
        if config.heartbeat is not None:
            said += in_address(config.heartbeat.url)
        self._log.hide("the configuration", said)

    def _on_delivery(self, delivery: Delivery) -> None:
        self._events.on_delivery(delivery)
        self._inbox.put(delivery)

    def _on_lost_disk(self, message: str) -> None:
        self._log.error(
            "state.degraded",
            message=f"the state cannot be written ({message}): it is in memory until the disk takes it again",
        )

    def _set_heartbeat(self, config: Config) -> None:
        settings = config.heartbeat
        ping = Ping(settings, self._clock, self._means) if settings else None
        self._heartbeat.apply(settings, ping)

    def _facts(self, host: str, port: int) -> dict[str, object]:
        return {
            "version": __version__,
            "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "config": str(self._config.path),
            "targets": [target.name for target in self._config.targets],
            "queries": sorted({job.query.name for job in self._config.jobs}),
            "receivers": [receiver.name for receiver in self._config.receivers],
            "pid": os.getpid(),
        }
