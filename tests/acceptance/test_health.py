"""`/-/healthy` and heartbeats while threads of the real daemon are frozen: no lies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Daemon, Hook, run_command, running, wait_until
from tests.acceptance.threads import all_others_wait_in, frozen_when, waiting_in
from tests.notify.far_end import FarEnd, status
from tests.support.servers import free_port

ONE = 'summary = "x"\ninterval = "500ms"\ntimeout = "400ms"\n'
RULE = """
[metrics.one]
help = "x"
value = "n"
[rules.One]
metric = "one"
above = 0
severity = "critical"
summary = "x"
"""


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.close()


def config_with(
    mariadb: PrivateMariaDB,
    schema: str,
    folder: Path,
    *,
    sql: str = "SELECT 0 AS n",
    toml: str = ONE + RULE,
    extra: str = "",
) -> Path:
    two_files(folder, "one", sql=sql, toml=toml)
    config = write_config(
        folder, mariadb, schema, web=f"127.0.0.1:{free_port()}", extra=extra
    )
    return only_ours(config)


def heartbeat(far: FarEnd, *, interval: str = "500ms", timeout: str = "400ms") -> str:
    return f'[heartbeat]\nurl = "{far.url}/ping/very-s3cret"\ninterval = "{interval}"\ntimeout = "{timeout}"'


def healthy(daemon: Daemon) -> tuple[int, str]:
    return daemon.get("/-/healthy")


def answers(daemon: Daemon) -> bool:
    try:
        return bool(healthy(daemon)[0])
    except OSError:
        return False


def test_a_daemon_whose_machinery_is_frozen_says_what_and_stops_its_heartbeat(
    mariadb: PrivateMariaDB, schema: str, folder: Path, far: FarEnd
) -> None:
    config = config_with(mariadb, schema, folder, extra=heartbeat(far))
    with running(config) as daemon:
        wait_until(lambda: far.requests, seconds=60, why="the first heartbeat")
        wait_until(
            lambda: healthy(daemon) == (200, "healthy\n"), seconds=60, why="healthy"
        )

        def is_all(tids: Sequence[int]) -> bool:
            # One that was at work would do more; one that waited for the interpreter's lock may hold up all.
            return all_others_wait_in(
                daemon.pid, tids, "epoll", "ep_poll", "sigtimedwait"
            ) and answers(daemon)

        # All threads that wait for their next piece of work: all but the web server's loop, and the signals'.
        with frozen_when(lambda: waiting_in(daemon.pid, "futex"), is_all):
            wait_until(lambda: healthy(daemon)[0] == 503, seconds=60, why="unhealthy")
            wait_until(
                lambda: healthy(daemon)[1].count(";") == 2,
                seconds=60,
                why="all three are said",
            )
            beats = len(far.requests)
            reported = healthy(daemon)[1]
            assert "the scheduler has hung: one on main has been due for " in reported
            assert "the pipeline has done nothing for " in reported
            assert "the ticker has done nothing for " in reported
            checked = run_command("healthcheck", "--config", str(config))
            assert checked.returncode == 1
            assert "the pipeline has done nothing for " in checked.stderr
            assert len(far.requests) == beats
        wait_until(
            lambda: healthy(daemon) == (200, "healthy\n"),
            seconds=60,
            why="healthy again",
        )
        wait_until(
            lambda: len(far.requests) > beats, seconds=60, why="heartbeats go on"
        )


def waiting_for_an_answer(daemon: Daemon) -> list[int]:
    return waiting_in(daemon.pid, "unix_stream", "poll_schedule")


def seconds_of_the_hang(daemon: Daemon) -> int:
    found = re.fullmatch(
        r"all workers of main have hung for up to (\d+) s, in one\n", healthy(daemon)[1]
    )
    assert found is not None
    return int(found[1])


def test_a_worker_that_is_frozen_in_its_query_is_seen_and_stops_the_heartbeat(
    mariadb: PrivateMariaDB, schema: str, folder: Path, far: FarEnd
) -> None:
    slow = "SELECT COUNT(*) AS n FROM (SELECT SLEEP(0.3)) AS slept"
    config = config_with(mariadb, schema, folder, sql=slow, extra=heartbeat(far))
    config.write_text(
        config.read_text().replace(
            "[targets.main]", "[targets.main]\nmax_connections = 1"
        )
    )
    with (
        running(config) as daemon,
        mariadb.connect() as connection,
        connection.cursor() as cursor,
    ):
        wait_until(lambda: far.requests, seconds=60, why="the first heartbeat")

        def statement() -> object:
            cursor.execute(
                "SELECT query_id FROM information_schema.processlist"
                " WHERE db = %s AND command = 'Query' AND info LIKE '%%SLEEP%%'",
                (schema,),
            )
            return cursor.fetchone()

        def is_in_its_query(_tids: Sequence[int]) -> bool:
            # All the time that nobody else waits the server is at one and the same statement.
            before = statement()
            return (
                before is not None
                and not waiting_for_an_answer(daemon)
                and statement() == before
            )

        with frozen_when(lambda: waiting_for_an_answer(daemon)[:1], is_in_its_query):
            wait_until(lambda: healthy(daemon)[0] == 503, seconds=60, why="unhealthy")
            # By now its data was late for long, and nothing that was under way goes on.
            assert last_told(daemon)["event"] == "heartbeat.withheld"
            assert last_told(daemon)["reason"] in ("late", "unhealthy")
            beats, hung = len(far.requests), seconds_of_the_hang(daemon)
            wait_until(
                lambda: seconds_of_the_hang(daemon) > hung + 3, why="it hangs on"
            )
            assert len(far.requests) == beats
            seen = len(daemon.events)
        wait_until(lambda: healthy(daemon)[0] == 200, seconds=60, why="healthy again")
        daemon.wait_for("heartbeat.resumed", seconds=60, after=seen)
        wait_until(
            lambda: len(far.requests) > beats, seconds=60, why="heartbeats go on"
        )
        assert "s3cret" not in "\n".join(daemon.raw)


def told_of_heartbeats(daemon: Daemon) -> list[dict[str, object]]:
    return [
        one
        for one in daemon.events
        if one["event"] in ("heartbeat.withheld", "heartbeat.resumed")
    ]


def last_told(daemon: Daemon) -> dict[str, object]:
    return told_of_heartbeats(daemon)[-1]


def test_a_receiver_that_answers_nothing_and_a_lost_database_leave_it_healthy(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    toml = (ONE + RULE).replace("above = 0", "above = -1")
    config = config_with(
        mariadb,
        schema,
        folder,
        toml=toml,
        extra=webhook(hook.url) + '\ntimeout = "500ms"',
    )
    gone = {"unix_socket": "/nowhere.sock", "user": "root", "database": "app"}
    lost = "[targets.gone]\n" + "\n".join(
        f"{key} = {json.dumps(value)}" for key, value in gone.items()
    )
    config.write_text(config.read_text() + lost)
    with hook.slow(), running(config) as daemon:
        daemon.wait_for("target.lost", target="gone", seconds=60)
        daemon.wait_for("delivery.failed", reason="timeout", seconds=60)
        assert healthy(daemon) == (200, "healthy\n")


def test_a_heartbeat_is_sent_while_all_runs_and_withheld_while_a_column_is_missing(
    mariadb: PrivateMariaDB, schema: str, folder: Path, far: FarEnd
) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n INT)")
    # One that is not taken within its time limit would count as another failure.
    beat = heartbeat(far, interval="2s", timeout="1900ms")
    config = config_with(
        mariadb, schema, folder, sql="SELECT COUNT(n) AS n FROM t", extra=beat
    )
    with running(config) as daemon:
        total = "token_monitor_heartbeats_total"
        wait_until(
            lambda: daemon.series(total)[total] >= 2, seconds=60, why="heartbeats"
        )
        assert len(far.requests) >= 2
        assert {(one.method, one.path) for one in far.requests} == {
            ("GET", "/ping/very-s3cret")
        }
        seen = len(daemon.events)
        with mariadb.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE t RENAME COLUMN n TO m")
        daemon.wait_for("run.failed", seconds=30, after=seen, reason="schema_missing")
        withheld = daemon.wait_for("heartbeat.withheld", seconds=30, after=seen)
        assert withheld["reason"] == "late"
        assert withheld["message"].startswith(
            "not in time: one on main (no data since "
        )
        beats, seen = len(far.requests), len(daemon.events)
        with mariadb.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE t RENAME COLUMN m TO n")
        daemon.wait_for("heartbeat.resumed", seconds=30, after=seen)
        wait_until(lambda: len(far.requests) > beats, why="heartbeats go on")
        # Each is said once: a slow machine may have it withheld once more, and not twice in a row.
        reported = [
            (one["event"], one.get("reason")) for one in told_of_heartbeats(daemon)
        ]
        assert not [one for one, other in pairwise(reported) if one == other]
        before = daemon.series("token_monitor_heartbeat_")
        at = before["token_monitor_heartbeat_last_success_timestamp_seconds"]
        far.answers = [status(500)] * 3
        daemon.wait_for("heartbeat.failed", seconds=60, reason="http_500")
        daemon.wait_for(
            "heartbeat.succeeded", seconds=60, last_reason="http_500", repeated=3
        )
        after = daemon.series("token_monitor_heartbeat_")
        assert after['token_monitor_heartbeat_failures_total{reason="http_500"}'] == 3
        assert after["token_monitor_heartbeat_last_success_timestamp_seconds"] > at
    shown = "\n".join(daemon.raw)
    assert "s3cret" not in shown
    assert "heartbeat.withheld" not in shown.partition("monitor.stopped")[2]
