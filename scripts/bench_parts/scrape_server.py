"""Serve /metrics over results that are made up, on the real web server; or a constant answer on the same one.

    python -m scripts.bench_parts.scrape_server series|small|fleet
    python -m scripts.bench_parts.scrape_server constant|bare BYTES

Prints its port. `fleet` has a thousand targets with eight queries each, of which 133 a second end, as at an
interval of a minute. `constant` has all that stands around an answer of ours (time limit, headers, Host,
password); `bare` has the server's protocol alone.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import Snapshot
from monitor.model.process_settings import StateSettings, Web
from monitor.model.results import Result, Sample, Server, Success
from monitor.model.schedules import Every
from monitor.model.settings import Config, Flavor, Job, Metric, Query, Statement
from monitor.model.targets import Target, Tls
from monitor.storage import State
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition
from monitor.telemetry.log import configure
from monitor.web import Views, WebServer
from monitor.web.connections import Connections
from monitor.web.guards import BasicAuth, ExtraHeaders, TimeLimit
from monitor.web.hosts import HostCheck
from monitor.web.http_protocol import Http11, UnreadAnswers
from monitor.web.listener import listen
from monitor.web.threads import Threads
from monitor.web.web_config import WebConfig
from tests.support.snapshots import with_result

QUERIES = (
    *("balances", "missing_columns", "uninitialized", "recent_usage"),
    *("last_usage", "usage_time_zone", "subscriptions", "usage_without_subscription"),
)
FLEET_TARGETS = 1000
_A_SECOND = 133


class Results:
    """The newest results of made-up jobs."""

    def __init__(self, targets: int, samples: int) -> None:
        queries = _queries(samples)
        jobs = [
            Job(target, query)
            for target in map(_target, range(targets))
            for query in queries
        ]
        self.config = Config(
            path=Path("config.toml"),
            targets=tuple({job.target.name: job.target for job in jobs}.values()),
            jobs=tuple(jobs),
            receivers=(),
            own_rules=(),
            web=Web(port=0),
            state=StateSettings(Path("state")),
        )
        self._samples = samples
        self._values = itertools.count()
        self.telemetry = Telemetry("1.0.0")
        self.telemetry.declare(self.config)
        self.snapshot = empty_snapshot(self.config)
        self.run(jobs)

    def run(self, jobs: Iterable[Job]) -> None:
        """Have each of these jobs end once more, well."""
        now = datetime.now(UTC)
        snapshot = self.snapshot
        for job in jobs:
            result = self._result(job, now)
            self.telemetry.run_finished(result)
            snapshot = with_result(snapshot, result)
        self.snapshot = snapshot

    def get(self) -> Snapshot:
        """Return the newest snapshot."""
        return self.snapshot

    def _result(self, job: Job, now: datetime) -> Result:
        value = next(self._values)
        name = job.query.metrics[0].name
        samples = [
            Sample(name, (("plan", f"plan-{number:05}"),), float(value + number))
            for number in range(self._samples)
        ]
        server = Server(Flavor.MARIADB, "10.11.6", "db")
        success = Success(tuple(samples), len(samples))
        took = 0.01 + value % 100 / 1000
        return Result(job, now, now, now, took, success, server)


def _target(number: int) -> Target:
    name = f"db-{number:04}"
    return Target(name, user="monitor", database="app", tls=Tls("disabled"))


def _queries(samples: int) -> list[Query]:
    names = QUERIES[:1] if samples > 100 else QUERIES
    return [
        Query(
            name=name,
            summary=name,
            statement=Statement("SELECT 1"),
            schedule=Every(timedelta(minutes=1)),
            timeout=timedelta(seconds=10),
            max_rows=100_000,
            source=Path(f"{name}.toml"),
            metrics=(Metric(f"token_{name}", name, labels=("plan",), value="n"),),
        )
        for name in names
    ]


def _serve(results: Results) -> None:
    exposition = Exposition(results.telemetry, results.get, lambda: datetime.now(UTC))
    views = Views(
        snapshot=results.get,
        now=lambda: datetime.now(UTC),
        config=lambda: results.config,
        exposition=exposition,
        history=lambda _limit: (),
        past=State(),
        sql=lambda job: job.query.statement.text,
        check_health=lambda: (True, "healthy"),
        check_readiness=lambda: (True, "ready"),
        reload=lambda: None,
        evaluated_at=lambda: datetime.now(UTC),
    )
    server = WebServer(Web(port=0), views, configure(io.BytesIO(), libraries=False))
    _host, port = server.start()
    print(port, flush=True)
    jobs = itertools.cycle(results.config.jobs)
    is_fleet = len(results.config.targets) > 1
    while True:
        time.sleep(1)
        if is_fleet:
            # The whole second at once is worse for a scrape than one after the other.
            results.run(itertools.islice(jobs, _A_SECOND))
            exposition.refresh()


def _constant(body: bytes, *, is_bare: bool) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        length = str(len(body)).encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", length)]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    asyncio.run(_serve_app(app if is_bare else _guarded(app)))


def _guarded(app: ASGIApp) -> ASGIApp:
    web_config, config = WebConfig(), Results(1, 1).config
    auth = BasicAuth(app, lambda: web_config, Threads(1), ())
    host = HostCheck(auth, "127.0.0.1", "127.0.0.1", lambda: config, ())
    return TimeLimit(ExtraHeaders(host, lambda: web_config), 60)


async def _serve_app(app: ASGIApp) -> None:
    config = uvicorn.Config(
        app,
        http=Http11,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    state, unread = ServerState(), UnreadAnswers()
    connections = Connections(
        listener, state, lambda: Http11(config, state, unread), None
    )
    await connections.accept()


def main() -> None:
    """Serve until killed, or until whoever started it is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    kind, *rest = sys.argv[1:]
    if kind in ("constant", "bare"):
        _constant(b"x" * int(rest[0]), is_bare=kind == "bare")
    elif kind == "series":
        _serve(Results(1, 10_000))
    elif kind == "fleet":
        _serve(Results(FLEET_TARGETS, 1))
    else:
        _serve(Results(1, 5))


def _end_with_parent() -> None:
    sys.stdin.read()
    # Nothing is kept, so nothing is to be put in order.
    os._exit(0)


if __name__ == "__main__":
    main()
