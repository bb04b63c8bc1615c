"""A query that reads forward, on real tables: each row counts once, whatever happens to the table."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.collector.courtesy import USUAL, Courtesy
from monitor.collector.execute import answer
from monitor.collector.explain import plan
from monitor.collector.findings import RunFindings
from monitor.database import Session
from monitor.demo.mariadb import PrivateServer
from monitor.model.cursor_position import CursorPosition
from monitor.model.errors import QueryError, SampleError
from monitor.model.settings import Query, Scalar
from monitor.model.walks import Cursor
from monitor.storage.cursor_records import packed_memory
from monitor.storage.positions import position_to_text, text_to_position
from tests.database.targets import wait_until
from tests.queries.conftest import Bench

_users = itertools.count()
TABLE = """CREATE TABLE token_usage_history (
    id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id INT, article_id INT, tokens_used INT, action VARCHAR(50),
    created_at DATETIME)"""
RECOUNTED = 61 * 60.0


@pytest.fixture(scope="module")
def bench(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    bench = Bench(each_server, tmp_path_factory.mktemp("cursor"))
    try:
        yield bench
    finally:
        bench.close()


@pytest.fixture
def history(bench: Bench) -> Bench:
    bench.execute("DROP VIEW IF EXISTS token_usage_history")
    bench.execute("DROP TABLE IF EXISTS token_usage_history, token_usage_history_base")
    bench.execute(TABLE)
    # the session's clock goes again
    bench.session.connection.execute("SET SESSION timestamp = DEFAULT")
    return bench


@dataclass
class Reader:
    """Runs the query as the daemon does, one run after the other, on a clock that the test moves."""

    query: Query
    session: Session
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    position: CursorPosition | None = None
    found: RunFindings | None = None
    courtesy: Courtesy = USUAL

    def run(self, seconds: float = 60.0) -> Reader:
        """Run once more, so many seconds later."""
        self.now += timedelta(seconds=seconds)
        self.found = answer(
            self.query, self.session, self.position, self.now, self.courtesy
        )
        assert isinstance(self.found.success.position, CursorPosition)
        self.position = self.found.success.position
        return self

    def restart(self) -> None:
        """Go on with what the state would have kept."""
        assert self.position is not None
        memory = None
        if self.position.memory is not None and self.position.keeps_memory:
            memory = packed_memory(self.position.memory)
        kept = text_to_position(position_to_text(self.position), memory)
        assert isinstance(kept, CursorPosition)
        self.position = kept

    def series(self, metric: str) -> dict[tuple[str, ...], float]:
        """Return the samples of a metric in the newest result, by the values of their labels."""
        assert self.found is not None
        return {
            tuple(value for _, value in one.labels): one.value
            for one in self.found.success.samples
            if one.metric == metric
        }

    @property
    def events(self) -> float:
        """Return how many rows are counted."""
        return sum(self.series("token_usage_events_total").values())

    def counted_for(self, metric: str) -> dict[str, int]:
        """Return for how many minutes was counted what each window of a metric says, as of now."""
        assert self.found is not None
        success = self.found.success
        counted: dict[str, int] = {}
        for sample in success.samples:
            since = success.counted_since(sample)
            if sample.metric == metric and since is not None:
                window = dict(sample.labels)["window"]
                counted[window] = round((self.now - since) / timedelta(minutes=1))
        return counted

    def value(self, metric: str) -> float:
        """Return the one sample of a metric."""
        (value,) = self.series(metric).values()
        return value


def reader(bench: Bench, session: Session | None = None) -> Reader:
    return Reader(bench.queries["recent_usage"], session or bench.session)


def insert(
    bench: Bench,
    *actions: str,
    cursor: Any = None,
    user: int = 1,
    tokens: str = "10",
    at: str = "UTC_TIMESTAMP()",
) -> None:
    rows = ", ".join(f"({user}, 1, {tokens}, '{action}', {at})" for action in actions)
    sql = (
        "INSERT INTO token_usage_history (user_id, article_id, tokens_used, action, created_at)"
        f" VALUES {rows}"
    )
    if cursor is None:
        bench.execute(sql)
    else:
        cursor.execute(sql)


@contextmanager
def transaction(bench: Bench) -> Iterator[Any]:
    """Open a connection with a transaction of its own; what is not committed is rolled back."""
    with bench.server.connect(bench.schema) as connection:
        connection.begin()
        with connection.cursor() as cursor:
            yield cursor
        connection.rollback()


@contextmanager
def plain_account(bench: Bench) -> Iterator[Session]:
    """Open a session of an account that may only SELECT."""
    name = f"plain{next(_users)}"
    bench.execute(f"CREATE USER {name}@localhost")
    bench.execute(f"GRANT SELECT ON {bench.schema}.* TO {name}@localhost")
    with bench.as_user(name) as session:
        yield session


def test_rows_count_once_they_are_settled_and_are_in_the_windows_at_once(
    history: Bench,
) -> None:
    insert(history, "rewrite", "rewrite")
    one = reader(history).run()
    assert one.series("token_usage_events_total") == {("rewrite",): 0.0}
    assert one.series("token_usage_recent_events")[("rewrite", "5m")] == 2
    insert(history, "rewrite", "seo_title", user=2)
    one.run()
    assert one.events == 0
    assert one.series("token_usage_recent_events") == {
        (action, window): count
        for action, count in (("rewrite", 3.0), ("seo_title", 1.0))
        for window in ("5m", "1h", "24h")
    }
    assert one.series("token_usage_recent_users")[("rewrite", "1h")] == 2
    one.run()
    assert one.series("token_usage_events_total") == {
        ("rewrite",): 1.0,
        ("seo_title",): 1.0,
    }
    assert one.series("token_usage_tokens_total") == {
        ("rewrite",): 10.0,
        ("seo_title",): 10.0,
    }
    one.run().run()
    assert one.events == 2


def test_a_row_does_not_count_before_it_is_as_old_as_settle(history: Bench) -> None:
    one = reader(history).run()
    insert(history, "rewrite")
    counts = [one.run(11).events for _ in range(5)]
    # first seen at 11 s and what the look took, so settled at the look at 44
    assert counts == [0, 0, 0, 1, 1]


def test_a_transaction_that_commits_out_of_order_within_settle_counts_once(
    history: Bench,
) -> None:
    with plain_account(history) as session, transaction(history) as slow:
        one = reader(history, session).run()
        insert(history, "slow", cursor=slow)
        insert(history, "quick")
        one.run(10)
        slow.connection.commit()
        for _ in range(5):
            one.run(10)
        assert one.series("token_usage_events_total") == {
            ("quick",): 1.0,
            ("slow",): 1.0,
        }
        assert one.value("token_usage_late_rows_total") == 0


def test_a_row_that_comes_too_late_is_found_by_the_recount_added_once_and_counted(
    history: Bench,
) -> None:
    with plain_account(history) as session, transaction(history) as slow:
        one = reader(history, session).run()
        insert(history, "slow", "slow", cursor=slow)
        insert(history, "quick")
        one.run().run()
        assert one.events == 1
        slow.connection.commit()
        insert(history, "quick")
        one.run().run()
        assert one.events == 2
        one.run(RECOUNTED)
        assert one.series("token_usage_events_total") == {
            ("quick",): 2.0,
            ("slow",): 2.0,
        }
        assert one.value("token_usage_late_rows_total") == 2
        assert one.series("token_usage_recent_events")[("slow", "24h")] == 2
        one.run(RECOUNTED).run(RECOUNTED)
        assert one.events == 4
        assert one.value("token_usage_late_rows_total") == 2


def test_with_process_rows_wait_for_a_transaction_that_is_still_open(
    history: Bench,
) -> None:
    assert isinstance(history.queries["recent_usage"].walk, Cursor)
    walk = replace(history.queries["recent_usage"].walk, settle=timedelta(0))
    one = reader(history)
    one.query = replace(one.query, walk=walk)

    def is_time_for_a_run() -> bool:
        # the servers do not renew the list of transactions while it is read every 0.1 s
        now = datetime.now(UTC)
        is_time = now - one.now > timedelta(seconds=0.3)
        one.now = now if is_time else one.now
        return is_time

    with transaction(history) as slow:
        one.run(0)
        insert(history, "slow", cursor=slow)
        insert(history, "quick")

        def open_for_4_seconds() -> bool:
            if not is_time_for_a_run():
                return False
            assert one.run(0).events == 0
            slow.execute(
                "SELECT MIN(UTC_TIMESTAMP() - INTERVAL 4 SECOND >= created_at) FROM token_usage_history"
            )
            return bool(slow.fetchone()[0])

        wait_until(open_for_4_seconds, "the transaction is open for 4 s")
        slow.connection.commit()

    def both_are_counted() -> bool:
        return is_time_for_a_run() and one.run(0).events == 2

    wait_until(both_are_counted, "both rows are counted")
    assert one.value("token_usage_late_rows_total") == 0


def test_a_transaction_that_was_rolled_back_leaves_a_gap_and_nothing_else(
    history: Bench,
) -> None:
    one = reader(history).run()
    with transaction(history) as undone:
        insert(history, "undone", "undone", cursor=undone)
    insert(history, "rewrite")
    one.run().run()
    assert one.events == 1
    one.run(RECOUNTED)
    assert one.events == 1
    assert one.value("token_usage_late_rows_total") == 0
    assert one.position is not None
    assert one.position.gaps == ()


def test_ids_in_steps_and_ids_that_jump_count_once(history: Bench) -> None:
    one = reader(history).run()
    for number in (3, 6, 9, 5_000_000_000, 5_000_000_003):
        history.execute(
            "INSERT INTO token_usage_history (id, tokens_used, action, created_at)"
            f" VALUES ({number}, 1, 'step', UTC_TIMESTAMP())"
        )
    one.run().run()
    assert one.events == 5
    assert one.series("token_usage_recent_events")[("step", "5m")] == 5
    one.run(RECOUNTED)
    assert one.events == 5


def test_rows_that_are_deleted_before_or_after_they_are_counted(history: Bench) -> None:
    one = reader(history).run()
    # the test's clock goes ahead of the server's
    insert(history, *["rewrite"] * 10, at="UTC_TIMESTAMP() - INTERVAL 2 HOUR")
    history.execute("DELETE FROM token_usage_history WHERE id = 3")
    one.run().run()
    assert one.events == 9
    history.execute("DELETE FROM token_usage_history WHERE id < 6")
    one.run(RECOUNTED)
    assert one.events == 9
    history.execute("DELETE FROM token_usage_history WHERE id = 10")
    one.run()
    insert(history, "rewrite")
    one.run().run()
    assert one.events == 10


def test_a_purge_of_all_rows_loses_and_repeats_nothing(history: Bench) -> None:
    insert(history, "rewrite")
    one = reader(history).run()
    insert(history, "rewrite")
    one.run().run()
    history.execute("DELETE FROM token_usage_history")
    one.run()
    insert(history, "rewrite", "rewrite")
    one.run().run().run()
    assert one.events == 3


def test_after_truncate_all_rows_are_new_and_that_it_began_anew_is_told(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert(history, *["rewrite"] * 20, at="UTC_TIMESTAMP() - INTERVAL 1 HOUR")
    one.run().run()
    assert one.events == 20
    history.execute("TRUNCATE token_usage_history")
    # the test's clock is some minutes ahead of the server's
    insert(history, "rewrite", "seo_title", at="UTC_TIMESTAMP() + INTERVAL 4 MINUTE")
    one.run()
    assert one.value("token_usage_restarts_total") == 1
    one.run().run()
    assert one.events == 22
    assert one.value("token_usage_restarts_total") == 1
    assert one.series("token_usage_recent_events")[("rewrite", "24h")] == 1


def test_after_a_restore_only_what_was_written_since_counts(history: Bench) -> None:
    one = reader(history).run()
    insert(history, *["rewrite"] * 20, at="UTC_TIMESTAMP() - INTERVAL 1 HOUR")
    one.run().run()
    history.execute(
        "CREATE TABLE saved SELECT * FROM token_usage_history WHERE id <= 12",
        "TRUNCATE token_usage_history",
        "INSERT INTO token_usage_history SELECT * FROM saved",
        "DROP TABLE saved",
    )
    insert(history, "late", "late", at="UTC_TIMESTAMP() + INTERVAL 4 MINUTE")
    one.run().run()
    assert one.value("token_usage_restarts_total") == 1
    assert one.series("token_usage_events_total") == {
        ("rewrite",): 20.0,
        ("late",): 2.0,
    }


def test_a_restart_goes_on_where_it_was_and_so_do_the_windows(history: Bench) -> None:
    insert(history, "old", at="UTC_TIMESTAMP() - INTERVAL 2 HOUR")
    one = reader(history).run()
    insert(history, "rewrite", "rewrite", user=7)
    one.run().run()
    one.restart()
    insert(history, "rewrite", user=8)
    one.run()
    assert one.events == 2
    assert one.series("token_usage_recent_events")[("rewrite", "5m")] == 3
    assert one.series("token_usage_recent_users")[("rewrite", "24h")] == 2
    assert one.series("token_usage_recent_events")[("old", "24h")] == 1
    one.run()
    assert one.events == 3


def test_what_was_written_before_the_memory_was_last_kept_is_read_again(
    history: Bench,
) -> None:
    insert(history, "old", at="UTC_TIMESTAMP() - INTERVAL 2 HOUR")
    one = reader(history).run()
    first = one.position
    assert first is not None
    assert first.memory is not None
    insert(history, "rewrite", "rewrite", user=7)
    one.run().run()
    assert one.position is not None
    assert not one.position.keeps_memory
    kept = text_to_position(position_to_text(one.position), packed_memory(first.memory))
    assert isinstance(kept, CursorPosition)
    one.position = kept
    one.run()
    assert one.events == 2
    assert one.series("token_usage_recent_events") == {
        ("old", "5m"): 0.0,
        ("old", "1h"): 0.0,
        ("old", "24h"): 1.0,
        ("rewrite", "5m"): 2.0,
        ("rewrite", "1h"): 2.0,
        ("rewrite", "24h"): 2.0,
    }


def test_another_parameter_keeps_the_counters_and_reads_the_windows_anew(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert(history, "rewrite")
    one.run().run()
    parameters: Mapping[str, Scalar] = {
        **one.query.parameters,
        "history_time_zone": "+02:00",
    }
    one.query = replace(one.query, parameters=parameters)
    one.run()
    assert one.events == 1
    assert one.series("token_usage_recent_events") == {
        ("rewrite", "5m"): 0.0,
        ("rewrite", "1h"): 0.0,
        ("rewrite", "24h"): 1.0,
    }


def test_rows_that_cannot_be_true_never_fail_a_run(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert(history, "rewrite", tokens="NULL")
    insert(history, "rewrite", tokens="0")
    insert(history, "rewrite", tokens="-5")
    insert(history, "rewrite", at="NULL")
    insert(history, "rewrite", at="UTC_TIMESTAMP() + INTERVAL 60 YEAR")
    insert(history, "rewrite")
    one.run().run()
    assert one.series("token_usage_events_total") == {("rewrite",): 6.0}
    assert one.series("token_usage_tokens_total") == {("rewrite",): 30.0}
    assert one.series("token_usage_future_events") == {("rewrite",): 1.0}
    assert one.series("token_usage_recent_events")[("rewrite", "5m")] == 5
    assert one.series("token_usage_left_out_rows_total") == {("time",): 1.0}


def test_beyond_100_labels_every_further_one_is_other(history: Bench) -> None:
    one = reader(history).run()
    insert(history, *[f"action{number}" for number in range(150)])
    one.run().run()
    counted = one.series("token_usage_events_total")
    assert len(counted) <= 101
    assert counted[("other",)] >= 50
    assert one.events == 150


def test_an_unknown_time_zone_is_a_bad_result_and_the_position_stays(
    history: Bench,
) -> None:
    one = reader(history).run()
    insert(history, "rewrite")
    right = one.query
    parameters = {**right.parameters, "history_time_zone": "Nowhere/Land"}
    one.query = replace(right, parameters=parameters)
    with pytest.raises(SampleError, match='does not know the time zone "Nowhere/Land"'):
        one.run()
    one.query = right
    one.run().run()
    assert one.events == 1


def test_a_range_that_gives_too_many_rows_is_read_in_smaller_pieces(
    history: Bench,
) -> None:
    one = reader(history).run()
    one.query = replace(one.query, max_rows=7)
    insert(history, *["rewrite"] * 100)
    for _ in range(4):
        one.run()
    assert one.events == 100
    assert one.series("token_usage_recent_events")[("rewrite", "5m")] == 100


def test_the_last_day_is_read_backwards_until_it_is_covered(history: Bench) -> None:
    for hours in range(60, -1, -1):
        insert(
            history,
            *["rewrite"] * 50,
            user=hours,
            at=f"UTC_TIMESTAMP() - INTERVAL {hours} HOUR - INTERVAL 61 SECOND",
        )
    one = reader(history)
    one.query = replace(one.query, max_rows=500)
    one.courtesy = Courtesy(share=1e-9)  # a piece at each run
    runs = 0
    while ("rewrite", "24h") not in one.run().series("token_usage_recent_events"):
        runs += 1
        assert one.series("token_usage_recent_events") == {
            ("rewrite", "5m"): 50.0,
            ("rewrite", "1h"): 50.0,
        }
    assert runs >= 2
    assert one.series("token_usage_recent_events")["rewrite", "24h"] == 24 * 50.0
    assert one.series("token_usage_recent_users")[("rewrite", "24h")] == 24
    assert one.position is not None
    assert one.position.memory is not None
    assert one.position.memory.low > 0


def test_usage_counts_as_unsubscribed_by_the_subscription_at_the_time(
    history: Bench,
) -> None:
    history.execute(
        "CREATE TABLE user_subscriptions (user_id INT, is_active INT)",
        "CREATE TABLE users (id INT PRIMARY KEY)",
        "INSERT INTO users (id) VALUES (1), (2), (3)",
    )
    one = reader(history)
    one.query = history.queries["usage_without_subscription"]

    assert one.run().value("token_usage_unsubscribed_users") == 0
    history.execute(
        "INSERT INTO user_subscriptions (user_id, is_active) VALUES (1, 1), (2, 0)"
    )
    for user in (1, 2, 3, 4):  # of the last one, who is not there, another rule tells
        insert(history, "rewrite", user=user)
    for _ in range(3):  # the rows are settled, and kept
        assert one.run().value("token_usage_unsubscribed_users") == 2
    history.execute("UPDATE user_subscriptions SET is_active = 1 - is_active")
    assert one.run().value("token_usage_unsubscribed_users") == 2
    insert(history, "rewrite", user=1)
    assert one.run().value("token_usage_unsubscribed_users") == 3


def test_a_look_reads_the_last_hour_and_keeps_nothing(history: Bench) -> None:
    for hours in range(60, -1, -1):
        insert(
            history,
            *["rewrite"] * 50,
            at=f"UTC_TIMESTAMP() - INTERVAL {hours} HOUR - INTERVAL 61 SECOND",
        )
    query = replace(history.queries["recent_usage"], max_rows=100)
    found = answer(query, history.session)
    assert found.success.position is None
    windows = {
        dict(one.labels)["window"]: one.value
        for one in found.success.samples
        if one.metric == "token_usage_recent_events"
    }
    assert windows == {"5m": 50.0, "1h": 50.0}
    counted = [
        one.value
        for one in found.success.samples
        if one.metric == "token_usage_events_total"
    ]
    assert counted == [50.0]
    assert len(found.rows.rows) <= 20


def test_each_window_says_from_when_on_it_counts_and_a_total_does_not(
    history: Bench,
) -> None:
    insert(history, "rewrite")
    one = reader(history).run()
    assert one.counted_for("token_usage_recent_events") == WINDOWS
    assert one.counted_for("token_usage_events_total") == {}


WINDOWS = {"5m": 5 + 1, "1h": 60 + 1, "24h": 24 * 60 + 1}
"""Minutes are counted whole."""

_UNFIT = {
    "no column": (
        "ALTER TABLE token_usage_history CHANGE id nr BIGINT AUTO_INCREMENT",
        "there is no column token_usage_history.id",
    ),
    "not unique": (
        "ALTER TABLE token_usage_history MODIFY id BIGINT, DROP PRIMARY KEY, ADD KEY (id)",
        "token_usage_history.id is not unique",
    ),
    "no index": (
        "ALTER TABLE token_usage_history MODIFY id BIGINT, DROP PRIMARY KEY",
        "token_usage_history.id is not the first column of an index",
    ),
    "text": (
        "ALTER TABLE token_usage_history MODIFY id VARCHAR(36)",
        "token_usage_history.id is varchar, which is not an integer",
    ),
    "descending": (
        "INSERT INTO token_usage_history (id, created_at, action)"
        " SELECT 100000 * n.x, UTC_TIMESTAMP() - INTERVAL 9 * n.x HOUR, 'old' FROM"
        " (SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5"
        "  UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) n",
        "token_usage_history.id does not ascend with the time of the rows",
    ),
    "made of the time": (
        "INSERT INTO token_usage_history (id, created_at, action)"
        " SELECT 4194304000 * n.x, UTC_TIMESTAMP() - INTERVAL 40 HOUR + INTERVAL n.x SECOND, 'old' FROM"
        " (SELECT 10 * a.x + b.x AS x FROM (SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3) a JOIN"
        "  (SELECT 0 AS x UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL"
        "   SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) b) n",
        "token_usage_history.id leaves out about 4194304000 numbers from row to row",
    ),
}


@pytest.mark.parametrize("kind", _UNFIT)
def test_where_the_column_cannot_serve_the_windows_are_read_by_time(
    history: Bench, kind: str
) -> None:
    change, reason = _UNFIT[kind]
    insert(history, "rewrite", user=3)
    history.execute(change)
    one = reader(history).run()
    assert one.series("token_usage_recent_events")[("rewrite", "5m")] == 1
    assert one.series("token_usage_recent_users")[("rewrite", "5m")] == 1
    assert one.series("token_usage_future_events")[("rewrite",)] == 0
    assert one.series("token_usage_events_total") == {}
    assert one.position is not None
    assert one.position.windows is not None
    assert one.position.windows.reason == reason
    # what was read is good for five minutes: it may have cost a pass over the table
    before = one.found
    assert one.counted_for("token_usage_recent_events") == WINDOWS
    one.run()
    assert one.counted_for("token_usage_recent_events")["5m"] == 5 + 1 + 1
    assert before is not None
    assert one.found is not None
    assert one.found.success.row_count == 0
    assert set(one.found.success.samples) == set(before.success.samples)
    assert one.run(300).found.success.row_count > 0  # type: ignore[union-attr]
    plan(one.query, history.session)


@pytest.mark.parametrize("name", ["recent_usage", "usage_by_user"])
def test_a_table_that_is_away_for_a_moment_is_no_column_that_is_missing(
    history: Bench, name: str
) -> None:
    insert(history, "rewrite")
    one = Reader(history.queries[name], history.session).run()
    history.execute("RENAME TABLE token_usage_history TO token_usage_history_base")
    try:
        # Whether the column can serve is asked again by then.
        with pytest.raises(QueryError, match="token_usage_history"):
            one.run(RECOUNTED)
    finally:
        history.execute("RENAME TABLE token_usage_history_base TO token_usage_history")
    one.run()
    assert one.position is not None
    assert one.position.windows is None


def test_a_view_is_read_by_time(history: Bench) -> None:
    history.execute(
        "RENAME TABLE token_usage_history TO token_usage_history_base",
        "CREATE VIEW token_usage_history AS SELECT * FROM token_usage_history_base",
    )
    one = reader(history).run()
    assert one.position is not None
    assert one.position.windows is not None


def test_a_column_that_goes_and_comes_back_costs_no_row(history: Bench) -> None:
    one = reader(history).run()
    insert(history, "rewrite")
    one.run().run()
    history.execute(_UNFIT["no column"][0])
    one.run()
    assert one.series("token_usage_events_total") == {}
    history.execute(
        "ALTER TABLE token_usage_history CHANGE nr id BIGINT AUTO_INCREMENT"
    )
    insert(history, "rewrite")
    one.run(3600).run(61)
    assert one.events == 2


def test_a_table_that_is_missing_is_a_schema_error(history: Bench) -> None:
    one = reader(history).run()
    history.execute("DROP TABLE token_usage_history")
    with pytest.raises(QueryError) as caught:
        one.run()
    assert caught.value.reason == "schema_missing"


@dataclass
class Life:
    """Random transactions, rollbacks, purges, restarts and runs on one table, and how many rows came of it."""

    bench: Bench
    reader: Reader
    chance: random.Random
    open: list[tuple[Any, int]] = field(default_factory=list)
    committed: int = 0
    purged_unseen: int = 0

    def step(self) -> None:
        """Do one thing."""
        kind = self.chance.choices(
            ["begin", "end", "purge", "restart", "run"], weights=[35, 25, 5, 5, 30]
        )[0]
        if kind == "begin" and len(self.open) < 8:
            self.begin()
        elif kind == "end" and self.open:
            number = self.chance.randrange(len(self.open))
            self.end(number, commits=self.chance.random() < 0.75)
        elif kind == "purge":
            self.purge()
        elif kind == "restart":
            self.reader.restart()
        else:
            self.reader.run(self.chance.choice([1, 5, 20, 40]))

    def begin(self) -> None:
        """Open a transaction with some rows."""
        connection = self.bench.server.connect(self.bench.schema)
        connection.begin()
        count = self.chance.randint(1, 4)
        insert(self.bench, *["x"] * count, cursor=connection.cursor())
        self.open.append((connection, count))

    def end(self, number: int, *, commits: bool) -> None:
        """End a transaction."""
        connection, count = self.open.pop(number)
        if commits:
            connection.commit()
            self.committed += count
        else:
            connection.rollback()
        connection.close()

    def purge(self) -> None:
        """Delete the oldest row; one that came late, and that the recount has not found yet, is lost."""
        position = self.reader.position
        assert position is not None
        with self.bench.connection.cursor() as cursor:
            cursor.execute("SELECT MIN(id) FROM token_usage_history")
            ((oldest,),) = cursor.fetchall()
        if oldest is None or oldest >= position.until:
            return
        self.bench.execute(f"DELETE FROM token_usage_history WHERE id = {oldest}")
        self.purged_unseen += any(
            gap.first <= oldest <= gap.last for gap in position.gaps
        )


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_each_row_counts_exactly_once(
    history: Bench, seed: int
) -> None:
    with plain_account(history) as session:
        life = Life(history, reader(history, session).run(0), random.Random(seed))
        try:
            for _ in range(120):
                life.step()
        finally:
            while life.open:
                life.end(0, commits=True)
        life.reader.run(1).run(40).run(40)
        life.reader.run(RECOUNTED).run(RECOUNTED)
        assert life.reader.events == life.committed - life.purged_unseen
