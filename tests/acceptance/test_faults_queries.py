"""Single queries go wrong on a server that is well: the run says why, all other queries go on."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.acceptance.configs import only_ours, two_files, write_config
from tests.acceptance.faults import CALM, RUNAWAY, TEN_MILLION_ROWS, Watched, watching
from tests.acceptance.program import run_command, running, wait_until
from tests.acceptance.single_value import a_schema
from tests.support.servers import PrivateMySQL

STOPPED_BY_THE_SERVER = "max_statement_time exceeded"


@pytest.fixture(scope="module")
def daemon_and_server(mariadb: PrivateMariaDB) -> Iterator[Watched]:
    with watching(mariadb, more_queries=("patient",)) as watched:
        yield watched


def others_go_on(watched: Watched) -> None:
    watched.keeps_its_word()
    watched.runs_again("things")
    wait_until(lambda: watched.has_data("things"), why="its series")
    watched.is_not_lost()


def checks(watched: Watched, *arguments: str, gives: int) -> None:
    """Wait until `check` ends so; where the machine is busy it may find that a query takes too long."""
    command = ("check", *arguments, "--config", str(watched.folder / "config.toml"))
    wait_until(
        lambda: run_command(*command).returncode == gives, why=f"check gives {gives}"
    )


def test_a_runaway_query_is_stopped_by_the_servers_own_limit(watched: Watched) -> None:
    watched.steer(RUNAWAY)
    watched.failed("steered", "timeout")
    # where the machine stands still our own limit may come first, and a repeated reason is written once
    wait_until(
        lambda: STOPPED_BY_THE_SERVER in watched.message("steered"),
        why="the server stopped it",
    )
    watched.steer(CALM)
    watched.is_stopped_on_the_server()
    others_go_on(watched)
    watched.recovers()


@pytest.mark.mysql
def test_a_runaway_query_on_mysql_is_stopped_by_its_own_limit(
    mysql: PrivateMySQL, folder: Path
) -> None:
    for name, sql in (("runaway", RUNAWAY), ("calm", CALM)):
        two_files(
            folder,
            name,
            sql=sql,
            toml=f"""summary = "{name}"
            interval = "800ms"
            timeout = "700ms"
            [metrics.app_{name}]
            help = "{name}"
            labels = ["name"]
            value = "n"
            """,
        )
    with a_schema(mysql) as schema:
        with mysql.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE digits (digit INT PRIMARY KEY)")
            cursor.execute(
                "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)"
            )
        with running(only_ours(write_config(folder, mysql, schema))) as daemon:
            daemon.wait_for("run.failed", query="runaway", reason="timeout", code=3024)
            wait_until(
                lambda: daemon.series("app_calm{"), why="the other query has data"
            )
        wait_until(
            lambda: statements_on(mysql, schema) == 0,
            seconds=30,
            why="nothing of ours runs on",
        )


def statements_on(server: PrivateServer, schema: str) -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s AND command = 'Query'",
            (schema,),
        )
        ((count,),) = cursor.fetchall()
        return int(count)


def forget_limits(sent: bytes) -> bytes:
    return sent.replace(b"max_statement_time", b"no_statement_time")


def test_a_server_that_knows_no_limit_is_asked_to_kill(watched: Watched) -> None:
    watched.breaks(from_client=forget_limits)
    wait_until(watched.is_well, seconds=60, why="the new sessions are in use")
    watched.begin()
    watched.steer(RUNAWAY)
    failed = watched.failed("steered", "timeout", message="no result within 700ms")
    assert 0.9 < failed["duration_seconds"] < 6
    watched.steer(CALM)
    watched.is_stopped_on_the_server()
    others_go_on(watched)
    watched.proxy.heal()
    # sessions that know no limit would be kept
    watched.breaks()
    watched.recovers()


@pytest.mark.parametrize("code", [1094, 1095])
def test_a_kill_that_the_server_refuses_leaves_our_own_cut(
    watched: Watched, code: int
) -> None:
    with watched.server.connect() as foreign:
        with foreign.cursor() as cursor:
            cursor.execute("SELECT CONNECTION_ID()")
            ((thread,),) = cursor.fetchall()
        # a thread that is not there; one that is another's
        instead = 999_999 if code == 1094 else thread
        kills: list[bytes] = []

        def rewrite(sent: bytes) -> bytes:
            if b"KILL QUERY" in sent:
                kills.append(sent)
                sent = re.sub(rb"\d+", str(instead).encode(), sent)
            return forget_limits(sent)

        watched.breaks(from_client=rewrite)
        wait_until(watched.is_well, seconds=60, why="the new sessions are in use")
        watched.begin()
        watched.steer(RUNAWAY)
        wait_until(
            lambda: [
                one
                for one in watched.since(
                    "run.failed", query="steered", reason="timeout"
                )
                if "still runs" in one["message"]
            ],
            why="the query runs on",
        )
        cut = watched.failed("steered", "timeout", message="no result within 700ms")
        assert 0.9 < cut["duration_seconds"] < 6
        # what the server stops by no means runs on there, and is not joined by another
        before = watched.failures("timeout", "steered")
        wait_until(
            lambda: watched.failures("timeout", "steered") >= before + 3,
            why="the next slots come",
        )
        (runs_on,) = watched.running()
        asked = [sent for sent in kills if sent.endswith(b" %d" % runs_on)]
        assert len(asked) == 1
        watched.proxy.heal()
        watched.execute(*(f"KILL {session}" for session in watched.running()))
        watched.steer(CALM)
    watched.breaks()
    watched.recovers()


@pytest.mark.parametrize(
    ("kill", "code", "reason"),
    [("KILL QUERY", 1317, "killed"), ("KILL CONNECTION", 2013, "target_down")],
)
def test_a_query_that_a_person_kills_is_not_sent_again(
    watched: Watched, kill: str, code: int, reason: str
) -> None:
    watched.steer(RUNAWAY)
    wait_until(
        lambda: (
            is_killed(watched, kill)
            and watched.since("run.failed", query="steered", reason=reason, code=code)
        ),
        seconds=60,
        why="a run was hit before its limit",
    )
    watched.failed("steered", reason, code=code)
    watched.steer(CALM)
    watched.is_stopped_on_the_server()
    others_go_on(watched)
    watched.recovers()
    hit = watched.since("run.failed", query="steered", reason=reason)
    assert len({one["scheduled_at"] for one in hit}) == len(hit)


def is_killed(watched: Watched, kill: str) -> bool:
    for session in watched.running():
        with contextlib.suppress(pymysql.MySQLError):
            watched.execute(f"{kill} {session}")
    return True


def test_a_table_that_somebody_locks_is_waited_for_twice_two_seconds(
    watched: Watched,
) -> None:
    with watched.server.connect("app") as owner, owner.cursor() as cursor:
        cursor.execute("LOCK TABLES patient WRITE")
        failed = watched.failed("patient", "lock_wait", code=1205)
        # a third time there is none: the query's own limit is 4.6 s
        assert 3.5 < failed["duration_seconds"] < 8
        others_go_on(watched)
        cursor.execute("UNLOCK TABLES")
    watched.runs_again("patient")
    watched.recovers()


def a_function(signals_when: str) -> tuple[str, str]:
    """Make a function that answers as the victim of a deadlock; @tried counts a session's tries."""
    return (
        "DROP FUNCTION IF EXISTS deadlock",
        f"""CREATE FUNCTION deadlock() RETURNS INT BEGIN
            SET @tried = COALESCE(@tried, 0) + 1;
            IF {signals_when} THEN
                SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found';
            END IF;
            RETURN 1;
        END""",
    )


def test_the_victim_of_a_deadlock_asks_once_more(watched: Watched) -> None:
    watched.execute(*a_function("@tried % 2 = 1"))
    watched.steer("SELECT 'once' AS name, deadlock() AS n")
    wait_until(
        lambda: watched.daemon.series(STEERED % "once"), why="the second try gave data"
    )
    # one that had no time left for a second try is the machine's doing
    failed = watched.since("run.failed", query="steered", reason="lock_wait")
    assert [one for one in failed if one["duration_seconds"] < 0.5] == []
    watched.execute(*a_function("TRUE"))
    watched.failed("steered", "lock_wait", code=1213)
    others_go_on(watched)
    watched.steer(CALM)
    watched.recovers()


def test_idle_connections_hold_up_no_change_of_a_table(watched: Watched) -> None:
    with watched.server.connect("app") as owner, owner.cursor() as cursor:
        cursor.execute("SET lock_wait_timeout = 20")
        took = []
        for number in range(5):
            watched.runs_again("things")
            started = time.monotonic()
            cursor.execute(
                f"ALTER TABLE patient ADD COLUMN extra{number} INT, ALGORITHM=COPY, LOCK=SHARED"
            )
            cursor.execute(f"ALTER TABLE patient DROP COLUMN extra{number}")
            took.append(time.monotonic() - started)
    # a lock that an idle session held would have been waited for to the end
    assert max(took) < 20
    watched.recovers()
    assert watched.since("run.failed", reason="lock_wait") == []


def test_a_right_that_is_revoked_costs_the_query_that_needs_it(
    watched: Watched,
) -> None:
    watched.execute("REVOKE SELECT ON side.others FROM watcher@'127.0.0.1'")
    watched.failed("others", "access_denied", code=1142)
    watched.waits_for("firing", "TokenMonitorAccessDenied")
    others_go_on(watched)
    watched.execute("GRANT SELECT ON side.others TO watcher@'127.0.0.1'")
    watched.waits_for("resolved", "TokenMonitorAccessDenied")
    watched.recovers()


def test_a_column_that_is_dropped_is_one_alert_and_blocks_what_needs_it(
    watched: Watched,
) -> None:
    watched.execute("ALTER TABLE needed ADD COLUMN other INT, DROP COLUMN n")
    watched.waits_for("firing", "TokenColumnMissing")
    watched.daemon.wait_for("run.blocked", after=watched.mark, query="needed")
    wait_until(lambda: not watched.has_data("needed"), why="no series of needed")
    missing = watched.daemon.series("token_schema_column_missing{")
    assert (
        missing['token_schema_column_missing{column="n",table="needed",target="main"}']
        == 1
    )
    others_go_on(watched)
    checks(watched, "--schema", "--target", "main", gives=2)
    watched.execute("ALTER TABLE needed ADD COLUMN n INT DEFAULT 1")
    watched.waits_for("resolved", "TokenColumnMissing")
    watched.recovers()
    assert {name for _, name in watched.news()} == {"TokenColumnMissing"}


def test_a_table_that_is_gone_without_being_declared_is_a_failing_query(
    watched: Watched,
) -> None:
    watched.execute("RENAME TABLE app.patient TO side.elsewhere")
    watched.failed("patient", "schema_missing", code=1146)
    others_go_on(watched)
    checks(watched, "patient", gives=3)
    watched.execute("RENAME TABLE side.elsewhere TO app.patient")
    watched.recovers()


def test_ten_million_rows_cost_neither_memory_nor_the_server(watched: Watched) -> None:
    before = watched.daemon.resident_bytes()
    watched.steer(TEN_MILLION_ROWS)
    failed = watched.failed("steered", "too_many_rows")
    assert "more than 1000 rows" in failed["message"]
    failures = watched.failures("too_many_rows", "steered")
    wait_until(
        lambda: watched.failures("too_many_rows", "steered") > failures + 1,
        why="it comes again",
    )
    watched.steer(CALM)
    watched.is_stopped_on_the_server()
    others_go_on(watched)
    assert watched.daemon.resident_bytes() - before < 20_000_000
    watched.recovers()


CELLS = {
    "REPEAT('x', 15 * 1024 * 1024)": "more than 64 KiB",
    "NULL": 'column "n" is NULL',
    "CAST('0000-00-00' AS DATETIME)": "is a date of zeros and not a number",
    "CAST('2026-02-03' AS DATE)": "is a date and not a number",
    "x'ff00'": "is binary (BINARY, VARBINARY, BLOB) and not a number",
    "'12 apples'": "is text that is not a number",
}


def test_a_cell_that_is_no_number_fails_its_run_with_the_row_and_the_column(
    watched: Watched,
) -> None:
    for cell, words in CELLS.items():
        seen = len(watched.daemon.events)
        watched.steer(f"SELECT 'a' AS name, {cell} AS n")
        wait_until(
            functools.partial(is_told, watched, seen, words), why=f"row 1: {words}"
        )
    assert not watched.has_data("steered")
    others_go_on(watched)
    watched.steer("SELECT 'a' AS name, CAST(18446744073709551615 AS UNSIGNED) AS n")
    watched.runs_again("steered")
    wait_until(
        lambda: watched.daemon.series("app_steered{") == {STEERED % "a": 2.0**64}
    )
    watched.recovers()


def is_told(watched: Watched, seen: int, words: str) -> bool:
    """Return whether a failed run since then names the cell, and says this of it."""
    failed = [
        one
        for one in watched.daemon.events[seen:]
        if one["event"] == "run.failed"
        and (one["query"], one["reason"]) == ("steered", "bad_result")
    ]
    return any(words in one["message"] and "row 1" in one["message"] for one in failed)


STEERED = 'app_steered{name="%s",target="main"}'


def test_text_in_another_character_set_than_agreed_costs_that_run_and_its_connection(
    watched: Watched,
) -> None:
    watched.steer("SELECT 'grün' AS name, 1 AS n")
    agreed, other = (
        b"character_set_results = utf8mb4",
        b"character_set_results = latin1",
    )
    watched.breaks(from_client=lambda sent: sent.replace(agreed, other))
    failed = watched.failed("steered", "bad_result")
    assert "character_set_results is 'latin1', not 'utf8mb4'" in failed["message"]
    watched.proxy.from_client = None
    watched.runs_again("steered")
    wait_until(
        lambda: watched.daemon.series(STEERED % "grün"), why="the text is whole again"
    )
    others_go_on(watched)
    watched.recovers()


def test_two_rows_with_the_same_labels_fail_the_run_and_metrics_stay_readable(
    watched: Watched,
) -> None:
    watched.steer("SELECT 'twin' AS name, 1 AS n UNION ALL SELECT 'twin', 2")
    failed = watched.failed("steered", "bad_result")
    assert "two rows with the same labels" in failed["message"]
    is_readable(watched)
    for name in ("one", "two"):
        watched.steer(f"SELECT '{name}' AS name, 1 AS n")
        wait_until(functools.partial(is_steered_to, watched, name))
        is_readable(watched)
    others_go_on(watched)
    watched.recovers()


def is_steered_to(watched: Watched, name: str) -> bool:
    return list(watched.daemon.series("app_steered{")) == [STEERED % name]


def is_readable(watched: Watched) -> None:
    started = time.monotonic()
    text = watched.daemon.get("/metrics")[1]
    assert time.monotonic() - started < 5
    names = [family.name for family in text_string_to_metric_families(text)]
    assert len(names) == len(set(names))


def test_a_hundred_thousand_label_sets_are_refused_and_metrics_stay_small(
    watched: Watched,
) -> None:
    size = len(watched.daemon.get("/metrics")[1])
    watched.steer("SELECT CONCAT('user', seq) AS name, seq AS n FROM seq_1_to_100000")
    watched.failed("steered", "too_many_rows")
    watched.waits_for("firing", "TokenMonitorQueryFailing")
    is_readable(watched)
    assert len(watched.daemon.get("/metrics")[1]) < size + 10_000
    others_go_on(watched)
    watched.steer(CALM)
    watched.recovers()
