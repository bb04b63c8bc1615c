"""The ledger on real servers: calls of many clients at once, looked at as of one instant."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.collector.execute import answer
from monitor.collector.ledger_statements import LedgerStatements
from monitor.database import Session
from monitor.demo.mariadb import PrivateServer
from monitor.demo.tokens import TABLES
from monitor.model.errors import QueryError
from monitor.model.ledger import DriftKind, LedgerMemory, LedgerPosition
from monitor.model.positions import Position
from monitor.model.results import Success
from monitor.model.settings import Job, Query, Statement
from monitor.model.walked import kept_position
from monitor.model.walks import Ledger
from monitor.storage.ledger_positions import packed_ledger
from monitor.storage.positions import position_to_text, text_to_position
from tests.queries.conftest import Bench

USERS = 200
LIMIT = 1_000_000
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
LOOK = timedelta(seconds=30)


@pytest.fixture(scope="module")
def bench(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    bench = Bench(each_server, tmp_path_factory.mktemp("ledger"))
    try:
        bench.execute(*TABLES)
        yield bench
    finally:
        bench.close()


@pytest.fixture
def tokens(bench: Bench) -> Bench:
    """Return the tables with users who have a plan and have used something."""
    bench.execute(*(f"TRUNCATE {table}" for table in _NAMES))
    numbers = range(1, USERS + 1)
    with bench.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO users (id, email, username, password, tokens_remaining) VALUES (%s, %s, 'u', '*', %s)",
            [(one, f"u{one}@example.com", LIMIT - 1000 * one) for one in numbers],
        )
        cursor.executemany(
            "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type) VALUES (%s, %s, 'Pro')",
            [(one, LIMIT) for one in numbers],
        )
    use(bench, *numbers)
    return bench


_NAMES = ("users", "user_subscriptions", "token_usage_history")


def use(
    bench: Bench, *users: int | str, tokens: float = 300, taken: float | None = None
) -> None:
    """Let users use something that is taken off and logged; `taken` is what is really taken off."""
    for user in users:
        bench.execute(*_call_of(user, tokens, taken))


def _call_of(
    user: int | str, tokens: float = 300, taken: float | None = None
) -> tuple[str, str]:
    """Return the statements of one call."""
    off = tokens if taken is None else taken
    return (
        f"UPDATE users SET tokens_remaining = tokens_remaining - {off} WHERE id = {user}",
        f"INSERT INTO token_usage_history (user_id, tokens_used, action) VALUES ({user}, {tokens}, 'x')",
    )


@dataclass
class Looks:
    """Looks of the shipped query as the daemon makes them, on a clock that the test moves."""

    bench: Bench
    position: Position | None = None
    now: datetime = BEGAN
    query: Query = field(init=False)

    def __post_init__(self) -> None:
        self.query = self.bench.queries["ledger"]

    def look(self, times: int = 1, *, after: timedelta = LOOK) -> Success:
        """Look so many times, each so long after the one before."""
        for _ in range(times):
            self.now += after
            found = answer(self.query, self.bench.session, self.position, self.now)
            self.position = found.success.position
        return found.success

    def restart(self) -> None:
        """Write the position and read it again."""
        assert isinstance(self.position, LedgerPosition)
        packed = packed_ledger(self.position.memory)
        self.position = text_to_position(position_to_text(self.position), packed)

    @property
    def memory(self) -> LedgerMemory:
        """Return what is remembered."""
        assert isinstance(self.position, LedgerPosition)
        return self.position.memory


def events(success: Success) -> Mapping[str, float]:
    """Return how many events are told, by kind."""
    return {
        dict(sample.labels)["kind"]: sample.value
        for sample in success.samples
        if sample.metric == "token_ledger_drift_events" and sample.value
    }


def value(success: Success, metric: str) -> float:
    """Return the value of a metric without labels."""
    (found,) = [one.value for one in success.samples if one.metric == metric]
    return found


def test_use_that_is_taken_off_and_logged_is_no_event_and_users_get_a_level(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(2)
    for number in range(6):
        use(tokens, *range(1 + number, USERS, 7))
        found = looks.look()

    assert looks.memory.events == ()
    assert value(found, "token_ledger_users_tracked") == USERS
    assert value(found, "token_ledger_unjudged_ratio") == 0


@pytest.fixture(params=["DECIMAL(12,2)", "DECIMAL(60,30)", "DOUBLE", "VARCHAR(40)"])
def fractions(tokens: Bench, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Return the tables with balances and use that have digits behind the point."""
    columns = (("users", "tokens_remaining"), ("token_usage_history", "tokens_used"))
    for table, column in columns:
        tokens.execute(f"ALTER TABLE {table} MODIFY {column} {request.param}")
    yield tokens
    tokens.execute(*(f"TRUNCATE {table}" for table in _NAMES))
    for table, column in columns:
        tokens.execute(f"ALTER TABLE {table} MODIFY {column} INT")


def test_digits_behind_the_point_add_up_and_what_does_not_is_found(
    fractions: Bench,
) -> None:
    looks = Looks(fractions)
    looks.look(2)
    for number in range(4):
        use(fractions, *range(1 + number, USERS, 7), tokens=1.1)
        use(fractions, *range(1 + number, USERS, 9), tokens=0.35)
        looks.look()
        looks.restart()
    assert looks.memory.events == ()
    assert value(looks.look(4), "token_ledger_unjudged_ratio") == 0
    use(fractions, 5, 6, 7, 8, 9, tokens=1.5, taken=0)
    use(fractions, *range(20, 60), tokens=0.35)
    looks.look()
    looks.restart()
    found = looks.look(3)

    assert events(found) == {"undeducted": 5}
    (rows,) = found.evidence.values()
    assert {row["user_id"] for row in rows} == {5, 6, 7, 8, 9}
    assert {row["tokens"] for row in rows} == {"1.5"}


@pytest.mark.parametrize(
    ("taken", "kind"),
    [(0, "undeducted"), (600, "double"), (-300, "sign"), (290, "amount")],
)
def test_what_is_taken_off_otherwise_is_told_as_what_it_is_with_its_users(
    tokens: Bench, taken: int, kind: str
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    use(tokens, 5, 6, 7, 8, 9, taken=taken)
    use(tokens, *range(20, 120))
    found = looks.look(4)

    assert events(found) == {kind: 5}
    rows = found.evidence["TokenLedgerDrift", (("kind", kind),)]
    assert {row["user_id"] for row in rows} == {5, 6, 7, 8, 9}
    assert {row["tokens"] for row in rows} == {300 - taken}


@pytest.mark.parametrize("kind", ["BINARY(16)", "UUID"])
def test_users_whose_ids_are_bytes_or_uuids_are_tracked_and_shown_as_others_are(
    empty_schema: Bench, kind: str
) -> None:
    is_binary = kind == "BINARY(16)"
    if not is_binary and empty_schema.session.server.flavor != "mariadb":
        return
    ids = [f"018f0000-0000-7000-8000-{number:012x}" for number in range(1, 11)]
    keys = [f"'{one}'" for one in ids]
    shown = ids
    if is_binary:
        keys = [f"x'{one.replace('-', '')}'" for one in ids]
        shown = [f"0x{one.replace('-', '')}" for one in ids]
    _people_with_ids(empty_schema, kind, keys)
    looks = Looks(empty_schema)
    looks.look(6)
    use(empty_schema, *keys[:5], taken=0)
    looks.look()
    looks.restart()
    found = looks.look(3)

    assert events(found) == {"undeducted": 5}
    rows = found.evidence["TokenLedgerDrift", (("kind", "undeducted"),)]
    assert {row["user_id"] for row in rows} == set(shown[:5])
    assert {row["balance"] for row in rows} == {499700}
    assert {one.hash for one in looks.memory.users.values()} == _hashes(empty_schema)


def _typed(table: str, column: str, kind: str) -> Iterator[str]:
    """Yield what gives a column a type; of a number no server makes a UUID."""
    for step in ("VARCHAR(36)", kind):
        yield f"ALTER TABLE {table} MODIFY {column} {step} NOT NULL"


def _hashes(bench: Bench) -> set[int]:
    """Return the hashes of all users as the server has them, by which it chooses whom to read."""
    with bench.connection.cursor() as cursor:
        cursor.execute("SELECT CRC32(id) FROM users")
        return {number for (number,) in cursor.fetchall()}


@pytest.mark.parametrize(
    "kind", ["INT(10) UNSIGNED ZEROFILL", "VARCHAR(20) CHARACTER SET latin1"]
)
def test_of_more_users_than_are_tracked_the_server_and_the_monitor_choose_the_same(
    empty_schema: Bench, kind: str
) -> None:
    is_text = kind.startswith("VARCHAR")
    keys = [f"'ü{one}'" if is_text else str(one) for one in range(1, 61)]
    _people_with_ids(empty_schema, kind, keys)
    looks = Looks(empty_schema)
    assert isinstance(looks.query.walk, Ledger)
    looks.query = replace(looks.query, walk=replace(looks.query.walk, users=20))
    looks.look(2)
    for _ in range(6):
        use(empty_schema, *keys)
        found = looks.look()
        looks.restart()

    assert looks.memory.events == ()
    assert value(found, "token_ledger_unjudged_ratio") == 0
    users = looks.memory.users.values()
    assert {one.hash for one in users} == set(sorted(_hashes(empty_schema))[:20])


def _people_with_ids(bench: Bench, kind: str, keys: Sequence[str]) -> None:
    """Make the tables with ids of a type, and users who have used something."""
    bench.execute(
        *TABLES,
        *_typed("users", "id", kind),
        *_typed("user_subscriptions", "user_id", kind),
        *_typed("token_usage_history", "user_id", kind),
    )
    for key in keys:
        bench.execute(
            "INSERT INTO users (id, email, username, password, tokens_remaining)"
            f" VALUES ({key}, HEX({key}), 'u', '*', 500000)",
            "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type)"
            f" VALUES ({key}, {LIMIT}, 'Pro')",
        )
    use(bench, *keys)


def test_users_whose_id_is_written_otherwise_in_the_history_are_compared(
    empty_schema: Bench,
) -> None:
    keys = [f"'User-{one}'" for one in range(1, 11)]
    _people_with_ids(empty_schema, "VARCHAR(20)", keys)
    empty_schema.execute("UPDATE token_usage_history SET user_id = LOWER(user_id)")
    looks = Looks(empty_schema)
    looks.look(6)
    use(empty_schema, *(key.lower() for key in keys[:5]), taken=0)
    found = looks.look(4)

    assert events(found) == {"undeducted": 5}
    assert value(found, "token_ledger_users_tracked") == 10


def test_where_nobody_who_uses_something_is_found_nothing_could_be_judged(
    tokens: Bench,
) -> None:
    tokens.execute("UPDATE users SET id = id + 100000")
    looks = Looks(tokens)
    looks.look(3)
    tokens.execute(
        "INSERT INTO token_usage_history (user_id, tokens_used, action) VALUES (1, 300, 'x')"
    )
    found = looks.look()

    assert value(found, "token_ledger_users_tracked") == 0
    assert value(found, "token_ledger_unjudged_ratio") == 1


@pytest.mark.parametrize("minutes", [3, 9])
def test_calls_of_a_long_transaction_are_no_events_before_nor_after_it_ends(
    tokens: Bench, minutes: int
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    with tokens.server.connect(tokens.schema) as batch, batch.cursor() as cursor:
        cursor.execute("BEGIN")
        for user in (5, 6, 7, 8, 9):
            for statement in _call_of(user):
                cursor.execute(statement)
        for _ in range(2 * minutes):
            use(tokens, *range(20, 60))
            found = looks.look()
            assert events(found) == {}
        batch.commit()
    for _ in range(8):
        found = looks.look()
        assert events(found) == {}

    assert looks.memory.events == ()
    assert value(found, "token_ledger_cancelled_total") == 0


def test_a_ledger_of_another_statement_goes_on_telling_what_was_found_and_judges_anew(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    use(tokens, 5, 6, 7, 8, 9, taken=0)
    assert events(looks.look(4)) == {"undeducted": 5}
    assert isinstance(looks.query.statement, Statement)
    changed = replace(looks.query.statement, text=f"{looks.query.statement.text}\n")
    looks.query = replace(looks.query, statement=changed)
    job = Job(tokens.target, looks.query)
    looks.position = kept_position(looks.position, job)
    # Of before its first look.
    use(tokens, 20, 21, 22, 23, taken=0)
    found = looks.look(6)
    assert events(found) == {"undeducted": 5}
    use(tokens, 30, 31, 32, taken=0)
    found = looks.look(4)

    assert events(found) == {"undeducted": 8}
    assert looks.memory.restarts == 1
    assert kept_position(looks.position, job) is looks.position


def test_what_another_statement_read_as_empty_is_no_storm_once_it_is_put_right(
    tokens: Bench,
) -> None:
    query = tokens.queries["ledger"]
    assert query.accounts is not None
    wrong = query.accounts.text.replace(" + 0 AS balance", " * 0 AS balance")
    looks = Looks(tokens)
    looks.query = replace(query, accounts=replace(query.accounts, text=wrong))
    looks.look(6)
    assert all(one.empty_at is not None for one in looks.memory.users.values())
    looks.query = query
    looks.position = kept_position(looks.position, Job(tokens.target, query))
    assert isinstance(looks.position, LedgerPosition)
    assert looks.position.checked_at is None
    for _ in range(6):
        use(tokens, *range(1, USERS))
        found = looks.look()
        assert value(found, "token_auto_initialization_storm_users") == 0

    assert value(found, "token_ledger_users_tracked") == USERS


def test_what_is_told_counts_from_before_it_happened_and_anew_while_it_goes_on(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    happened_at = looks.now
    use(tokens, 5, 6, 7, 8, 9, taken=600)
    found = looks.look(4)
    drift = [one for one in found.samples if one.metric == "token_ledger_drift_events"]
    (told,) = [one for one in drift if one.value]
    counted_from = found.counted_since(told)
    assert counted_from is not None
    # The clock of the test stands still while a look is made.
    assert -LOOK < happened_at - counted_from < timedelta(minutes=5)
    assert found.counted_since(drift[-1]) is None

    ended_at = looks.now
    looks.look(10)
    use(tokens, 15, 16, 17, 18, 19, taken=600)
    counted_from = looks.look(4).counted_since(told)
    assert counted_from is not None
    assert counted_from > ended_at


def test_what_is_taken_off_and_never_logged_is_told_by_its_name_and_keeps_it(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    tokens.execute(
        "UPDATE users SET tokens_remaining = tokens_remaining - 400 WHERE id < 4"
    )
    assert events(looks.look(4)) == {"unlogged": 3}
    tokens.execute(
        "UPDATE users SET tokens_remaining = tokens_remaining - 400 WHERE id IN (5, 6)"
    )
    assert events(looks.look(4)) == {"unlogged": 5}


def test_an_update_without_where_is_told_at_once_and_only_as_that(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    tokens.execute("UPDATE users SET tokens_remaining = 5")
    found = looks.look()
    assert value(found, "token_ledger_overwritten_users") == USERS
    (row,) = found.evidence["TokenBalancesOverwritten", ()]
    assert (row["kind"], row["balance"]) == ("overwritten", 5)
    found = looks.look(4)
    assert value(found, "token_ledger_overwritten_users") == USERS
    assert events(found) == {}


@pytest.mark.parametrize(("balance", "kind"), [("0", "wiped"), ("-700", "negative")])
def test_balances_that_are_emptied_are_told_as_written_over_until_they_are_repaired(
    tokens: Bench, balance: str, kind: str
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    before = "SELECT id, tokens_remaining FROM users WHERE id IN (5, 6, 7, 8)"
    with tokens.connection.cursor() as cursor:
        cursor.execute(before)
        balances = cursor.fetchall()
    tokens.execute(
        f"UPDATE users SET tokens_remaining = {balance} WHERE id IN (5, 6, 7, 8)"
    )
    found = looks.look(4)
    assert value(found, "token_ledger_overwritten_users") == 4
    rows = found.evidence["TokenBalancesOverwritten", ()]
    assert {(row["user_id"], row["kind"]) for row in rows} == {
        (user, kind) for user in (5, 6, 7, 8)
    }
    assert value(looks.look(40), "token_ledger_overwritten_users") == 4
    for user, tokens_remaining in balances:
        tokens.execute(
            f"UPDATE users SET tokens_remaining = {tokens_remaining} WHERE id = {user}"
        )
    found = looks.look(4)
    assert value(found, "token_ledger_overwritten_users") == 0
    assert events(found) == {}


@pytest.mark.parametrize("users", ["id IN (5, 6, 7, 8)", "id > 0"])
def test_balances_that_become_null_are_left_to_the_rule_about_users_without_one(
    tokens: Bench, users: str
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    tokens.execute(f"UPDATE users SET tokens_remaining = NULL WHERE {users}")
    for _ in range(4):
        found = looks.look()
        assert value(found, "token_ledger_overwritten_users") == 0
        assert value(found, "token_auto_initialization_storm_users") == 0
        assert events(found) == {}
    assert {event.kind for event in looks.memory.events} == {DriftKind.CLEARED}


@pytest.mark.parametrize("logged", [0, -300])
def test_rows_without_a_number_above_0_are_left_to_the_rule_about_rows(
    tokens: Bench, logged: int
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    for user in (5, 6, 7, 8, 9):
        tokens.execute(
            f"UPDATE users SET tokens_remaining = tokens_remaining - 300 WHERE id = {user}",
            f"INSERT INTO token_usage_history (user_id, tokens_used, action) VALUES ({user}, {logged}, 'x')",
        )
    found = looks.look(4)
    assert {event.kind for event in looks.memory.events} == {DriftKind.MISLOGGED}
    assert events(found) == {}
    assert value(found, "token_ledger_overwritten_users") == 0


def test_a_renewal_an_upgrade_and_a_cancel_are_no_events(tokens: Bench) -> None:
    looks = Looks(tokens)
    looks.look(6)
    tokens.execute(
        f"UPDATE users SET tokens_remaining = {LIMIT} WHERE id < 60",
        "UPDATE user_subscriptions SET tokens_limit = 2000000, plan_type = 'Max' WHERE user_id BETWEEN 60 AND 90",
        "UPDATE users SET tokens_remaining = 2000000 WHERE id BETWEEN 60 AND 90",
        "UPDATE user_subscriptions SET is_active = 0 WHERE user_id BETWEEN 91 AND 99",
        "DELETE FROM users WHERE id = 100",
    )
    use(tokens, *range(1, 95))
    looks.look(6)

    assert looks.memory.events == ()


def test_refills_are_counted_by_plan_and_three_of_one_user_are_a_loop(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    for _ in range(3):
        use(tokens, 7, tokens=LIMIT, taken=0)
    found = looks.look(4)

    assert value(found, "token_ledger_refilled_users") == 1
    assert value(found, "token_auto_initializations_per_hour") == 3
    assert found.evidence["TokenRefillLoop", ()][0]["user_id"] == 7
    (total,) = [
        one for one in found.samples if one.metric == "token_auto_initializations_total"
    ]
    assert (total.labels, total.value) == ((("plan", "pro"),), 3)


def test_what_happened_while_the_monitor_was_away_is_found_after_a_restart(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    looks.restart()
    use(tokens, 5, 6, 7, 8, 9, taken=0)
    looks.look(after=timedelta(minutes=10))
    assert events(looks.look(3)) == {"undeducted": 5}


def test_a_history_that_was_emptied_begins_anew_and_says_nothing_false(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    tokens.execute("TRUNCATE token_usage_history")
    use(tokens, *range(1, 50))
    looks.look(6)
    assert looks.memory.events == ()
    assert looks.memory.restarts == 1
    use(tokens, 5, 6, 7, 8, 9, taken=0)
    assert events(looks.look(4)) == {"undeducted": 5}


def test_before_users_have_a_level_nothing_resolves(tokens: Bench) -> None:
    looks = Looks(tokens)
    assert looks.look(2).silent == ((),)
    assert looks.look(4).silent == ()


def test_without_a_fitting_column_there_is_no_ledger_and_it_says_why(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    walk = looks.query.walk
    assert isinstance(walk, Ledger)
    looks.query = replace(looks.query, walk=replace(walk, column="user_id"))
    found = looks.look()
    assert (found.samples, found.silent) == ((), ((),))
    assert isinstance(looks.position, LedgerPosition)
    assert looks.position.unfit == (
        "token_usage_history.user_id is not the first column of an index"
    )


def test_users_whose_names_are_digits_with_zeros_before_them_are_not_those_of_the_number(
    tokens: Bench,
) -> None:
    history = Statement(
        "SELECT 1 AS usage_id, '007' AS user_id, 30 AS tokens FROM dual"
        " WHERE %(since)s < %(until)s AND %(sample)s >= 0"
        " UNION ALL SELECT 2, '7', 40 UNION ALL SELECT 3, 'u7', 50",
        ("since", "until", "sample"),
    )
    accounts = Statement(
        "SELECT * FROM (SELECT '007' AS user_id, 1 AS balance, 9 AS tokens_limit, 'pro' AS plan"
        " UNION ALL SELECT '7', 2, 9, 'pro' UNION ALL SELECT 'u7', 3, 9, 'pro') users"
        " WHERE user_id IN %(user_ids)s",
        ("user_ids",),
    )
    query = tokens.queries["ledger"]
    assert isinstance(query.walk, Ledger)
    statements = LedgerStatements(
        replace(query, statement=history, accounts=accounts),
        query.walk,
        tokens.session,
        ends_at_seconds=time.monotonic() + 20,
    )
    used = {row.user: row.tokens for row in statements.rows(0, 3, 1)}
    assert used == {"007": 30, 7: 40, "u7": 50}
    found = statements.accounts(used)
    assert {user: one.balance for user, one in found.items()} == {
        "007": 1,
        7: 2,
        "u7": 3,
    }


def test_a_person_sees_rows_and_nothing_is_judged_or_kept(tokens: Bench) -> None:
    found = answer(tokens.queries["ledger"], tokens.session)
    assert found.rows.columns == ("usage_id", "user_id", "user_hash", "tokens")
    assert len(found.rows.rows) == 20
    assert found.success.samples == ()
    assert found.success.position is None


def test_the_snapshot_leaves_the_session_as_it_was_and_no_transaction_behind(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look()
    before = _variables(tokens.session)
    looks.look(3)
    assert _variables(tokens.session) == before
    # It waits for nobody who has read.
    tokens.execute("ALTER TABLE users ADD COLUMN aside INT NULL")
    tokens.execute("ALTER TABLE users DROP COLUMN aside")


def test_a_look_that_fails_in_its_snapshot_ends_it_and_the_next_one_works(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look()
    tokens.execute("ALTER TABLE users RENAME COLUMN tokens_remaining TO gone")
    try:
        with pytest.raises(QueryError):
            looks.look()
        tokens.session.connection.execute("SELECT 1")
    finally:
        tokens.execute("ALTER TABLE users RENAME COLUMN gone TO tokens_remaining")
    looks.look(6)
    assert looks.memory.events == ()


def _variables(session: Session) -> Mapping[str, object]:
    connection = session.connection
    return connection.read(connection.proof)


@dataclass
class Clients:
    """Several clients who use something at the same time, each in its own thread and connection."""

    bench: Bench
    faulty: str = ""
    share: float = 0.01
    calls: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    faults: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, seed: int) -> None:
        """Use something until stopped."""
        choose = random.Random(seed)
        with self.bench.server.connect(self.bench.schema) as connection:
            while not self.stopped.is_set():
                self.call(connection.cursor(), choose)

    def call(self, cursor: object, choose: random.Random) -> None:
        """Make one call: taken off, then logged, each in its own transaction."""
        execute = cursor.execute  # type: ignore[attr-defined]
        user = choose.randint(1, USERS)
        tokens = choose.choice((300, 400, 1500, 100, choose.randint(500, 2000)))
        is_faulty = bool(self.faulty) and choose.random() < self.share
        self.faults += is_faulty
        off = {"undeducted": 0, "double": 2 * tokens}.get(self.faulty, tokens)
        taken = off if is_faulty else tokens
        execute(
            "UPDATE users SET tokens_remaining = tokens_remaining - %s WHERE id = %s",
            (taken, user),
        )
        if is_faulty and self.faulty == "unlogged":
            return
        execute(
            "INSERT INTO token_usage_history (user_id, tokens_used, action) VALUES (%s, %s, 'x')",
            (user, tokens),
        )
        next(self.calls)
        self.stopped.wait(choose.uniform(0.0, 0.02))


@pytest.mark.parametrize("faulty", ["", "undeducted", "unlogged", "double"])
def test_of_many_clients_at_once_only_what_is_wrong_is_found_and_by_its_name(
    tokens: Bench, faulty: str
) -> None:
    clients = Clients(tokens)
    threads = [
        threading.Thread(target=clients.run, args=(seed,), daemon=True)
        for seed in range(4)
    ]
    for thread in threads:
        thread.start()
    try:
        looks = Looks(tokens)
        # Real time runs a hundred times as fast as that of the looks, so that calls seem to take hundredfold.
        found = _looks_among(looks, 10)
        assert looks.memory.events == ()
        assert value(found, "token_ledger_unjudged_ratio") < 0.1
        clients.faulty = faulty
        found = _looks_among(looks, 12)
    finally:
        clients.stopped.set()
        for thread in threads:
            thread.join()
    assert set(events(found)) == ({faulty} if faulty else set())


def _looks_among(looks: Looks, times: int) -> Success:
    """Look so many times, each as soon as some calls have come."""
    for _ in range(times):
        before = _calls(looks.bench)
        deadline = time.monotonic() + 20
        while _calls(looks.bench) < before + 40:
            assert time.monotonic() < deadline, "no calls"
        found = looks.look()
    return found


def _calls(bench: Bench) -> int:
    with bench.connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM token_usage_history")
        ((found,),) = cursor.fetchall()
    return int(found)


def test_a_table_that_is_made_anew_during_a_look_costs_no_look(tokens: Bench) -> None:
    looks, ended = Looks(tokens), threading.Event()

    def make_anew() -> None:
        with (
            tokens.server.connect(tokens.schema) as connection,
            connection.cursor() as cursor,
        ):
            while not ended.is_set():
                cursor.execute("ALTER TABLE users COMMENT = 'a', ALGORITHM=COPY")

    thread = threading.Thread(target=make_anew)
    thread.start()
    try:
        looks.look(200)
    finally:
        ended.set()
        thread.join()
    assert set(looks.memory.users) == set(range(1, USERS + 1))


def test_what_a_clock_that_was_ahead_left_ends_as_it_would_have(tokens: Bench) -> None:
    looks = Looks(tokens)
    looks.look(6)
    use(tokens, 1, 2, 3, taken=600)
    assert events(looks.look(6)) == {"double": 3.0}
    looks.now -= timedelta(days=400)
    for _ in range(4):
        found = looks.look(after=timedelta(minutes=5))
    assert looks.memory.looked_at > 20 * 60
    assert events(found) == {}


def test_a_table_that_is_away_for_a_moment_is_no_column_that_is_missing(
    tokens: Bench,
) -> None:
    looks = Looks(tokens)
    looks.look(6)
    # Whether the column can serve is asked again then.
    looks.now += timedelta(minutes=61)
    tokens.execute("RENAME TABLE token_usage_history TO away")
    try:
        with pytest.raises(QueryError, match="token_usage_history"):
            looks.look()
    finally:
        tokens.execute("RENAME TABLE away TO token_usage_history")
    looks.look()
    assert looks.look().samples
