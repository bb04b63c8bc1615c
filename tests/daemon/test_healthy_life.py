"""A day in which nothing is wrong and much happens: sign-ups, upgrades, renewals, imports, a purge, a deploy.

The shipped rules at the shipped settings on a real MariaDB, through the real Schedule on driven clocks. What
they page for all the same is written down here, rule by rule: none may be untrue, and nothing more may come.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.collector.execute import answer
from monitor.config import load
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.demo.tokens import (
    ACTION_COSTS,
    PLAN_LIMITS,
    cost_of,
    create_tables,
    populate,
)
from monitor.demo.traffic import use_feature
from monitor.model.alerts import Change, Transition
from monitor.model.errors import QueryError, Reason, SampleError
from monitor.model.results import Failure, Outcome
from monitor.model.settings import Job
from monitor.notify.kinds import KINDS
from tests.collector.test_driven_schedule import SHIPPED, START, WholeLife
from tests.queries.conftest import Bench

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

HAPPENINGS = (
    "nothing",
    "sign-ups",
    "an upgrade",
    "200 upgrades",
    "a renewal day",
    "a mass import",
    "a purge of the history",
    "a deploy",
    "a night without use",
)
SOME = ("sign-ups", "an upgrade", "a deploy", "a night without use")
EACH = 75 * MINUTE
PAGES = {
    # all rows go: that nobody minds is not to be seen
    "a purge of the history": {"TokenUsageHistoryEmptied"},
    "a night without use": {"TokenUsageStopped"},
}
"""Which shipped rules fire although nothing is wrong; each says truly what the tables hold."""


class Application:
    """What the users of a healthy product do, minute by minute."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._choose = random.Random(7)
        self._next_user = 10_000
        self._waiting: dict[int, datetime] = {}

    def minute(self, now: datetime, happening: str, since: timedelta) -> None:
        """Let a minute of use pass; in the midst of its time the happening comes."""
        self.at(now)
        if happening == "sign-ups" and since < HOUR / 2 and since // MINUTE % 10 == 0:
            self._sign_up(1, now + self._choose.randint(1, 30) * MINUTE)
        if since // MINUTE == 10 and happening in self._once():
            self._once()[happening]()
        if happening == "a night without use" and since < 55 * MINUTE:
            return
        for user in [user for user, due in self._waiting.items() if due <= now]:
            del self._waiting[user]
            self._use(user)
        self._use(self._choose.randrange(3, 200))

    def at(self, now: datetime) -> None:
        self._bench.execute(f"SET timestamp = {now.timestamp():.6f}")

    def _once(self) -> dict[str, Callable[[], None]]:
        return {
            "an upgrade": lambda: self._upgrade(1),
            "200 upgrades": lambda: self._upgrade(200),
            "a renewal day": self._renew,
            "a mass import": lambda: self._sign_up(500, None),
            "a purge of the history": lambda: self._bench.execute(
                "TRUNCATE token_usage_history"
            ),
        }

    def _use(self, user: int) -> None:
        action = self._choose.choice(tuple(ACTION_COSTS))
        cost = cost_of(action, self._choose)
        use_feature(self._bench.connection, user_id=user, action=action, cost=cost)

    def _sign_up(self, count: int, uses_at: datetime | None) -> None:
        users = range(self._next_user, self._next_user + count)
        self._next_user += count
        self._bench.execute(
            "INSERT INTO users (id, email, username, password) VALUES "
            + ", ".join(
                f"({user}, 'new{user}@example.com', 'new{user}', '*')" for user in users
            ),
            "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type) VALUES "
            + ", ".join(f"({user}, {PLAN_LIMITS['free']}, 'free')" for user in users),
        )
        if uses_at is not None:
            self._waiting.update(dict.fromkeys(users, uses_at))

    def _upgrade(self, count: int) -> None:
        """Move subscribers to the largest plan with its full balance, as after a payment, while they use it."""
        limit = PLAN_LIMITS["business"]
        self._bench.execute(
            "CREATE TEMPORARY TABLE chosen AS SELECT user_id FROM user_subscriptions"
            f" WHERE tokens_limit < {limit} AND is_active = 1 LIMIT {count}",
            f"UPDATE user_subscriptions s JOIN chosen c USING (user_id)"
            f" SET s.tokens_limit = {limit}, s.plan_type = 'business' WHERE s.is_active = 1",
            f"UPDATE users u JOIN chosen c ON c.user_id = u.id SET u.tokens_remaining = {limit}",
            "INSERT INTO token_usage_history (user_id, tokens_used, action, created_at)"
            " SELECT user_id, 300, 'seo_title', NOW() - INTERVAL 5 MINUTE FROM chosen",
            "DROP TEMPORARY TABLE chosen",
        )

    def _renew(self) -> None:
        self._bench.execute(
            "UPDATE users u JOIN user_subscriptions s ON s.user_id = u.id AND s.is_active = 1"
            " SET u.tokens_remaining = s.tokens_limit"
        )


class Day(WholeLife):
    """The life of the monitor on that database."""

    def __init__(self, bench: Bench, happenings: Sequence[str]) -> None:
        self.bench = bench
        self.happenings = happenings
        self.application = Application(bench)
        self.minute_at = START
        self.reported: dict[str, set[str]] = defaultdict(set)
        super().__init__(load(SHIPPED, {}, KINDS))

    def happening(self) -> tuple[str, timedelta]:
        number, since = divmod(self.machine.now() - START, EACH)
        return self.happenings[min(number, len(self.happenings) - 1)], since

    def outcome(self, job: Job, now: datetime) -> Outcome:
        """Run the query at this instant of the simulated day."""
        self.bench.session.connection.execute(
            f"SET SESSION timestamp = {now.timestamp():.6f}"
        )
        # What walks goes on from where it has come, as with the daemon.
        position = self.harness.pipeline.snapshot.position_of(job.key)
        try:
            return answer(job.query, self.bench.session, position, now).success
        except SampleError as error:
            return Failure(Reason.BAD_RESULT, str(error))
        except QueryError as error:
            return Failure(error.reason, error.message, error.code)

    def set_clocks(self) -> timedelta:
        while self.minute_at <= self.machine.now():
            self.application.minute(self.minute_at, *self.happening())
            self.minute_at += MINUTE
        by = super().set_clocks()
        self.hear()
        return by

    def hear(self) -> None:
        """Take down what was reported, and whether what is said to be over is over."""
        heard, self.harness.transitions = self.harness.transitions, []
        for one in heard:
            if one.change is Change.FIRED and "Watchdog" not in one.alert.name:
                self.reported[self.happening()[0]].add(one.alert.name)
            if (
                one.change is Change.RESOLVED
                and one.alert.name == "TokenBalancesUninitialized"
            ):
                self.check_resolved(one)

    def check_resolved(self, one: Transition) -> None:
        with self.bench.connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM users u JOIN user_subscriptions s ON s.user_id = u.id"
                " WHERE s.is_active = 1 AND s.tokens_limit > 0 AND s.plan_type = %s"
                " AND u.tokens_remaining IS NULL",
                (dict(one.alert.labels)["plan"],),
            )
            ((left,),) = cursor.fetchall()
        self.note("untrue end", [f"{left} without a balance"] if left else ())

    def check(self) -> None:
        self.check_runs(self.machine.now(), self.harness.pipeline.snapshot)


@contextmanager
def copied_again_and_again(
    server: PrivateServer, schema: str, is_wanted: Callable[[], bool]
) -> Iterator[None]:
    """Have users be copied into a table with another column, over and over, while that is wanted."""
    ended = threading.Event()

    def go() -> None:
        with server.connect(schema) as connection, connection.cursor() as cursor:
            while not ended.wait(0.01):
                if is_wanted():
                    cursor.execute(
                        "ALTER TABLE users ADD COLUMN nickname VARCHAR(64) NULL, ALGORITHM=COPY"
                    )
                    cursor.execute(
                        "ALTER TABLE users DROP COLUMN nickname, ALGORITHM=COPY"
                    )

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def bench(mariadb: PrivateMariaDB, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(mariadb, tmp_path)
    try:
        create_tables(bench.connection, bench.schema)
        bench.execute(
            "SET time_zone = '+00:00'", f"SET timestamp = {START.timestamp():.6f}"
        )
        populate(bench.connection, now=START.astimezone(UTC))
        yield bench
    finally:
        bench.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "happenings",
    [SOME, pytest.param(HAPPENINGS, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_a_healthy_day_pages_for_what_is_written_down_and_for_nothing_untrue(
    bench: Bench, happenings: Sequence[str]
) -> None:
    day = Day(bench, happenings)

    def is_deploying() -> bool:
        happening, since = day.happening()
        return happening == "a deploy" and since < 20 * MINUTE

    with copied_again_and_again(bench.server, bench.schema, is_deploying):
        day.live(EACH * len(happenings), looks_every=timedelta(seconds=47))
    print({name: sorted(day.reported[name]) for name in happenings})  # noqa: T201
    assert day.wrong == []
    assert day.missed == {}
    assert {name: logged for name, logged in day.reported.items() if logged} == {
        name: rules for name, rules in PAGES.items() if name in happenings
    }
