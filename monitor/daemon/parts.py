"""Build all that the daemon is made of, each part from those before it; started by nobody yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.alerting.self_status import SelfStatus
from monitor.collector.scheduler import Schedule
from monitor.collector.targets import TargetRunners
from monitor.daemon.commands import Executor
from monitor.daemon.config_status import ConfigStatus
from monitor.daemon.declared_intake import DeclaredIntake
from monitor.daemon.discovery import Discovery
from monitor.daemon.events import Events
from monitor.daemon.health import Health, Readiness
from monitor.daemon.heartbeat import Heartbeat
from monitor.daemon.http_lists import HttpLists
from monitor.daemon.inbox import Inbox
from monitor.daemon.latest import Latest
from monitor.daemon.messages import Missed, Tick
from monitor.daemon.notices import notes_of
from monitor.daemon.pipeline import Pipeline
from monitor.daemon.requests import Requests
from monitor.daemon.service_manager import SignsOfLife
from monitor.daemon.sources import Sources
from monitor.daemon.ticker import Ticker
from monitor.model.alerts import Delivery
from monitor.model.settings import Config, Job
from monitor.model.targets import Target
from monitor.notify.context import DeliveryContext
from monitor.notify.manager import Deliveries
from monitor.notify.transport import Transport
from monitor.secrets.reader import SecretReader
from monitor.storage import OpenedState, open_directory
from monitor.storage.state import BUSY_SECONDS
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition
from monitor.telemetry.log import Log
from monitor.telemetry.readings import MonitorState
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from monitor.web import Views, WebServer

if TYPE_CHECKING:
    from monitor.database import Database

# The whole start is tried again: an attempt need not wait, and a signal is heard between two.
_OPEN_SECONDS = 1.0


class Parts:
    """The object graph. It is one-way: what a part is given exists before it."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        log: Log,
        lists: HttpLists,
    ) -> None:
        self.clock = AnchoredClock()
        self.telemetry = Telemetry(__version__)
        self.events = Events(log, self.telemetry, self.clock)
        self.secrets = SecretReader(environ, on_read=log.hide)
        self.opened = self._open_state(config.state.directory)
        self.state = self.opened.state
        self.requests = Requests()
        self.config_status = ConfigStatus(
            self.telemetry, self.clock.now, reload=self.requests.reload
        )
        self.latest = Latest(config, self.clock.now())
        # Before all that puts results in, and all that reads what became of them.
        self.inbox = Inbox()
        self.watchdog = Watchdog()
        self.transport = Transport(self.watchdog, self.secrets)
        self.runners = self._make_runners()
        self.schedule = Schedule(
            self.clock, submit=self.runners.dispatch, missed=self._on_missed
        )
        self.ticker = Ticker(self.clock, self._on_tick)
        self.exposition = self._make_exposition(log)
        # A thread of its own: to prepare what a fleet has found may take longer than a tick should.
        self.preparer = Ticker(self.clock, self._prepare_scrapes, name="scrapes")
        self.declarations = self._make_declared_intake()
        # Of its own too: the disk with the file may hang.
        self.deploy_file = Ticker(self.clock, self.declarations.look, name="deploys")
        self.deliveries = self._make_deliveries(config)
        # The page asks about the heartbeat's thread too; the heartbeat itself, which asks first, cannot.
        health = self._make_health()
        self.heartbeat = Heartbeat(
            self.clock,
            snapshot=self.latest.get,
            check_health=health.check,
            listener=self.events,
        )
        self.signs_of_life = SignsOfLife(environ, health.check)
        self.web = self._make_web(config, log, health)
        self.pipeline = self._make_pipeline()
        self.executor = self._make_executor()
        self.lists = lists
        self.discovery = self._make_discovery()

    def _make_web(self, config: Config, log: Log, health: Health) -> WebServer:
        return WebServer(
            config.web,
            self._views(replace(health, heartbeat=self.heartbeat)),
            log,
            on_config_file=self.config_status.note_web,
        )

    def _make_declared_intake(self) -> DeclaredIntake:
        return DeclaredIntake(
            self.inbox.put, lambda: self.latest.config, self.latest.get
        )

    def _open_state(self, directory: Path) -> OpenedState:
        opened = open_directory(
            directory,
            now=self.clock.now(),
            on_lost_disk=self.events.on_lost_disk,
            busy_seconds=_OPEN_SECONDS,
        )
        opened.state.set_busy_timeout(BUSY_SECONDS)
        return opened

    def _make_executor(self) -> Executor:
        return Executor(self.runners, self.deliveries, self.heartbeat, self.schedule)

    def _make_runners(self) -> TargetRunners:
        return TargetRunners(
            self.clock,
            open_database=self._open_database,
            on_result=self.inbox.put,
            on_missed=self._on_missed,
            snapshot=self.latest.get,
        )

    def _open_database(self, target: Target) -> Database:
        # Only here: the driver comes with the first target, once /metrics answers.
        from monitor.database import Database

        return Database(
            target,
            secrets=self.secrets,
            watchdog=self.watchdog,
            on_kill=self.events.on_kill,
        )

    def _make_deliveries(self, config: Config) -> Deliveries:
        context = DeliveryContext(
            clock=self.clock,
            outbox=self.state,
            snapshot=self.latest.alerts,
            on_delivery=self._on_delivery,
            transport=self.transport,
            external_url=config.external_url,
        )
        return Deliveries(config.receivers, context)

    def _make_discovery(self) -> Discovery:
        return Discovery(
            self.clock,
            self.lists,
            reload=self.requests.reload,
            on_http_sd=self.events.on_http_sd,
        )

    def _make_health(self) -> Health:
        return Health(
            clock=self.clock,
            schedule=self.schedule,
            ticker=self.ticker,
            inbox=self.inbox,
            latest=self.latest,
            runners=self.runners,
            deliveries=self.deliveries,
        )

    def _make_exposition(self, log: Log) -> Exposition:
        def monitor_state() -> MonitorState:
            return MonitorState(
                is_durable=self.state.is_durable,
                disk_usage=self.state.disk_usage,
                log_dropped=log.dropped,
                certificates=self.latest.self_status.certificates,
                evaluated_at=self.latest.evaluated_at,
            )

        return Exposition(
            self.telemetry, self.latest.get, self.clock.now, monitor=monitor_state
        )

    def _views(self, health: Health) -> Views:
        return Views(
            snapshot=self.latest.get,
            now=self.clock.now,
            config=lambda: self.latest.config,
            exposition=self.exposition,
            history=self.state.history,
            past=self.state,
            sql=_runnable_sql,
            check_health=health.check,
            check_readiness=Readiness(self.latest).check,
            reload=self.requests.reload_and_wait,
            declare=self.declarations.declare,
            on_refused_silence=self.telemetry.silence_refused,
            evaluated_at=lambda: self.latest.evaluated_at,
            last_reload=lambda: self.config_status.last,
            notes=lambda: notes_of(self.state),
        )

    def _make_pipeline(self) -> Pipeline:
        sources = Sources(
            receivers=self.deliveries.status,
            next_run_at=self.schedule.next_run_at,
            self_status=self._self_status,
        )
        return Pipeline(self.clock, self.state, self.events, self.latest, sources)

    def _self_status(self) -> SelfStatus:
        return SelfStatus(self.config_status.problems, self.web.certificates)

    def _on_missed(self, job: Job, count: int) -> None:
        self.inbox.put(Missed(job, count))

    def _on_tick(self, _now: datetime) -> None:
        self.schedule.follow_clock_step()
        self.inbox.put(Tick())
        self.signs_of_life.look()

    def _prepare_scrapes(self, _now: datetime) -> None:
        self.exposition.refresh()

    def _on_delivery(self, delivery: Delivery) -> None:
        self.events.on_delivery(delivery)
        self.inbox.put(delivery)


def _runnable_sql(job: Job) -> str:
    if job.query.derivation is not None:
        return ""
    # Only here: the driver, whose escaping it is, comes with the first target.
    from monitor.collector.runnable import sql_of

    return "\n\n".join(sql_of([job]))
