"""Sweeps on real servers: whatever the keys, the widths and the restarts, each row counts once."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collector.execute import answer
from monitor.demo.mariadb import PrivateServer
from monitor.model.conditions import Condition
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.positions import Position, SweepPosition
from monitor.model.results import Sample, Success
from monitor.model.settings import Rule, Severity, Statement
from monitor.model.sweeps import Pace
from monitor.model.walked import walked_by
from tests.queries.conftest import Bench
from tests.queries.strategies import EXAMPLES, contents
from tests.queries.tokens import NOW, Data, Subscription, User, replace_rows
from tests.queries.walking import (
    MINUTE,
    SWEEP,
    THINGS,
    kept,
    numbers,
    one_piece,
    step,
    steps,
)

PLANS = ("pro", "basic", "Ä")
KEYS = st.integers(-50, 50) | st.integers(-(2**63), 2**63 - 1)
ROWS = st.dictionaries(
    KEYS, st.tuples(st.sampled_from(PLANS), st.integers(-9, 9)), max_size=14
)
WIDTHS = st.lists(st.integers(1, 7) | st.integers(1, 2**40), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def bench(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    bench = Bench(each_server, tmp_path_factory.mktemp("sweeps"))
    try:
        bench.execute(
            "CREATE TABLE things (id BIGINT PRIMARY KEY, plan VARCHAR(20), n INT NULL)",
            "CREATE TABLE named (id VARCHAR(40) PRIMARY KEY, plan VARCHAR(20), n INT NULL)",
        )
        yield bench
    finally:
        bench.close()


def fill(bench: Bench, rows: dict[int, tuple[str, int]], table: str = "things") -> None:
    with bench.connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
        cursor.executemany(
            f"INSERT INTO {table} VALUES (%s, %s, %s)",
            [(key, plan, n) for key, (plan, n) in rows.items()],
        )


def expected(rows: dict[int, tuple[str, int]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {("all_things", ""): float(len(rows))}
    for plan, n in rows.values():
        found["things", plan] = found.get(("things", plan), 0.0) + 1
        found["total", plan] = found.get(("total", plan), 0.0) + n
    return found


@EXAMPLES
@given(rows=ROWS, widths=WIDTHS)
def test_pieces_of_any_width_add_up_to_the_whole_table_with_a_restart_after_each(
    bench: Bench, rows: dict[int, tuple[str, int]], widths: list[int]
) -> None:
    fill(bench, rows)

    *before, last = steps(THINGS, bench.session, itertools.cycle(widths))

    assert numbers(last.samples) == expected(rows)
    for success in before:
        assert (success.samples, success.silent) == ((), ((),))
        for sample in success.proven:
            assert sample.value <= expected(rows)[sample.metric, _plan(sample)]


def _plan(sample: Sample) -> str:
    return dict(sample.labels).get("plan", "")


@EXAMPLES
@given(
    names=st.lists(
        st.text("abAB0-_'%ß€", min_size=1, max_size=4), max_size=9, unique_by=str.lower
    ),
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_keys_that_are_text_are_walked_in_the_order_of_their_index(
    bench: Bench, names: list[str], widths: list[int]
) -> None:
    bench.execute("DELETE FROM named")
    with bench.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT IGNORE INTO named VALUES (%s, 'pro', 1)",
            [(name,) for name in names],
        )
        cursor.execute("SELECT COUNT(*) FROM named")
        ((count,),) = cursor.fetchall()
    text = THINGS.statement.text.replace("things WHERE", "named WHERE")
    query = replace(
        THINGS,
        statement=Statement(text, THINGS.statement.parameters),
        walk=replace(SWEEP, table="named"),
    )

    *_, last = steps(query, bench.session, itertools.cycle(widths))

    assert numbers(last.samples)["all_things", ""] == count


_NIL = "00000000-0000-0000-0000-000000000000"


@EXAMPLES
@given(
    keys=st.sets(st.binary(min_size=4, max_size=4), max_size=9),
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_keys_that_are_bytes_are_walked_each_once_whatever_is_in_them(
    bench: Bench, keys: set[bytes], widths: list[int]
) -> None:
    assert _walked(bench, "BINARY(4)", list(keys), widths) == len(keys)


def test_keys_of_the_type_uuid_are_walked_each_once(bench: Bench) -> None:
    if bench.session.server.flavor != "mariadb":
        return
    chance = random.Random(7)
    keys = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(40)]

    assert _walked(bench, "UUID", keys, [3]) == 40
    assert _walked(bench, "UUID", [], [3]) == 0
    with pytest.raises(SampleError, match=f"is '{_NIL}' in a row"):
        _walked(bench, "UUID", [*keys, _NIL], [3])


def test_the_uuid_of_zeros_is_a_text_as_any_other_where_the_column_is_one(
    bench: Bench,
) -> None:
    keys = [_NIL, "12345678-1234-1234-1234-123456789012"]

    assert _walked(bench, "CHAR(36)", keys, [1]) == 2


def _walked(
    bench: Bench, kind: str, keys: Sequence[str | bytes], widths: list[int]
) -> float:
    """Return how many rows a sweep by keys of a type counts."""
    bench.execute(
        "DROP TABLE IF EXISTS typed",
        f"CREATE TABLE typed (id {kind} PRIMARY KEY, plan VARCHAR(20), n INT NULL)",
    )
    with bench.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO typed VALUES (%s, 'pro', 1)", [(key,) for key in keys]
        )
    text = THINGS.statement.text.replace("things WHERE", "typed WHERE")
    query = replace(
        THINGS,
        statement=Statement(text, THINGS.statement.parameters),
        walk=replace(SWEEP, table="typed"),
    )
    *_, last = steps(query, bench.session, itertools.cycle(widths))
    return numbers(last.samples)["all_things", ""]


@EXAMPLES
@given(data=contents(), widths=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_the_shipped_sweeps_give_the_same_in_pieces_as_at_once(
    tokens: Bench, data: Data, widths: list[int]
) -> None:
    replace_rows(tokens.connection, data)
    for name in ("balances", "subscriptions_without_limit"):
        query = tokens.queries[name]
        at_once = answer(query, tokens.session).success

        *_, last = steps(query, tokens.session, itertools.cycle(widths))

        assert set(last.samples) == set(at_once.samples)


def test_on_a_table_that_changes_each_row_that_stays_counts_once(bench: Bench) -> None:
    chance = random.Random(7)
    rows = {key: (f"p{key}", 1) for key in range(1, 60)}
    fill(bench, rows)
    gone: set[int] = set()
    new = itertools.count(1000)

    *_, last = _changing(bench, chance, rows, gone, new)

    found = numbers(last.samples)
    for key, (plan, _) in rows.items():
        if key not in gone:
            assert found["things", plan] == 1, key
    assert max(value for (metric, _), value in found.items() if metric == "things") == 1


def _changing(
    bench: Bench,
    chance: random.Random,
    rows: dict[int, tuple[str, int]],
    gone: set[int],
    new: Iterator[int],
) -> Iterator[Success]:
    for success in steps(THINGS, bench.session, itertools.repeat(4)):
        yield success
        key = chance.choice(sorted(rows))
        gone.add(key)
        added = next(new)
        bench.execute(
            f"DELETE FROM things WHERE id = {key}",
            f"INSERT INTO things VALUES ({added}, 'p{added}', 1)",
            "UPDATE things SET n = n + 1",
        )


def test_an_empty_table_is_read_at_once_and_what_has_no_labels_is_zero(
    bench: Bench,
) -> None:
    fill(bench, {})

    (success,) = steps(THINGS, bench.session, itertools.repeat(1000))

    assert numbers(success.samples) == {("all_things", ""): 0.0}


def test_between_cycles_nothing_is_read_and_the_last_result_stands(
    bench: Bench,
) -> None:
    fill(bench, {1: ("pro", 1)})
    first = step(THINGS, bench.session, None)
    position = kept(first, None)
    fill(bench, {1: ("pro", 1), 2: ("pro", 1)})

    idle = step(THINGS, bench.session, position, NOW + 29 * MINUTE)
    assert (idle.samples, idle.position) == (first.samples, None)

    after = step(THINGS, bench.session, position, NOW + 30 * MINUTE)
    assert numbers(after.samples)["things", "pro"] == 2


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("DECIMAL(8,2)", "1.50", "neither a whole number nor text or bytes"),
        ("DATETIME", "'2026-01-01'", "neither a whole number nor text or bytes"),
        ("VARCHAR(20)", "''", "is '' in a row"),
        ("VARBINARY(20)", "''", "is '' in a row"),
    ],
)
def test_keys_that_no_piece_can_begin_behind_are_refused_with_words(
    bench: Bench, column: str, value: str, message: str
) -> None:
    bench.execute(
        "DROP TABLE IF EXISTS odd",
        f"CREATE TABLE odd (id {column} PRIMARY KEY, plan VARCHAR(20), n INT)",
        f"INSERT INTO odd VALUES ({value}, 'pro', 1)",
    )
    query = replace(THINGS, walk=replace(SWEEP, table="odd"))

    with pytest.raises(SampleError, match=message):
        step(query, bench.session, None)


SLOW = replace(
    THINGS,
    statement=Statement(
        "SELECT plan, COUNT(*) AS things, COALESCE(SUM(n), 0) AS total"
        " FROM (SELECT plan, n, SLEEP(0.05) AS slept FROM things"
        " WHERE id > %(from_key)s AND id <= %(to_key)s LIMIT 1000000) slow GROUP BY plan",
        ("from_key", "to_key"),
    ),
)


def test_a_piece_that_takes_too_long_is_read_again_narrower(bench: Bench) -> None:
    fill(bench, dict.fromkeys(range(1, 17), ("pro", 1)))
    position = SweepPosition(walked_by(SLOW), 0, Pace(16))

    success = step(SLOW, bench.session, position, is_busy=one_piece())

    assert isinstance(success.position, SweepPosition)
    assert success.position.under_way is not None
    assert success.position.under_way.reached == 2
    assert success.position.pace.width == 1


def test_a_piece_that_fails_as_a_whole_fails_the_run_and_what_was_read_before_counts(
    bench: Bench,
) -> None:
    fill(bench, {1: ("pro", 1), 2: ("pro", 2**31 - 1), 3: ("pro", 1)})
    broken = replace(
        THINGS,
        statement=Statement(
            "SELECT plan, COUNT(*) AS things, COALESCE(SUM(n), 0) AS total FROM things"
            " WHERE id > %(from_key)s AND id <= %(to_key)s"
            " AND n <> (SELECT 1 UNION SELECT n - 1 FROM things t WHERE t.id > %(from_key)s AND t.id <= 2)"
            " GROUP BY plan",
            ("from_key", "to_key"),
        ),
    )
    position: Position | None = SweepPosition(walked_by(broken), 0, Pace(1))

    with pytest.raises(QueryError):
        step(broken, bench.session, position)


def test_pieces_wait_while_the_server_is_busy_and_somebody_hears_of_it_in_the_end(
    bench: Bench,
) -> None:
    fill(bench, {1: ("pro", 1), 2: ("pro", 1)})
    first = step(THINGS, bench.session, None)
    position = kept(first, None)

    waiting = step(
        THINGS, bench.session, position, NOW + 60 * MINUTE, is_busy=lambda: True
    )
    assert (waiting.samples, waiting.position) == (first.samples, None)

    with pytest.raises(QueryError) as caught:
        step(THINGS, bench.session, position, NOW + 91 * MINUTE, is_busy=lambda: True)
    assert caught.value.reason is Reason.TIMEOUT


def test_evidence_is_looked_up_in_the_piece_that_proves_something(bench: Bench) -> None:
    fill(bench, dict.fromkeys(range(1, 10), ("pro", 1)))
    rule = Rule(
        "Many",
        "things",
        Condition("above", 3),
        Severity.WARNING,
        "{value} things",
        evidence=Statement(
            "SELECT id FROM things WHERE plan = %(plan)s AND id > %(from_key)s AND id <= %(to_key)s",
            ("plan", "from_key", "to_key"),
        ),
    )
    query = replace(THINGS, rules=(rule,))

    runs = list(steps(query, bench.session, itertools.repeat(2)))

    key = ("Many", (("plan", "pro"),))
    assert [success.evidence.get(key) for success in runs] == [
        None,
        *[({"id": 3}, {"id": 4})] * (len(runs) - 1),
    ]


def test_several_cycles_of_the_shipped_sweep_say_the_same(tokens: Bench) -> None:
    users = [User(number, 100 * number) for number in range(1, 40)]
    rows = [Subscription(user.id, 1000, "pro") for user in users]
    replace_rows(tokens.connection, Data(users, rows))
    query = tokens.queries["balances"]
    position: Position | None = None
    said = []
    for minute in range(0, 20, 5):
        now = NOW + timedelta(minutes=minute)
        success = step(query, tokens.session, position, now)
        position = kept(success, position)
        said.append(set(success.samples))

    assert said == [said[0]] * 4
