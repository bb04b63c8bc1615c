"""What happens to users beside their calls, all of it healthy: sign-ups, plans that change, renewals, purges."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pymysql

from scripts.scorecard_parts.application import Application
from scripts.scorecard_parts.rhythm import how_many
from scripts.scorecard_parts.tables import LIMITS, chosen_plan

HOUR = timedelta(hours=1)
_HISTORY_KEPT = timedelta(days=9)
_PURGED_AT_ONCE = 5_000
_ACTIVE = (
    "s.is_active = 1 AND s.plan_type = '{plan}' ORDER BY RAND({seed}) LIMIT {count}"
)
_UPGRADES = {"starter": "pro", "pro": "business"}


@dataclass(slots=True)
class Life:
    """Goes on in whole hours, sign-ups in each step."""

    application: Application
    rng: random.Random
    signups_a_day: float = 18.0
    upgrades_a_day: float = 5.0
    downgrades_a_day: float = 1.5
    cancellations_a_day: float = 9.0
    returns_a_day: float = 2.0
    deletions_a_day: float = 1.0

    def run(self, begins: datetime, ends: datetime) -> None:
        """Let pass what happens between two instants."""
        try:
            self._sign_ups(begins, ends)
            hour = ends.replace(minute=0, second=0, microsecond=0)
            if hour > begins:
                self._hourly(hour)
        except pymysql.MySQLError:
            # what cannot be done now is not done; the calls show what is wrong
            return

    def sign_up(self, count: int, at: datetime) -> None:
        """Let users come who have a subscription and, until their first use, no balance."""
        for _ in range(count):
            plan = chosen_plan(self.rng)
            name = f"user-{self.rng.getrandbits(48):x}"
            self._execute(
                "INSERT INTO users (email, username, password, created_at) VALUES"
                f" ('{name}@example.com', '{name}', '*', '{at:%Y-%m-%d %H:%M:%S}')"
            )
            if self.application.behaviour.subscribes:
                self._execute(
                    "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type)"
                    f" VALUES (LAST_INSERT_ID(), {plan.limit}, '{plan.name}')"
                )

    def upgrade(self, count: int) -> None:
        """Raise plans by one step; every second one gets the new limit at once, others keep their balance."""
        for plan, higher in _UPGRADES.items():
            self._move(plan, higher, (count + 1) // 2, fills=True)

    def downgrade(self, count: int) -> None:
        """Lower plans by one step; a balance above the new limit is cut to it."""
        for higher, plan in _UPGRADES.items():
            self._move(plan, higher, (count + 1) // 2, fills=False)

    def renew(self, where: str) -> None:
        """Give these users their limit anew."""
        self._execute(
            "UPDATE users u JOIN user_subscriptions s ON s.user_id = u.id AND s.is_active = 1"
            " SET u.tokens_remaining = s.tokens_limit"
            f" WHERE u.tokens_remaining IS NOT NULL AND {where}"
        )

    def _sign_ups(self, begins: datetime, ends: datetime) -> None:
        days = (ends - begins) / timedelta(days=1)
        shape = (
            self.application.rhythm.at(begins) / self.application.rhythm.calls_a_minute
        )
        self.sign_up(how_many(self.signups_a_day * days * shape, self.rng), ends)

    def _hourly(self, hour: datetime) -> None:
        self._now_and_then(self.upgrades_a_day, self.upgrade)
        self._now_and_then(self.downgrades_a_day, self.downgrade)
        self._now_and_then(self.cancellations_a_day, lambda n: self._set_active(n, 0))
        self._now_and_then(self.returns_a_day, lambda n: self._set_active(n, 1))
        self._now_and_then(self.deletions_a_day, self._delete)
        if hour.hour == 3:
            self.renew(f"MOD(u.id, 30) = {hour.toordinal() % 30}")
        if hour.hour == 4:
            self._purge(hour - _HISTORY_KEPT)

    def _now_and_then(self, a_day: float, happen: Callable[[int], None]) -> None:
        count = how_many(a_day / 24, self.rng)
        if count:
            happen(count)

    def _move(self, plan: str, to: str, count: int, *, fills: bool) -> None:
        chosen = _ACTIVE.format(plan=plan, seed=self.rng.getrandbits(30), count=count)
        ids = self._ids(f"SELECT s.user_id FROM user_subscriptions s WHERE {chosen}")
        if not ids:
            return
        limit = LIMITS[to]
        self._execute(
            f"UPDATE user_subscriptions SET plan_type = '{to}', tokens_limit = {limit}"
            f" WHERE is_active = 1 AND user_id IN ({ids})"
        )
        balance = f"IF(MOD(id, 2) = 0, {limit}, tokens_remaining)"
        if not fills:
            balance = f"LEAST(tokens_remaining, {limit})"
        self._execute(
            f"UPDATE users SET tokens_remaining = {balance}"
            f" WHERE id IN ({ids}) AND tokens_remaining IS NOT NULL"
        )

    def _set_active(self, count: int, is_active: int) -> None:
        ids = self._ids(
            f"SELECT user_id FROM user_subscriptions WHERE is_active = {1 - is_active}"
            f" AND plan_type <> 'team' ORDER BY RAND({self.rng.getrandbits(30)}) LIMIT {count}"
        )
        if ids:
            self._execute(
                f"UPDATE user_subscriptions SET is_active = {is_active} WHERE user_id IN ({ids})"
            )

    def _delete(self, count: int) -> None:
        ids = self._ids(
            "SELECT user_id FROM user_subscriptions WHERE is_active = 0"
            f" ORDER BY RAND({self.rng.getrandbits(30)}) LIMIT {count}"
        )
        if ids:
            self._execute(f"DELETE FROM user_subscriptions WHERE user_id IN ({ids})")
            self._execute(f"DELETE FROM token_usage_history WHERE user_id IN ({ids})")
            self._execute(f"DELETE FROM users WHERE id IN ({ids})")

    def _purge(self, before: datetime) -> None:
        while self._execute(
            "DELETE FROM token_usage_history"
            f" WHERE created_at < '{before:%Y-%m-%d %H:%M:%S}' LIMIT {_PURGED_AT_ONCE}"
        ):
            pass

    def _ids(self, sql: str) -> str:
        with self.application.connection.cursor() as cursor:
            cursor.execute(sql)
            return ",".join(str(row[0]) for row in cursor.fetchall())

    def _execute(self, sql: str) -> int:
        with self.application.connection.cursor() as cursor:
            return cursor.execute(sql)
