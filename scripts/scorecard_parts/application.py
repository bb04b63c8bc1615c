"""The documented application on a driven clock: all calls of a step at once, in a few statements."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import pymysql

from monitor.demo.mariadb import PrivateConnection
from scripts.scorecard_parts.behaviour import ACTIONS, USUAL, Behaviour, Call, Use
from scripts.scorecard_parts.rhythm import Rhythm, how_many

_READ = (
    "SELECT u.id, u.tokens_remaining, s.tokens_limit, s.plan_type, {columns} FROM users u"
    " LEFT JOIN user_subscriptions s ON s.user_id = u.id AND s.is_active = 1 WHERE u.id IN ({ids})"
)
_DEDUCT = (
    "UPDATE users u JOIN ({values}) v ON v.id = u.id SET u.tokens_remaining = v.balance"
)
_LOG = "INSERT INTO token_usage_history (user_id, tokens_used, action, created_at) VALUES (%s, %s, %s, %s)"
_CALLERS = (
    "SELECT user_id, COALESCE(MAX(tokens_limit), 0) FROM user_subscriptions WHERE is_active = 1"
    " AND user_id IN (SELECT id FROM users) GROUP BY user_id"
)
_CALLERS_KNOWN_FOR = timedelta(hours=1)
_CALLERS_KEPT_FOR = timedelta(days=1)
_TRIED_ONE_BY_ONE = 6
"""Of the calls of a step that failed together: enough for the server's books."""
_WEIGHT_SPREAD = 0.8
_LEAST_WEIGHT = 20_000


@dataclass(slots=True)
class _Account:
    """What the application has read of a user."""

    balance: int | None
    limit: int | None
    plan: str
    is_changed: bool = False


@dataclass(slots=True)
class Application:
    """Works on the database as its users want; `behaviour` is what an incident changes."""

    connection: PrivateConnection
    rhythm: Rhythm
    rng: random.Random
    behaviour: Behaviour = USUAL
    counts: Counter[str] = field(default_factory=Counter)
    """Calls that were served, refused (HTTP 402) or failed, since it began."""
    _callers: list[int] = field(default_factory=list)
    _weights: list[float] = field(default_factory=list)
    _callers_until: datetime | None = None
    _waiting: list[tuple[datetime, Use]] = field(default_factory=list)

    def run(self, begins: datetime, ends: datetime) -> None:
        """Do what users ask for between two instants."""
        self._look_at_callers(begins)
        calls = self._calls(begins, ends)
        try:
            self._serve(calls)
        except pymysql.MySQLError:
            self._serve_one_by_one(calls[:_TRIED_ONE_BY_ONE])
        self._log_waiting(ends)

    def keep_callers(self, at: datetime) -> None:
        """Let those call who may do so now, whatever becomes of them."""
        self._look_at_callers(at)
        self._callers_until = at + _CALLERS_KEPT_FOR

    def _look_at_callers(self, at: datetime) -> None:
        if self._callers_until is not None and at < self._callers_until:
            return
        try:
            found = self._fetch(_CALLERS)
        except pymysql.MySQLError:
            return
        if not found:
            # who called before goes on calling, subscription or not
            return
        self._callers_until = at + _CALLERS_KNOWN_FOR
        self._callers = [row[0] for row in found]
        self._weights = list(accumulate(_weight(*row) for row in found))

    def _calls(self, begins: datetime, ends: datetime) -> list[Call]:
        minutes = (ends - begins) / timedelta(minutes=1)
        volume = self.behaviour.volume(begins) * self.rhythm.at(begins)
        count = how_many(volume * minutes, self.rng) if self._callers else 0
        callers = self.rng.choices(self._callers, cum_weights=self._weights, k=count)
        for user_id, calls_a_minute in self.behaviour.busy_users.items():
            callers += [user_id] * how_many(calls_a_minute * minutes, self.rng)
        instants = sorted(self.rng.random() for _ in callers)
        span = ends - begins
        return [
            self._call(user_id, begins + span * instant)
            for user_id, instant in zip(callers, instants, strict=True)
        ]

    def _call(self, user_id: int, at: datetime) -> Call:
        shares = [share for _, share in ACTIONS.values()]
        action = self.rng.choices([*ACTIONS], weights=shares)[0]
        costs, _ = ACTIONS[action]
        return Call(user_id, action, self.rng.choice(costs), at, self.rng.random())

    def _serve(self, calls: Sequence[Call]) -> None:
        if not calls:
            return
        accounts = self._read({call.user_id for call in calls})
        uses: list[Use] = []
        for call in calls:
            account = accounts.get(call.user_id)
            if account is None:
                continue
            known = replace(call, plan=account.plan, limit=account.limit)
            if self.behaviour.is_made(known):
                uses += self._use(known, account)
        self._write(accounts)
        self._log(uses)

    def _serve_one_by_one(self, calls: Iterable[Call]) -> None:
        for call in calls:
            try:
                self._serve([call])
            except pymysql.MySQLError:
                self.counts["failed"] += 1

    def _read(self, users: Iterable[int]) -> dict[int, _Account]:
        ids = ",".join(map(str, sorted(users)))
        rows = self._fetch(_READ.format(columns=self.behaviour.columns_read, ids=ids))
        return {
            # of whatever type the column is by now
            user_id: _Account(
                None if balance is None else int(balance), limit, plan or ""
            )
            for user_id, balance, limit, plan, *_ in rows
        }

    def _use(self, call: Call, account: _Account) -> tuple[Use, ...]:
        """Charge a call to an account; nothing where the answer is 402."""
        is_empty = not account.balance and (account.limit or 0) > 0
        if is_empty and self.behaviour.is_initialised(call):
            account.balance, account.is_changed = account.limit, True
        call = _affordable(call, account.balance or 0)
        if (account.balance or 0) < call.cost or account.balance is None:
            self.counts["refused"] += 1
            return ()
        self.counts["served"] += 1
        after = self.behaviour.deducted(call, account.balance)
        account.is_changed |= after != account.balance
        account.balance = after
        use = Use(call.user_id, call.cost, call.action, call.at)
        return self.behaviour.logged(call, use)

    def _write(self, accounts: dict[int, _Account]) -> None:
        values = " UNION ALL ".join(
            f"SELECT {user_id} id, {account.balance} balance"
            for user_id, account in accounts.items()
            if account.is_changed
        )
        if values:
            self._execute(_DEDUCT.format(values=values))

    def _log(self, uses: Iterable[Use]) -> None:
        delay = self.behaviour.log_delay
        if not delay:
            self._insert(list(uses))
            return
        self._waiting += [
            (use.created_at + delay, use) for use in uses if use.created_at
        ]

    def _log_waiting(self, at: datetime) -> None:
        due = [use for due_at, use in self._waiting if due_at <= at]
        self._waiting = [one for one in self._waiting if one[0] > at]
        self._insert(due)

    def _insert(self, uses: Sequence[Use]) -> None:
        if not uses:
            return
        with self.connection.cursor() as cursor:
            cursor.executemany(_LOG, [use.row() for use in uses])

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)


def _affordable(call: Call, balance: int) -> Call:
    """Return what a user asks for who cannot pay for what he wanted: half of them take the cheapest feature."""
    cheapest = min(ACTIONS, key=lambda action: min(ACTIONS[action][0]))
    cost = min(ACTIONS[cheapest][0])
    if balance >= call.cost or balance < cost or call.chance < 0.5:
        return call
    return replace(call, action=cheapest, cost=cost)


def _weight(user_id: int, limit: int) -> float:
    draw = random.Random(user_id).lognormvariate(0.0, _WEIGHT_SPREAD)
    return draw * max(limit, _LEAST_WEIGHT)
