"""Bad luck that must not page: reloads in the middle, a process that slept, a server that comes late."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import (
    in_seconds,
    only_ours,
    token_system,
    two_files,
    webhook,
    write_config,
)
from tests.acceptance.program import Daemon, Hook, running, wait_until

SLOW = """SELECT COUNT(*) AS counted FROM information_schema.columns a, information_schema.columns b,
information_schema.columns c WHERE a.column_name <> b.column_name AND b.table_name <> c.table_name"""


def connections(server: PrivateMariaDB, schema: str, *, command: str = "%") -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s AND command LIKE %s",
            (schema, command),
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def test_reloads_of_a_target_whose_queries_hang_open_no_more_connections_and_leave_none(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    config = only_ours(write_config(folder, mariadb, schema, extra=webhook(hook.url)))
    for number in range(4):
        two_files(
            folder,
            f"slow{number}",
            sql=SLOW,
            toml='summary = "slow"\ninterval = "5m"\ntimeout = "2m"',
        )
    text = config.read_text()
    with running(config) as daemon:
        wait_until(lambda: connections(mariadb, schema, command="Query") == 2)
        for number in range(5):
            labels = f'labels = {{ round = "{number}" }}'
            config.write_text(
                text.replace("[targets.main]", f"[targets.main]\n{labels}")
            )
            assert daemon.get("/-/reload", method="POST")[0] == 200
            assert connections(mariadb, schema) <= 3
        config.write_text(
            text.replace("[targets.main]", "[targets.main]\nmax_connections = 3")
        )
        assert daemon.get("/-/reload", method="POST")[0] == 200
        wait_until(lambda: connections(mariadb, schema, command="Query") == 3)
        assert daemon.stop() == 0
        wait_until(lambda: connections(mariadb, schema) == 0, seconds=60)
    assert hook.alerts() == []


def is_stopped(daemon: Daemon, server: PrivateMariaDB, schema: str) -> bool:
    """Stop it, but not while a connection is being made: it would say that nobody answered in time."""
    daemon.signal(signal.SIGSTOP)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'unauthenticated user'"
            " OR (db = %s AND command = 'Sleep' AND time_ms < 50)",
            (schema,),
        )
        ((count,),) = cursor.fetchall()
    if count:
        daemon.signal(signal.SIGCONT)
    return not count


def test_a_process_that_was_stopped_for_a_while_pages_nothing_when_it_goes_on(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    token_system(mariadb, schema)
    config = write_config(
        folder,
        mariadb,
        schema,
        extra=f"{in_seconds('1s', '950ms')}\n{webhook(hook.url)}",
    )
    with config.open("a") as file:
        file.write('[rules.TokenMonitorQueryStale]\nfor = "0s"\n')
    with running(config) as daemon:
        daemon.wait_for("run.finished", query="balances")
        wait_until(lambda: is_stopped(daemon, mariadb, schema))
        stopped_at = time.monotonic()
        # longer than three intervals and the time limit of every query
        wait_until(lambda: time.monotonic() - stopped_at > 6)
        daemon.signal(signal.SIGCONT)
        seen = len(daemon.events)
        daemon.wait_for("run.finished", query="balances", after=seen)
        daemon.wait_for("run.finished", query="missing_columns", after=seen)
    assert hook.alerts() == []


def test_a_server_that_comes_after_the_daemon_is_found_within_seconds_whatever_the_interval(
    folder: Path, hook: Hook
) -> None:
    server = PrivateMariaDB(folder / "db")
    server.create()
    try:
        config = only_ours(
            write_config(folder, server, "mysql", extra=webhook(hook.url))
        )
        two_files(
            folder,
            "rare",
            sql="SELECT 1 AS n",
            toml='summary = "rare"\ninterval = "10m"',
        )
        with running(config) as daemon:
            daemon.wait_for("target.lost")
            server.start()
            daemon.wait_for("target.recovered")
            assert daemon.series("token_monitor_up") == {
                'token_monitor_up{target="main"}': 1.0
            }
        assert hook.alerts() == []
    finally:
        server.close()


def test_a_reload_that_adds_a_receiver_leaves_the_delivery_under_way_alone(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    config = only_ours(
        write_config(
            folder, mariadb, schema, extra=f'{webhook(hook.url)}\ntimeout = "60s"'
        )
    )
    two_files(
        folder,
        "n",
        sql="SELECT 1 AS n",
        toml="""summary = "n"
            interval = "1s"
            timeout = "950ms"
            [rules.One]
            column = "n"
            above = 0
            severity = "warning"
            summary = "one"
            """,
    )
    with running(config) as daemon, hook.slow():
        hook.wait_for("firing", "One")
        with config.open("a") as file:
            file.write(
                f'\n[receivers.other]\nkind = "webhook"\nurl = "{hook.url}/other"\n'
            )
        assert daemon.get("/-/reload", method="POST")[0] == 200
        hook.go_on()
        daemon.wait_for("delivery.succeeded", receiver="hook")
    assert hook.alerts() == [("firing", "One")]
