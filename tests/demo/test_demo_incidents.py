from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pymysql
import pytest

from monitor.demo.incidents import (
    INCIDENTS,
    DatabaseDown,
    Incident,
    MissingColumn,
    NegativeBalances,
    NullBalances,
    RefillLoop,
    TwoSubscriptions,
    UsageStop,
    ZeroBalances,
)
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.demo.tokens import create_tables, populate
from monitor.demo.traffic import CallOutcome, Traffic, use_feature

Rows = tuple[tuple[object, ...], ...]

NULL_SUBSCRIBERS = (
    "SELECT COUNT(*) FROM users u JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
    " WHERE u.tokens_remaining IS NULL"
)
BLOCKED = (
    "SELECT COUNT(*) FROM users u JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
    " WHERE u.tokens_remaining < 0 OR COALESCE(u.tokens_remaining, 0) = 0"
    " AND COALESCE(us.tokens_limit, 0) <= 0"
)
NEGATIVE = "SELECT COUNT(*) FROM users WHERE tokens_remaining < 0"
REFILLED = (
    "SELECT COUNT(DISTINCT u.id) FROM users u"
    " JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
    " JOIN token_usage_history h ON h.user_id = u.id AND h.created_at > NOW() - INTERVAL 1 HOUR"
    " WHERE u.tokens_remaining = us.tokens_limit"
)
CONFLICTING = (
    "SELECT COUNT(*) FROM (SELECT user_id FROM user_subscriptions WHERE is_active = 1"
    " GROUP BY user_id HAVING COUNT(*) > 1) several"
)
STATE = "SELECT id, tokens_remaining FROM users ORDER BY id"
SUBSCRIPTIONS = "SELECT user_id, tokens_limit, plan_type, is_active FROM user_subscriptions ORDER BY id"


@pytest.fixture
def tokens(mariadb: PrivateMariaDB, schema: str) -> str:
    with mariadb.connect(schema) as connection:
        connection.cursor().execute("SET time_zone = '+00:00'")
        create_tables(connection, schema)
        populate(connection, now=datetime.now(UTC), users=120, events=300)
    return schema


def rows(server: PrivateServer, schema: str, statement: str) -> Rows:
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(statement)
        return tuple(cursor.fetchall())


def number(server: PrivateServer, schema: str, statement: str) -> object:
    return rows(server, schema, statement)[0][0]


def quiet(server: PrivateServer, schema: str) -> Traffic:
    """Return an application that is not started: nothing changes but by the incident."""
    return Traffic(lambda: server.connect(schema))


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


@contextmanager
def running(traffic: Traffic) -> Iterator[Traffic]:
    traffic.start()
    try:
        yield traffic
    finally:
        traffic.stop()


def test_the_population_is_healthy(mariadb: PrivateMariaDB, tokens: str) -> None:
    found = {
        statement: number(mariadb, tokens, statement)
        for statement in (NULL_SUBSCRIBERS, BLOCKED, NEGATIVE, REFILLED, CONFLICTING)
    }
    assert found == dict.fromkeys(found, 0)
    low = NULL_SUBSCRIBERS.replace("IS NULL", "< 4000")
    assert number(mariadb, tokens, low) == 0
    assert number(mariadb, tokens, "SELECT COUNT(*) FROM users") == 120
    assert number(mariadb, tokens, "SELECT COUNT(*) FROM token_usage_history") == 300
    assert (
        number(
            mariadb, tokens, "SELECT COUNT(DISTINCT plan_type) FROM user_subscriptions"
        )
        == 3
    )
    assert (
        number(
            mariadb, tokens, "SELECT MAX(created_at) <= NOW() FROM token_usage_history"
        )
        == 1
    )


@pytest.mark.parametrize(
    ("incident", "finding", "count"),
    [
        (NullBalances, NULL_SUBSCRIBERS, 12),
        (ZeroBalances, BLOCKED, 6),
        (NegativeBalances, NEGATIVE, 4),
        (RefillLoop, REFILLED, 20),
        (TwoSubscriptions, CONFLICTING, 5),
    ],
)
def test_an_incident_makes_its_finding_and_its_fix_leaves_none(
    mariadb: PrivateMariaDB,
    tokens: str,
    incident: type[Incident],
    finding: str,
    count: int,
) -> None:
    before = rows(mariadb, tokens, STATE), rows(mariadb, tokens, SUBSCRIPTIONS)
    it = incident(mariadb, quiet(mariadb, tokens), tokens)
    it.break_it()
    assert number(mariadb, tokens, finding) == count
    it.fix_it()
    assert number(mariadb, tokens, finding) == 0
    if incident is not RefillLoop:  # there, the mended users have paid
        assert (
            rows(mariadb, tokens, STATE),
            rows(mariadb, tokens, SUBSCRIPTIONS),
        ) == before


def test_a_missing_column_comes_back_in_its_place_with_its_values(
    mariadb: PrivateMariaDB, tokens: str
) -> None:
    before = rows(mariadb, tokens, STATE)
    columns = rows(mariadb, tokens, "SHOW COLUMNS FROM users")
    it = MissingColumn(mariadb, quiet(mariadb, tokens), tokens)
    it.break_it()
    with pytest.raises(pymysql.err.OperationalError, match="1054"):
        rows(mariadb, tokens, STATE)
    it.fix_it()
    assert rows(mariadb, tokens, "SHOW COLUMNS FROM users") == columns
    assert rows(mariadb, tokens, STATE) == before


def test_incidents_can_be_repeated(mariadb: PrivateMariaDB, tokens: str) -> None:
    for kind in (MissingColumn, NullBalances, MissingColumn, RefillLoop, RefillLoop):
        it = kind(mariadb, quiet(mariadb, tokens), tokens)
        it.break_it()
        it.fix_it()
    assert number(mariadb, tokens, NULL_SUBSCRIBERS) == 0
    assert number(mariadb, tokens, REFILLED) == 0


def test_traffic_does_not_heal_what_an_incident_broke(
    mariadb: PrivateMariaDB, tokens: str
) -> None:
    with running(Traffic(lambda: mariadb.connect(tokens), per_second=600)) as traffic:
        for kind, finding, count in (
            (NullBalances, NULL_SUBSCRIBERS, 12),
            (ZeroBalances, BLOCKED, 6),
            (NegativeBalances, NEGATIVE, 4),
            (RefillLoop, REFILLED, 20),
        ):
            it = kind(mariadb, traffic, tokens)
            it.break_it()
            served = traffic.counts[CallOutcome.SERVED]
            wait_for(
                lambda: traffic.counts[CallOutcome.SERVED] > served + 50,  # noqa: B023
                "50 more calls",
            )
            assert number(mariadb, tokens, finding) == count, kind.name
            it.fix_it()
            assert number(mariadb, tokens, finding) == 0, kind.name


def test_traffic_is_refused_while_the_column_is_missing_and_then_served_again(
    mariadb: PrivateMariaDB, tokens: str
) -> None:
    with running(Traffic(lambda: mariadb.connect(tokens), per_second=100)) as traffic:
        it = MissingColumn(mariadb, traffic, tokens)
        wait_for(lambda: traffic.counts[CallOutcome.SERVED] > 10, "served")
        assert traffic.counts[CallOutcome.PAYMENT_REQUIRED] == 0
        it.break_it()
        served = traffic.counts[CallOutcome.SERVED]
        wait_for(lambda: traffic.counts[CallOutcome.PAYMENT_REQUIRED] > 10, "refused")
        assert traffic.counts[CallOutcome.SERVED] == served
        it.fix_it()
        wait_for(
            lambda: traffic.counts[CallOutcome.SERVED] > served + 10, "served again"
        )
        assert number(mariadb, tokens, NULL_SUBSCRIBERS) == 0


def test_usage_stops_and_goes_on(mariadb: PrivateMariaDB, tokens: str) -> None:
    with running(Traffic(lambda: mariadb.connect(tokens), per_second=100)) as traffic:
        it = UsageStop(mariadb, traffic, tokens)
        wait_for(lambda: traffic.counts[CallOutcome.SERVED] > 5, "served")
        it.break_it()
        with traffic.held():  # the call that was under way is over
            pass
        count = "SELECT COUNT(*) FROM token_usage_history"
        used = number(mariadb, tokens, count)
        quiet_since = traffic.counts
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            assert number(mariadb, tokens, count) == used
        assert traffic.counts == quiet_since
        it.fix_it()
        wait_for(lambda: traffic.counts != quiet_since, "used again")


def test_the_database_goes_down_and_comes_back_with_its_data() -> None:
    directory = Path(tempfile.mkdtemp(prefix="tm-"))
    with PrivateMariaDB(directory) as server:
        with server.connect() as connection:
            create_tables(connection)
            populate(connection, now=datetime.now(UTC), users=40, events=10)
        with running(Traffic(lambda: server.connect("app"), per_second=100)) as traffic:
            it = DatabaseDown(server, traffic)
            wait_for(lambda: traffic.counts[CallOutcome.SERVED] > 5, "served")
            it.break_it()
            with pytest.raises(pymysql.err.OperationalError):
                server.connect()
            wait_for(
                lambda: traffic.counts[CallOutcome.PAYMENT_REQUIRED] > 5, "refused"
            )
            it.fix_it()
            served = traffic.counts[CallOutcome.SERVED]
            wait_for(
                lambda: traffic.counts[CallOutcome.SERVED] > served, "served again"
            )
    assert not directory.exists()


@pytest.mark.parametrize(
    ("balance", "limit", "initialises", "outcome", "left"),
    [
        (1000, 5000, True, CallOutcome.SERVED, 700),
        (300, 5000, True, CallOutcome.SERVED, 0),
        (299, 5000, True, CallOutcome.PAYMENT_REQUIRED, 299),
        (None, 5000, True, CallOutcome.SERVED, 4700),
        (0, 5000, True, CallOutcome.SERVED, 4700),
        (None, 5000, False, CallOutcome.PAYMENT_REQUIRED, None),
        (0, 0, True, CallOutcome.PAYMENT_REQUIRED, 0),
        (None, None, True, CallOutcome.PAYMENT_REQUIRED, None),
        (-1, 5000, True, CallOutcome.PAYMENT_REQUIRED, -1),
    ],
)
def test_a_call_spends_as_the_backend_does(
    mariadb: PrivateMariaDB,
    schema: str,
    balance: int | None,
    limit: int | None,
    initialises: bool,
    outcome: CallOutcome,
    left: int | None,
) -> None:
    with mariadb.connect() as connection:
        create_tables(connection, schema)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO users (id, email, username, password, tokens_remaining)"
                " VALUES (7, 'user7@example.com', 'user7', '*', %s)",
                (balance,),
            )
            cursor.execute(
                "INSERT INTO user_subscriptions (user_id, tokens_limit) VALUES (7, %s)",
                (limit,),
            )
        assert (
            use_feature(
                connection,
                user_id=7,
                action="seo_title",
                cost=300,
                initialises=initialises,
            )
            is outcome
        )
    assert rows(mariadb, schema, STATE) == ((7, left),)
    logged = rows(
        mariadb, schema, "SELECT user_id, tokens_used, action FROM token_usage_history"
    )
    assert logged == (((7, 300, "seo_title"),) if outcome is CallOutcome.SERVED else ())


def test_traffic_renews_before_a_balance_is_low(
    mariadb: PrivateMariaDB, tokens: str
) -> None:
    with mariadb.connect(tokens) as connection:
        connection.cursor().execute(
            "UPDATE users u JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
            " SET u.tokens_remaining = 4500"
        )
    with running(Traffic(lambda: mariadb.connect(tokens), per_second=1000)) as traffic:
        wait_for(lambda: traffic.counts[CallOutcome.SERVED] > 300, "300 calls")
        low = NULL_SUBSCRIBERS.replace("IS NULL", "< 2000")
        assert number(mariadb, tokens, low) == 0
        assert traffic.counts[CallOutcome.PAYMENT_REQUIRED] == 0
    assert number(mariadb, tokens, REFILLED) == 0


def test_each_incident_has_a_name_an_alert_and_words() -> None:
    for name, incident in INCIDENTS.items():
        assert name == incident.name
        assert incident.alert.startswith("Token")
        assert incident.broken
        assert incident.fixed
