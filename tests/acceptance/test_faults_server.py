"""The server hangs, dies, is full or lets us in no more: told once, nothing lost, healed by itself."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pymysql
import pytest

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.acceptance.configs import two_files, webhook
from tests.acceptance.faults import (
    CALM,
    MAX_CONNECTIONS,
    PASSWORD,
    RUNAWAY,
    Watched,
    stood_still,
)
from tests.acceptance.program import Daemon, Hook, running, wait_until
from tests.database.replicas import replicating

ROOM = 12


@contextlib.contextmanager
def frozen(server: PrivateServer) -> Iterator[None]:
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


def drop_sessions(watched: Watched) -> None:
    watched.pauses()
    watched.execute(*(f"KILL {session}" for session in watched.sessions()))
    # one that closes still counts against a quota
    wait_until(lambda: not watched.sessions(), why="our own are closed")
    watched.goes_on()


def test_a_server_that_hangs(watched: Watched) -> None:
    with frozen(watched.server):
        watched.lost()
        durations = [
            one["duration_seconds"]
            for one in watched.since("run.failed", target="main")
        ]
        assert max(durations) < 8
    watched.recovers()


def test_a_server_that_is_killed_in_the_middle_of_a_query(watched: Watched) -> None:
    watched.steer(RUNAWAY)
    wait_until(watched.running, why="the query runs")
    watched.server.stop(with_signal=signal.SIGKILL)
    try:
        watched.lost()
        watched.daemon.wait_for("run.failed", after=watched.mark, query="steered")
    finally:
        watched.server.start()
    watched.steer(CALM)
    watched.recovers()


def test_a_server_that_is_shut_down_leaves_no_threads_behind(watched: Watched) -> None:
    threads, killed = watched.daemon.threads(), kills(watched)
    for _ in range(2):
        watched.server.stop()
        try:
            watched.lost()
        finally:
            watched.server.start()
        watched.recovers()
        watched.begin()
    wait_until(
        # a run that took too long has a thread for KILL begun, one for each target
        lambda: watched.daemon.threads() <= threads + 1 + len(kills(watched) - killed),
        why="no thread is left over",
    )


def kills(watched: Watched) -> set[str]:
    """Name the targets on which a statement was stopped, by their series."""
    return {
        series
        for series, count in watched.daemon.series("token_monitor_kills_total{").items()
        if count
    }


def test_a_server_that_is_full_and_has_none_of_ours_is_lost(watched: Watched) -> None:
    watched.execute(
        "CREATE OR REPLACE USER greedy@localhost",
        f"SET GLOBAL max_connections = {ROOM}",
    )
    with contextlib.ExitStack() as stack:
        watched.pauses()
        watched.proxy.listener.drop_all()
        wait_until(lambda: not watched.sessions(), why="our own are closed")
        wait_until(lambda: is_full(watched, stack), why="all are taken")
        watched.goes_on()
        watched.lost(detail="full")
        failures = watched.failures("target_down")
        wait_until(
            lambda: watched.failures("target_down") > failures + 2,
            why="it goes on asking",
        )
    watched.execute("SET GLOBAL max_connections = DEFAULT")
    watched.recovers()


def is_full(watched: Watched, stack: contextlib.ExitStack) -> bool:
    """Take every connection that the server has for others than root; one that closes may still count."""
    with contextlib.suppress(pymysql.MySQLError):
        while True:
            stack.enter_context(
                pymysql.connect(unix_socket=str(watched.server.socket), user="greedy")
            )
    return len(watched.sessions(user="greedy")) == ROOM


def test_a_quota_that_leaves_us_one_connection_is_reported_and_runs_share_it(
    watched: Watched,
) -> None:
    # One query holds its connection for a while, or all of them would get along with the one that there is.
    watched.steer("SELECT 'held' AS name, SLEEP(0.3) AS n")
    watched.pauses()
    _, *others = watched.sessions()
    watched.execute(
        *(f"KILL {session}" for session in others),
        "ALTER USER watcher@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1",
    )
    watched.goes_on()
    watched.waits_for("firing", "TokenMonitorConnectionsRefused")
    watched.keeps_its_word()
    # with the one connection that there is, the rest goes on
    watched.runs_again("things")
    watched.is_not_lost()
    watched.execute("ALTER USER watcher@'127.0.0.1' WITH MAX_USER_CONNECTIONS 5")
    drop_sessions(watched)
    watched.recovers()


@pytest.mark.parametrize("change", ["IDENTIFIED BY 'another'", "PASSWORD EXPIRE"])
def test_a_login_that_is_refused_is_not_hammered_and_the_password_read_again(
    watched: Watched, change: str
) -> None:
    watched.execute(f"ALTER USER watcher@'127.0.0.1' {change}")
    before = watched.proxy.listener.accepted
    drop_sessions(watched)
    watched.lost(reason="access_denied", detail="login")
    failures = watched.failures("access_denied")
    wait_until(
        lambda: watched.failures("access_denied") > failures + 6,
        why="many runs were due",
    )
    # after 1, 2, 4 … 60 s; the daemon's two threads may have asked at once
    assert watched.proxy.listener.accepted - before <= 6
    watched.execute("ALTER USER watcher@'127.0.0.1' IDENTIFIED BY 'the new one'")
    (watched.folder / "password").write_text("the new one\n")
    watched.recovers()
    watched.execute(f"ALTER USER watcher@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    (watched.folder / "password").write_text(PASSWORD + "\n")


def targets(
    folder: Path, servers: dict[str, PrivateServer], hook: Hook, *, queries: int = 1
) -> Path:
    """Write a config with many targets, each with the same small queries."""
    for number in range(queries):
        two_files(
            folder,
            f"small{number}",
            sql="SELECT 1 AS n",
            toml=f"""summary = "small"
            interval = "500ms"
            timeout = "450ms"
            [metrics.app_small{number}]
            help = "small"
            value = "n"
            """,
        )
    config = folder / "config.toml"
    sections = [
        f'[targets.{name}]\nunix_socket = "{server.socket}"\nuser = "root"\ndatabase = "mysql"'
        for name, server in servers.items()
    ]
    config.write_text(
        "\n".join(
            [
                'query_dirs = ["queries"]\nshipped_queries = false',
                *sections,
                '[web]\nlisten = "127.0.0.1:0"',
                *(
                    f'[rules.TokenMonitor{name}]\nfor = "0s"'
                    for name in ("TargetDown", "ReplicaLagging")
                ),
                # what a busy machine does to three runs in a row is over by then
                '[rules.TokenMonitorQueryFailing]\nfor = "3s"',
                webhook(hook.url),
            ]
        )
    )
    return config


@pytest.mark.alone
def test_one_target_that_hangs_delays_none_of_nineteen_others(
    watched: Watched, mariadb: PrivateMariaDB, folder: Path, hook: Hook
) -> None:
    servers: dict[str, PrivateServer] = {
        f"well{number}": mariadb for number in range(19)
    }
    config = targets(folder, {**servers, "hung": watched.server}, hook)
    with running(config) as daemon:
        for name in (*servers, "hung"):
            daemon.wait_for("run.finished", target=name)
        wait_until(
            lambda: set(daemon.series("token_monitor_up{").values()) == {1.0},
            why="all are up",
        )
        begun = len(daemon.events)
        with frozen(watched.server):
            daemon.wait_for("target.lost", target="hung", after=begun)
            seen = len(daemon.events)
            wait_until(
                lambda: all(
                    len([one for one in daemon.events[seen:] if is_run(one, name)]) >= 6
                    for name in servers
                ),
                seconds=40,
                why="six runs of each that is well",
            )
            runs = [one for one in daemon.events[seen:] if is_run(one)]
        for name in servers:
            # the median: what the whole machine is late by it is late by once
            late = sorted(lateness(one) for one in runs if one["target"] == name)
            assert late[len(late) // 2] < 1
        lost = [one for one in daemon.events[begun:] if one["event"] == "target.lost"]
        assert {
            one["target"]
            for one in lost
            if one["target"] == "hung" or not stood_still(one)
        } == {"hung"}
        daemon.wait_for("target.recovered", target="hung")
    watched.recovers()


def is_run(event: dict[str, object], name: str | None = None) -> bool:
    return (
        event["event"] == "run.finished"
        and event["target"] != "hung"
        and name in (None, event["target"])
    )


def lateness(event: dict[str, object]) -> float:
    """Return how long after its time a run began."""
    ended, due = (
        datetime.fromisoformat(str(event[key])) for key in ("timestamp", "scheduled_at")
    )
    return (ended - due).total_seconds() - float(str(event["duration_seconds"]))


def test_all_targets_lost_is_one_alert_for_each_and_no_herd_when_they_return(
    watched: Watched, folder: Path, hook: Hook
) -> None:
    servers: dict[str, PrivateServer] = {
        f"lost{number}": watched.server for number in range(10)
    }
    with running(targets(folder, servers, hook, queries=3)) as daemon:
        wait_until(
            lambda: len(daemon.series("app_small2{")) == 10, why="all targets have data"
        )
        wait_until(
            lambda: set(daemon.series("token_monitor_up{").values()) == {1.0},
            why="all are up",
        )
        watched.server.stop()
        try:
            wait_until(
                lambda: firing(hook) == set(servers),
                seconds=60,
                why="an alert for each",
            )
            failures = total_failures(daemon)
            wait_until(
                lambda: total_failures(daemon) > failures + 60,
                why="many runs failed since",
            )
        finally:
            watched.server.start()
        for name in servers:
            daemon.wait_for("target.recovered", target=name)
        with watched.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
            ((_, most),) = cursor.fetchall()
        # of each target at most its own two, the module's daemon beside them, and the asker
        assert int(most) <= 10 * MAX_CONNECTIONS + MAX_CONNECTIONS + 3
        wait_until(
            lambda: len(daemon.series("app_small2{")) == 10, why="all have data again"
        )
        wait_until(
            lambda: firing(hook) == set(), seconds=60, why="each alert is resolved"
        )
        assert {name for _, name in hook.alerts()} == {"TokenMonitorTargetDown"}
        for name in servers:
            lost = daemon.seen("target.lost", target=name)
            assert [status for status, _ in posted(hook, name)] == [
                "firing",
                "resolved",
            ] * len(lost)
            # a run that had its data before may end after the first that had none
            assert len([one for one in lost if not stood_still(one)]) in (1, 2)
    watched.recovers()


def posted(hook: Hook, target: str) -> list[tuple[str, str]]:
    """Return what was posted of one target, in order: status and alertname."""
    alerts = [alert for body in list(hook.bodies) for alert in body["alerts"]]
    return [
        (alert["status"], alert["labels"]["alertname"])
        for alert in alerts
        if alert["labels"].get("target") == target
    ]


def firing(hook: Hook) -> set[str]:
    """Name the targets whose last alert fires."""
    alerts = [alert for body in list(hook.bodies) for alert in body["alerts"]]
    last = {alert["labels"]["target"]: alert["status"] for alert in alerts}
    return {target for target, status in last.items() if status == "firing"}


def total_failures(daemon: Daemon) -> float:
    return sum(daemon.series("token_monitor_query_failures_total{").values())


def drop_all_but_ours(server: PrivateServer) -> None:
    """Have the monitor connect again: on a connection that it has it asks how the replica stands each 15 s."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE db = 'mysql'"
        )
        for (session,) in cursor.fetchall():
            with contextlib.suppress(pymysql.MySQLError):
                cursor.execute(f"KILL {session}")


def test_a_replica_that_stands_is_reported_as_that_and_its_data_not_judged(
    folder: Path, hook: Hook
) -> None:
    with replicating(PrivateMariaDB) as pair:
        servers = {"primary": pair.primary, "replica": pair.replica}
        with running(targets(folder, servers, hook)) as daemon:
            wait_until(
                lambda: len(daemon.series("app_small0{")) == 2, why="both have data"
            )
            pair.do("STOP")
            drop_all_but_ours(pair.replica)
            put_off = daemon.wait_for("run.deferred", target="replica", seconds=60)
            assert "replica" in put_off["message"]
            hook.wait_for("firing", "TokenMonitorReplicaLagging")
            wait_until(
                lambda: (
                    list(daemon.series("app_small0{"))
                    == ['app_small0{target="primary"}']
                ),
                why="the primary alone has data",
            )
            wait_until(
                lambda: set(daemon.series("token_monitor_up{").values()) == {1.0},
                why="both are up",
            )
            pair.do("START")
            drop_all_but_ours(pair.replica)
            hook.wait_for("resolved", "TokenMonitorReplicaLagging", seconds=60)
            wait_until(
                lambda: len(daemon.series("app_small0{")) == 2,
                why="both have data again",
            )
        lost = daemon.seen("target.lost")
        assert [one for one in lost if not stood_still(one)] == []
        allowed = {"TokenMonitorTargetDown"} if lost else set()
        assert {name for _, name in hook.alerts()} - allowed == {
            "TokenMonitorReplicaLagging"
        }
