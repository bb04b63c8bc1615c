"""The application of the demo: spends tokens as the backend of the token system does, in its own thread."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum

import pymysql

from monitor.demo.mariadb import PrivateConnection
from monitor.demo.tokens import ACTION_COSTS, cost_of

_RENEW_BELOW = 4000
"""A plan is renewed before its balance is near what a feature costs, so that hours go by without alerts."""


class CallOutcome(StrEnum):
    """What the user saw."""

    SERVED = "served"
    PAYMENT_REQUIRED = "payment_required"
    """HTTP 402: the balance is missing, cannot be read, or is too small."""


def use_feature(
    connection: PrivateConnection,
    *,
    user_id: int,
    action: str,
    cost: int,
    initialises: bool = True,
) -> CallOutcome:
    """Do what the backend does for one AI call, in its five steps, each a transaction of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.tokens_remaining, us.tokens_limit FROM users u"
            " JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
            " WHERE u.id = %s LIMIT 1",
            (user_id,),
        )
        row = cursor.fetchone()
        if row is None:
            return CallOutcome.PAYMENT_REQUIRED
        balance, limit = row
        if initialises and not balance and (limit or 0) > 0:
            cursor.execute(
                "UPDATE users SET tokens_remaining = %s WHERE id = %s", (limit, user_id)
            )
            balance = limit
        if balance is None or balance < cost:
            return CallOutcome.PAYMENT_REQUIRED
        cursor.execute(
            "UPDATE users SET tokens_remaining = tokens_remaining - %s WHERE id = %s",
            (cost, user_id),
        )
        cursor.execute(
            "INSERT INTO token_usage_history (user_id, article_id, tokens_used, action)"
            " VALUES (%s, NULL, %s, %s)",
            (user_id, cost, action),
        )
    return CallOutcome.SERVED


class Traffic:
    """Users who use features, `per_second` on average; survives a database that is broken or away."""

    def __init__(
        self,
        connect: Callable[[], PrivateConnection],
        *,
        per_second: float = 5.0,
        seed: int = 1,
    ) -> None:
        self._connect = connect
        self._pause_seconds = 1.0 / per_second
        self._choose = random.Random(seed)
        self._stopped = threading.Event()
        self._held = threading.Lock()
        self._left_alone: frozenset[int] = frozenset()
        self._is_idle = False
        self._initialises = True
        self._counts: Counter[CallOutcome] = Counter()
        self._connection: PrivateConnection | None = None
        self._thread = threading.Thread(
            target=self._go, name="demo-traffic", daemon=True
        )

    def start(self) -> None:
        """Begin to use features."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call that is under way."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back new calls while the caller changes data under the application."""
        with self._held:
            yield

    def idle(self, *, is_idle: bool) -> None:
        """Stop all use, or let it go on."""
        self._is_idle = is_idle

    def initialise(self, *, does: bool) -> None:
        """Set whether a NULL or 0 balance is filled at the next use, as the backend does."""
        self._initialises = does

    def leave_alone(self, user_ids: Collection[int]) -> None:
        """Set the users who do nothing; a balance that is set for them stays."""
        self._left_alone = frozenset(user_ids)

    @property
    def counts(self) -> Counter[CallOutcome]:
        """How many calls ended in which way, so far."""
        return Counter(self._counts)

    def _go(self) -> None:
        while not self._stopped.wait(
            self._choose.uniform(0.5, 1.5) * self._pause_seconds
        ):
            with self._held:
                if (
                    not self._is_idle
                ):  # asked here: after `idle` and `held` no call begins any more
                    self._counts[self._one_call()] += 1
        self._disconnect()

    def _one_call(self) -> CallOutcome:
        try:
            if self._connection is None:
                self._connection = self._connect()
            user_id = self._someone(self._connection)
            if user_id is None:
                return CallOutcome.PAYMENT_REQUIRED
            action = self._choose.choice(tuple(ACTION_COSTS))
            cost = cost_of(action, self._choose)
            _renew(self._connection, user_id, cost)
            return use_feature(
                self._connection,
                user_id=user_id,
                action=action,
                cost=cost,
                initialises=self._initialises,
            )
        except pymysql.MySQLError:
            # As the backend did in the incident: a balance that cannot be read counts as none.
            self._disconnect()
            return CallOutcome.PAYMENT_REQUIRED

    def _someone(self, connection: PrivateConnection) -> int | None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT user_id FROM user_subscriptions WHERE is_active = 1")
            users = sorted(
                {int(row[0]) for row in cursor.fetchall()} - self._left_alone
            )
        return self._choose.choice(users) if users else None

    def _disconnect(self) -> None:
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None


def _renew(connection: PrivateConnection, user_id: int, cost: int) -> None:
    # Renewed to nearly the limit, so that who was renewed is told from who was just upgraded.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE users u JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
            " SET u.tokens_remaining = us.tokens_limit - 1"
            " WHERE u.id = %s AND u.tokens_remaining BETWEEN 1 AND %s AND us.tokens_limit > %s",
            (user_id, _RENEW_BELOW + cost, 2 * _RENEW_BELOW),
        )
