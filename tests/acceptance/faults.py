"""A daemon between a server that can be broken in every way and one that stays well: for the fault tests."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymysql

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.acceptance.configs import token_system, two_files, webhook
from tests.acceptance.program import (
    Daemon,
    Event,
    Hook,
    running,
    short_directory,
    wait_until,
)
from tests.database.proxy import Proxy
from tests.support.servers import free_port

PASSWORD = "s3cret-of-the-watcher"
MAX_CONNECTIONS = 2
QUOTA = 8
"""MAX_USER_CONNECTIONS, as `grants` prints it."""

CALM = "SELECT 'calm' AS name, 1 AS n"
RUNAWAY = (
    f"SELECT 'runaway' AS name, SUM(SQRT({' + '.join(f'd{number}.digit' for number in range(14))})) AS n"
    f" FROM {', '.join(f'digits d{number}' for number in range(14))}"
)
"""Takes hours."""
TEN_MILLION_ROWS = f"SELECT 'row' AS name, d0.digit AS n FROM {', '.join(f'digits d{number}' for number in range(7))}"

_STOOD_STILL = (
    "no answer within",
    "no answer in time",
    "let us in and answered no more",
    "timed out",
)

_OWN_QUERIES = ("things", "steered", "others", "needed")
_INTERVALS = {"steered": ("800ms", "700ms"), "patient": ("5s", "4600ms")}


class Watched:
    """Target `main` is a MariaDB behind a proxy, `second` another one that nothing happens to.

    On `main`: `things` (its alert Things fires all the time), `steered` (a view that tests replace by
    anything), `others` (in the schema `side`), `needed` (declares the column that it needs), where
    a module asks for it `patient` (may take 4.6 s). A test looks only at what came since `begin`.
    """

    def __init__(
        self,
        server: PrivateMariaDB,
        proxy: Proxy,
        hook: Hook,
        daemon: Daemon,
        folder: Path,
    ) -> None:
        self.server = server
        self.proxy = proxy
        self.hook = hook
        self.daemon = daemon
        self.folder = folder
        self.mark = 0
        self.posted = 0

    def begin(self) -> None:
        """Wait until all is well but Things, and look from here on."""
        wait_until(self.is_well, seconds=60, why="all is well before the test")
        wait_until(self.is_told, seconds=60, why="the hook knows of no other alert")
        # after what the last test did connections may be new, or just be made
        self.runs_again("things")
        wait_until(self.sessions, why="a connection that is kept")
        wait_until(self._has_begun, seconds=60, why="all is well from here on")

    def _has_begun(self) -> bool:
        # an error that comes again and again is written once: what fails must not have failed just before
        self.mark = len(self.daemon.events)
        self.posted = len(self.hook.alerts())
        return self.is_well()

    def end(self) -> None:
        """Undo what a test may have done."""
        self.goes_on()
        self.proxy.heal()
        for session in self.running():
            with suppress(pymysql.MySQLError):  # it has ended meanwhile
                self.execute(f"KILL {session}")
        self.steer(CALM)

    def is_well(self) -> bool:
        """Return whether every query has data, every target is up, and Things alone fires."""
        return (
            self.statuses() == {"ok"}
            and set(self.daemon.series("token_monitor_up{").values()) == {1.0}
            and self.firing() == {"Things"}
        )

    def is_told(self) -> bool:
        """Return whether all that was posted in the end is that Things fires."""
        alerts = [alert for body in list(self.hook.bodies) for alert in body["alerts"]]
        last = {alert["fingerprint"]: alert for alert in alerts}.values()
        return {
            one["labels"]["alertname"] for one in last if one["status"] == "firing"
        } == {"Things"}

    def execute(self, *statements: str) -> None:
        """Do what the owner of the broken server does, in its schema."""
        with self.server.connect("app") as connection, connection.cursor() as cursor:
            for statement in ("SET lock_wait_timeout = 20", *statements):
                cursor.execute(statement)

    def steer(self, select: str) -> None:
        """Make `steered` see the rows of this statement: name and n."""
        self.execute(f"CREATE OR REPLACE VIEW steered AS {select}")

    def sessions(self, which: str = "", *, user: str = "watcher") -> list[int]:
        """List our threads on the broken server; `which` is SQL about the processlist."""
        sql = f"SELECT id FROM information_schema.processlist WHERE user = '{user}' {which}"
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return [int(row[0]) for row in cursor.fetchall()]

    def running(self, query: str = "steered") -> list[int]:
        """List those of our threads that run a query."""
        return self.sessions(f"AND command = 'Query' AND info LIKE '%FROM {query}'")

    def is_stopped_on_the_server(self) -> None:
        """No statement of ours goes on running on the server."""
        wait_until(
            lambda: not self.sessions("AND time_ms > 2000 AND command = 'Query'"),
            seconds=30,
        )

    def pauses(self) -> None:
        """Stop the daemon at a moment when it asks nothing, so that every connection of it is idle."""
        wait_until(
            self._is_paused,
            seconds=60,
            why="a moment in which every connection is idle",
        )

    def _is_paused(self) -> bool:
        self.daemon.signal(signal.SIGSTOP)
        if self.proxy.is_quiet() and self.is_idle():
            return True
        self.daemon.signal(signal.SIGCONT)
        return False

    def is_idle(self, *, but_for: str = "FALSE") -> bool:
        """Return whether each connection through the proxy is set up, and asks nothing that is not excepted."""
        # one that slept for a moment already is not in the middle of being set up
        busy = f"AND (command <> 'Sleep' OR time_ms < 50) AND NOT COALESCE({but_for}, FALSE)"
        return (
            len(self.sessions()) == self.proxy.listener.open_count
            and not self.sessions(busy)
            and not self.sessions(user="unauthenticated user")
        )

    def breaks(self, **faults: object) -> None:
        """Have the daemon connect again, to a proxy with these faults; nothing is dropped in the middle."""
        self.pauses()
        for name, value in faults.items():
            assert hasattr(self.proxy, name)
            setattr(self.proxy, name, value)
        self.proxy.listener.drop_all()
        self.goes_on()

    def goes_on(self) -> None:
        """Let the daemon run again."""
        self.daemon.signal(signal.SIGCONT)

    def firing(self) -> set[str]:
        """Name the alerts that fire, without the one that always does."""
        alerts = json.loads(self.daemon.get("/api/v1/alerts")[1])["data"]["alerts"]
        names = {
            one["labels"]["alertname"] for one in alerts if one["state"] == "firing"
        }
        return names - {"TokenMonitorWatchdog"}

    def message(self, query: str = "things") -> str:
        """Return in the program's words why a query of the broken server has no data."""
        queries = json.loads(self.daemon.get("/api/v1/queries")[1])["data"]["queries"]
        (found,) = [
            one for one in queries if (one["target"], one["query"]) == ("main", query)
        ]
        return str(found["message"])

    def statuses(self, target: str = "") -> set[str]:
        """Return how the last runs went, of all queries or of one target's."""
        series = self.daemon.series("token_monitor_query_status{")
        return {
            label.partition('status="')[2].partition('"')[0]
            for label, value in series.items()
            if value and (not target or f'target="{target}"' in label)
        }

    def failures(self, reason: str, query: str = "things") -> float:
        """Count the failed runs of a query with this reason, since the daemon's start."""
        labels = f'{{query="{query}",reason="{reason}",target="main"}}'
        return self.daemon.series(f"token_monitor_query_failures_total{labels}").get(
            f"token_monitor_query_failures_total{labels}", 0.0
        )

    def has_data(self, query: str) -> bool:
        """Return whether a query of the broken server has its series."""
        return bool(self.daemon.series(f"app_{query}{{"))

    def failed(
        self, query: str, reason: str, *, seconds: float = 40, **fields: object
    ) -> Event:
        """Wait for a failed run since the beginning; it is counted, and the query's series are gone."""
        failed = self.daemon.wait_for(
            "run.failed",
            after=self.mark,
            target="main",
            query=query,
            reason=reason,
            seconds=seconds,
            **fields,
        )
        assert self.failures(reason, query) > 0
        wait_until(lambda: not self.has_data(query), why=f"no series of {query}")
        return failed

    def lost(self, *, reason: str = "target_down", detail: str | None = None) -> Event:
        """Wait until the target is reported as lost, by log, metric and one alert; nothing of it is shown."""
        lost = self.daemon.wait_for(
            "target.lost", after=self.mark, target="main", seconds=40
        )
        if not stood_still(lost):
            assert lost["reason"] == reason, lost
            # A run that was under way when it broke has lost its connection; the page has what holds since.
            assert lost["detail"] in (detail or lost["detail"], "lost"), lost
        said = f"{reason} ({detail})" if detail else reason
        wait_until(lambda: said in self.daemon.get("/")[1], why=f"the page says {said}")
        self.waits_for("firing", "TokenMonitorTargetDown")
        assert self.daemon.series('token_monitor_up{target="main"}') == {
            'token_monitor_up{target="main"}': 0
        }
        assert not any(self.has_data(query) for query in _OWN_QUERIES)
        self.keeps_its_word()
        return lost

    def recovers(self) -> None:
        """Wait until all is as before, by itself; the lost target's alert is resolved, and no other was."""
        was_lost = bool(self.since("target.lost", target="main"))
        if was_lost:
            # a login that was refused again and again is tried again ever more rarely
            self.daemon.wait_for(
                "target.recovered", after=self.mark, target="main", seconds=60
            )
            self.waits_for("resolved", "TokenMonitorTargetDown")
        wait_until(self.is_well, seconds=60, why="all is well again")
        self.keeps_its_word()
        # one that was cut is counted by the server until it notices
        wait_until(
            lambda: len(self.sessions()) <= MAX_CONNECTIONS,
            seconds=40,
            why="no more sessions than allowed",
        )

    def is_not_lost(self, target: str = "main") -> None:
        """The target was not told as lost, but where it was the machine that stood still."""
        lost = [
            one
            for one in self.since("target.lost", target=target)
            if not stood_still(one)
        ]
        assert lost == [], lost

    def keeps_its_word(self) -> None:
        """Things goes on firing and is not announced again; the other target does not notice anything."""
        assert "Things" in self.firing()
        assert not {name for _, name in self.news()} & {"Things"}
        self.is_not_lost("second")
        wait_until(
            lambda: self.daemon.series("app_beat{"), why="the other target has data"
        )
        ran = len(self.daemon.events)
        self.daemon.wait_for("run.finished", after=ran, target="second", query="beat")

    def since(self, event: str, **fields: object) -> list[Event]:
        """Return the events since the beginning of the test."""
        return [
            one
            for one in self.daemon.events[self.mark :]
            if one["event"] == event
            and all(one.get(key) == value for key, value in fields.items())
        ]

    def news(self) -> list[tuple[str, str]]:
        """Return what was posted since the beginning of the test."""
        return self.hook.alerts()[self.posted :]

    def waits_for(self, status: str, alertname: str) -> None:
        """Wait for a post since the beginning of the test."""
        wait_until(
            lambda: (status, alertname) in self.news(),
            seconds=40,
            why=f"{status} {alertname}",
        )

    def runs_again(self, query: str, *, target: str = "main") -> Event:
        """Wait for a run that begins from now on and gives data."""
        asked_at, seen = datetime.now(UTC), len(self.daemon.events)

        def ran() -> list[Event]:
            finished = [
                one
                for one in self.daemon.events[seen:]
                if one["event"] == "run.finished"
            ]
            wanted = [
                one
                for one in finished
                if (one["target"], one["query"]) == (target, query)
            ]
            return [one for one in wanted if _began_at(one) > asked_at]

        wait_until(ran, seconds=60, why=f"{query} gives data again")
        return ran()[0]


def stood_still(lost: Event) -> bool:
    """Return whether a target was lost only since nobody came to answer within our own limits.

    A machine that does something else for a second may do that to any connection that is just being made.
    """
    return str(lost["message"]).startswith(_STOOD_STILL)


def _began_at(run: Event) -> datetime:
    ended_at = datetime.fromisoformat(str(run["timestamp"]))
    return ended_at - timedelta(seconds=float(run["duration_seconds"]))


@contextmanager
def watching(
    well: PrivateServer,
    *,
    target: str = 'host = "127.0.0.1"',
    options: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
    more_queries: tuple[str, ...] = (),
    down_for: str = "0s",
) -> Iterator[Watched]:
    """Start a server of our own, a proxy before it, and the daemon that watches it and one that is well.

    `target` are the target's keys that tell where it is, `options` are the server's. `down_for` is the `for`
    of TokenMonitorTargetDown, and how long a target has to be back before it is over.
    """
    folder = short_directory()
    hook = Hook()
    try:
        with PrivateMariaDB(
            short_directory(), port=free_port(), options=options
        ) as server:
            _fill(server)
            with (
                Proxy(server.port or 0) as proxy,
                running(
                    _config(
                        folder,
                        f"{target}\nport = {proxy.port}",
                        well,
                        hook,
                        (*_OWN_QUERIES, *more_queries),
                        down_for,
                    ),
                    environ=environ,
                ) as daemon,
            ):
                yield Watched(server, proxy, hook, daemon, folder)
    finally:
        hook.close()
        shutil.rmtree(folder)


def _fill(server: PrivateMariaDB) -> None:
    statements = [
        "CREATE DATABASE app CHARACTER SET utf8mb4",
        "CREATE DATABASE side CHARACTER SET utf8mb4",
        f"CREATE USER watcher@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS {QUOTA}",
        "GRANT SELECT ON app.* TO watcher@'127.0.0.1'",
        "CREATE TABLE app.digits (digit INT PRIMARY KEY)",
        f"INSERT INTO app.digits VALUES {', '.join(f'({digit})' for digit in range(10))}",
        f"CREATE VIEW app.steered AS {CALM}",
        "CREATE TABLE side.others AS SELECT 1 AS n",
        "GRANT SELECT ON side.others TO watcher@'127.0.0.1'",
    ]
    statements += [
        f"CREATE TABLE app.{name} AS SELECT 1 AS n"
        for name in ("things", "needed", "patient")
    ]
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    token_system(server, "app")


def _config(
    folder: Path,
    target: str,
    well: PrivateServer,
    hook: Hook,
    queries: tuple[str, ...],
    down_for: str,
) -> Path:
    for name in (*queries, "beat"):
        _query(folder, name)
    (folder / "password").write_text(PASSWORD + "\n")
    path = folder / "config.toml"
    path.write_text(
        f"""query_dirs = ["queries"]
        [targets.main]
        {target}
        user = "watcher"
        password_file = "password"
        database = "app"
        queries = {json.dumps([*queries, "missing_columns"])}
        [targets.second]
        unix_socket = "{well.socket}"
        user = "root"
        database = "mysql"
        queries = ["beat"]
        [load]
        share = 1 # looks each half second take more of a server than a monitor should
        threads_running = 0
        [web]
        listen = "127.0.0.1:0"
        [queries.missing_columns]
        interval = "500ms"
        timeout = "450ms"
        [rules.TokenMonitorTargetDown]
        for = "{down_for}"
        [rules.TokenMonitorAccessDenied]
        for = "1s"
        [rules.TokenMonitorConnectionsRefused]
        for = "3s" # a connection that hangs is cut by then, and the target lost
        [rules.TokenMonitorQueryFailing]
        for = "3s" # what a busy machine does to three runs in a row is over by then
        {webhook(hook.url)}
        """,
        encoding="utf-8",
    )
    return path


def _query(folder: Path, name: str) -> None:
    sources = {"others": "side.others", "beat": "(SELECT 1 AS n) AS one"}
    interval, timeout = _INTERVALS.get(name, ("500ms", "450ms"))
    labels = 'labels = ["name"]' if name == "steered" else ""
    rule = """[rules.Things]
        metric = "app_things"
        above = 0
        severity = "critical"
        summary = "{value} things on {target}"
        """
    two_files(
        folder,
        name,
        sql=f"SELECT * FROM {sources.get(name, name)}",
        toml=f"""summary = "{name}"
        interval = "{interval}"
        timeout = "{timeout}"
        {'needs = ["needed.n"]' if name == "needed" else ""}
        [metrics.app_{name}]
        help = "{name}"
        {labels}
        value = "n"
        {rule if name == "things" else ""}
        """,
    )
