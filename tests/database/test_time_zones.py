"""In which time zone a query runs, and who is notified where that is not the server's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.collector.execute import execute
from monitor.daemon.server_changes import ServerChanges, zone_warning
from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import Reason
from monitor.model.results import Failure, Success
from monitor.model.settings import Job, Query
from monitor.model.targets import SERVER_ZONE, Target, Tls
from monitor.timing.clock import AnchoredClock
from monitor.timing.zones import session_zone, utc_offsets
from tests.database.conftest import Databases
from tests.database.targets import a_query, run_as_root, target_for
from tests.support.harness import SERVER

_RECENT = "SELECT COUNT(*) AS n FROM events WHERE at > NOW() - INTERVAL 10 MINUTE AND at <= NOW()"
HOUR = timedelta(hours=1)


@pytest.fixture
def western(server: PrivateServer, server_schema: str) -> Iterator[Target]:
    """A server at −05:00 whose application wrote 25 rows with its own time a minute ago."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.time_zone")
        ((before,),) = cursor.fetchall()
    run_as_root(server, "SET GLOBAL time_zone = '-05:00'")
    rows = ", ".join(["(NOW() - INTERVAL 1 MINUTE)"] * 25)
    run_as_root(
        server,
        f"CREATE TABLE {server_schema}.events (at DATETIME)",
        f"INSERT INTO {server_schema}.events VALUES {rows}",
    )
    yield target_for(server, schema=server_schema)
    run_as_root(server, f"SET GLOBAL time_zone = '{before}'")


def found(databases: Databases, target: Target, time_zone: str) -> float | Failure:
    query = replace(a_query("own", _RECENT, seconds=5, max_rows=5), time_zone=time_zone)
    clock = AnchoredClock()
    outcome = execute(
        Job(target, query), clock.now(), databases.open(target), clock
    ).outcome
    assert isinstance(outcome, Success | Failure)
    return outcome.samples[0].value if isinstance(outcome, Success) else outcome


@pytest.mark.parametrize(
    ("time_zone", "rows"),
    [("+00:00", 0), (SERVER_ZONE, 25), ("-05:00", 25), ("+05:30", 0)],
)
def test_a_query_that_compares_with_now_is_right_in_the_servers_own_zone(
    databases: Databases, western: Target, time_zone: str, rows: int
) -> None:
    assert found(databases, western, time_zone) == rows


def test_a_zone_that_the_server_does_not_know_is_reported_by_its_name(
    databases: Databases, western: Target
) -> None:
    failure = found(databases, western, "Europe/Nowhere")
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.code) == (Reason.QUERY_ERROR, 1298)
    assert "Europe/Nowhere" in failure.message


def test_the_servers_own_zone_is_known_at_connect(
    databases: Databases, western: Target
) -> None:
    with databases.open(western).lease(deadline_seconds=20) as session:
        assert session.server.time_zone == "-05:00"
        assert session.server.utc_offsets == (-5 * HOUR, -5 * HOUR)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("+00:00", "+00:00"),
        ("UTC", "+00:00"),
        ("+5:30", "+05:30"),
        ("-05:00", "-05:00"),
        ("-00:30", "-00:30"),
        ("+14:00", "+14:00"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_zone_is_written_as_servers_take_it(text: str, zone: str) -> None:
    assert session_zone(text) == zone


@pytest.mark.parametrize(
    "text", ["", "+14:01", "-14:00", "5:00", "+05:60", "Mars/Olympus", "'; DROP", "+5"]
)
def test_what_is_not_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        session_zone(text)


def test_a_zone_with_summer_time_has_two_offsets() -> None:
    assert utc_offsets("Europe/Berlin") == (HOUR, 2 * HOUR)
    assert utc_offsets("-05:00") == (-5 * HOUR, -5 * HOUR)
    assert utc_offsets("EASTERN") == ()


def _query(time_zone: str, *functions: str) -> Query:
    query = a_query("own", "SELECT 1 AS n", seconds=5, max_rows=5)
    return replace(query, time_zone=time_zone, local_time=functions)


LONDON = replace(SERVER, time_zone="Europe/London", utc_offsets=(timedelta(0), HOUR))


def test_a_query_that_asks_for_the_time_in_another_zone_is_reported_once() -> None:
    servers = ServerChanges()
    job = Job(
        target=Target("main", "m", "app", Tls("disabled")),
        query=_query("+00:00", "NOW()"),
    )
    (reported,) = servers.zone_news(job, LONDON)
    assert reported[:2] == ("zone.mismatched", "warning")
    assert (
        "uses NOW() in a session at +00:00, and the server's own zone is Europe/London"
        in str(reported[2]["message"])
    )
    assert list(servers.zone_news(job, LONDON)) == []


@pytest.mark.parametrize(
    ("query", "server"),
    [
        (_query("+00:00"), LONDON),
        (_query(SERVER_ZONE, "NOW()"), LONDON),
        (_query("Europe/London", "NOW()"), LONDON),
        (
            _query("+00:00", "NOW()"),
            replace(LONDON, utc_offsets=(timedelta(0), timedelta(0))),
        ),
        (_query("+00:00", "NOW()"), SERVER),
        (_query("+00:00", "NOW()"), None),
    ],
    ids=["no function", "server", "same", "same offsets", "unknown", "no server"],
)
def test_nothing_is_reported_where_the_zones_do_not_differ(
    query: Query, server: object
) -> None:
    assert zone_warning(query, server) == ""  # type: ignore[arg-type]  # parametrized
