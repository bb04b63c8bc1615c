"""The whole program on a hoster's server: all variables hostile at once, all tables in another collation."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import create_tables, populate
from tests.acceptance.configs import in_seconds, webhook, write_config
from tests.acceptance.program import Daemon, Hook, run_command, running
from tests.support.hostile_server import (
    PASSWORD,
    HostersMariaDB,
    is_hostile_to,
    reader_of,
)

NOW = datetime.now(UTC)
SCHEMA = "hosted"
WIDE = {"COLUMNS": "200"}


@dataclass(frozen=True, slots=True)
class Hosted:
    """A server with a token system in it, and the account that reads it."""

    server: PrivateMariaDB
    account: str

    def config(self, folder: Path, extra: str = "") -> Path:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        target = {"user": self.account, "password_file": "password"}
        return write_config(folder, self.server, SCHEMA, extra=extra, target=target)

    def execute(self, *statements: str) -> None:
        with self.server.connect(SCHEMA) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def hosted_on(server: PrivateMariaDB) -> Iterator[Hosted]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {SCHEMA}"
        )  # with the server's own character set and collation
        create_tables(connection, SCHEMA)
        populate(connection, now=NOW)
    with reader_of(server, SCHEMA) as account:
        yield Hosted(server, account)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {SCHEMA}")


@pytest.fixture(scope="module")
def hosted() -> Iterator[Hosted]:
    with HostersMariaDB(Path(tempfile.mkdtemp(prefix="tm-"))) as server:
        yield from hosted_on(server)


@pytest.fixture(scope="module")
def pristine(mariadb: PrivateMariaDB) -> Iterator[Hosted]:
    yield from hosted_on(mariadb)


def test_the_server_is_as_hostile_as_it_says(hosted: Hosted) -> None:
    assert is_hostile_to(hosted.server, hosted.account)


def test_a_column_goes_and_comes_back_and_a_restart_between_announces_nothing(
    hosted: Hosted, folder: Path, hook: Hook
) -> None:
    config = hosted.config(folder, f"{in_seconds('2s', '1900ms')}\n{webhook(hook.url)}")
    with running(config) as daemon:
        runs_of_all(daemon)
        assert set(daemon.series("token_schema_column_missing").values()) == {0.0}
        assert fired(daemon) <= {"TokenMonitorWatchdog"}
        hosted.execute(
            "ALTER TABLE users CHANGE tokens_remaining aside INT DEFAULT NULL"
        )
        hook.wait_for("firing", "TokenColumnMissing")
    with running(config) as again:
        again.wait_for("run.finished", query="missing_columns")
        assert again.seen("alert.fired", alertname="TokenColumnMissing") == []
        hosted.execute(
            "ALTER TABLE users CHANGE aside tokens_remaining INT DEFAULT NULL"
        )
        hook.wait_for("resolved", "TokenColumnMissing")
        hosted.execute(
            "ALTER TABLE users ADD aside INT DEFAULT NULL",
            "UPDATE users SET aside = tokens_remaining",
        )
        hosted.execute("UPDATE users SET tokens_remaining = NULL WHERE id = 5")
        hook.wait_for("firing", "TokenBalancesUninitialized")
        evidence = evidence_of(hook, "TokenBalancesUninitialized")
        hosted.execute(
            "UPDATE users SET tokens_remaining = aside", "ALTER TABLE users DROP aside"
        )
        hook.wait_for("resolved", "TokenBalancesUninitialized")
    assert [row["user_id"] for row in evidence] == [5]
    assert [
        status for status, name in hook.alerts() if name == "TokenColumnMissing"
    ] == [
        "firing",
        "resolved",
    ]


def evidence_of(hook: Hook, alertname: str) -> list[dict[str, object]]:
    """Read the rows that were posted with the last alert of this name."""
    alerts = [alert for body in hook.bodies for alert in body["alerts"]]
    texts = [
        one["annotations"]["evidence"]
        for one in alerts
        if one["labels"]["alertname"] == alertname
    ]
    rows: list[dict[str, object]] = json.loads(texts[-1])
    return rows


def runs_of_all(daemon: Daemon) -> None:
    """Wait until every query has had data, and none failed."""
    queries = {
        one["query"]
        for one in json.loads(daemon.get("/api/v1/queries")[1])["data"]["queries"]
    }
    for query in sorted(queries):
        daemon.wait_for("run.finished", query=query, seconds=60)
    assert [
        one for one in daemon.seen("run.failed") if one["reason"] != "timeout"
    ] == []


def fired(daemon: Daemon) -> set[str]:
    return {one["alertname"] for one in daemon.seen("alert.fired")}


READING_FORWARD = (
    "history_invalid",
    "ledger",
    "recent_usage",
    "usage_by_plan",
    "usage_by_user",
    "usage_without_subscription",
)


def checked(place: Hosted, folder: Path) -> tuple[int, Any]:
    """Run every query once; gives the exit code and what was found, without times and the server's name.

    How many rows a query with a cursor reads in the time of a run is the machine's.
    """
    done = run_command(
        "check", "--format", "json", "--config", str(place.config(folder))
    )
    document = json.loads(done.stdout)
    for one in document["checks"]:
        if one["query"] in READING_FORWARD:
            one["message"] = re.sub(r"^[0-9]+ rows?", "rows", one["message"])
    return done.returncode, without_times(document)


def without_times(document: Any) -> Any:
    if isinstance(document, dict):
        return {
            name: without_times(value)
            for name, value in document.items()
            if not re.search("second|_at$", name)
        }
    if isinstance(document, list):
        return [without_times(one) for one in document]
    return (
        re.sub(r"[0-9-]+ [0-9:]+ UTC", "then", document)
        if isinstance(document, str)
        else document
    )


OVERDRAW = "UPDATE users SET tokens_remaining = tokens_remaining"
LIMIT = "UPDATE user_subscriptions SET tokens_limit"


def test_check_finds_what_it_finds_on_a_pristine_server(
    hosted: Hosted, pristine: Hosted, folder: Path
) -> None:
    for place in (hosted, pristine):
        place.execute(f"{OVERDRAW} - 100000000 WHERE id IN (6, 7, 8)")
    try:
        code, found = checked(hosted, folder)
        assert (code, found) == checked(pristine, folder)
        assert code == 2
    finally:  # the servers are shared
        for place in (hosted, pristine):
            place.execute(f"{OVERDRAW} + 100000000 WHERE id IN (6, 7, 8)")


@pytest.mark.parametrize(
    "query", ["balances", "subscriptions_without_limit", "last_rows"]
)
def test_a_person_sees_the_rows_of_a_pristine_server(
    query: str, hosted: Hosted, pristine: Hosted, folder: Path
) -> None:
    # Else every subscription has a limit, and there is nothing to see of those without one.
    for place in (hosted, pristine):
        place.execute(f"{LIMIT} = -tokens_limit WHERE user_id IN (5, 6, 7, 8, 9)")
    try:
        shown = [
            run_command(
                "query", query, "--config", str(place.config(folder)), environ=WIDE
            )
            for place in (hosted, pristine)
        ]
    finally:  # the servers are shared
        for place in (hosted, pristine):
            place.execute(f"{LIMIT} = -tokens_limit WHERE user_id IN (5, 6, 7, 8, 9)")
    ours, expected = (done.stdout.partition("\n\n")[2] for done in shown)
    assert [done.returncode for done in shown] == [0, 0], shown
    # Rows of one instant come in any order.
    assert sorted(ours.splitlines()) == sorted(expected.splitlines())
    assert len(ours.splitlines()) > 3


def test_validate_finds_nothing_that_it_does_not_find_on_a_pristine_server(
    hosted: Hosted, pristine: Hosted, folder: Path
) -> None:
    done = run_command(
        "validate", "--connect", "--config", str(hosted.config(folder)), environ=WIDE
    )
    expected = run_command(
        "validate", "--connect", "--config", str(pristine.config(folder)), environ=WIDE
    )
    assert (done.returncode, done.stderr) == (expected.returncode, expected.stderr)
