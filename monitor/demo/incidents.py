"""What can go wrong in the demo: each incident breaks the token system, and fixes it again."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from monitor.demo.mariadb import PrivateServer
from monitor.demo.tokens import DATABASE
from monitor.demo.traffic import Traffic

_ASIDE = "demo_aside"
"""Where values are kept that an incident destroys; the monitor's account has no right there."""


class Incident(ABC):
    """One way to break the token system; `alert` is what must fire, and resolve once it is fixed."""

    name: str
    alert: str
    broken: str
    """What the user reads when it breaks, and `fixed` when it is over."""
    fixed: str

    def __init__(
        self, server: PrivateServer, traffic: Traffic, database: str = DATABASE
    ) -> None:
        self._server = server
        self._traffic = traffic
        self._database = database

    @abstractmethod
    def break_it(self) -> None:
        """Break."""

    @abstractmethod
    def fix_it(self) -> None:
        """Fix it; the system is as if nothing had happened."""

    def _do(self, *statements: str) -> None:
        with (
            self._server.connect(self._database) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def _keep_values(self) -> None:
        self._do(
            f"CREATE DATABASE IF NOT EXISTS {_ASIDE}",
            f"DROP TABLE IF EXISTS {_ASIDE}.balances, {_ASIDE}.limits",
            f"CREATE TABLE {_ASIDE}.balances AS SELECT id, tokens_remaining FROM users",
            f"CREATE TABLE {_ASIDE}.limits AS SELECT id, tokens_limit FROM user_subscriptions",
        )

    def _restore_values(self) -> None:
        self._do(
            f"UPDATE user_subscriptions us JOIN {_ASIDE}.limits kept ON kept.id = us.id"
            " SET us.tokens_limit = kept.tokens_limit"
            " WHERE NOT us.tokens_limit <=> kept.tokens_limit",
            f"UPDATE users u JOIN {_ASIDE}.balances kept ON kept.id = u.id"
            " SET u.tokens_remaining = kept.tokens_remaining"
            " WHERE u.tokens_remaining IS NULL OR u.tokens_remaining <= 0",
            f"DROP DATABASE {_ASIDE}",
        )

    def _some_subscribers(self, count: int) -> list[int]:
        with (
            self._server.connect(self._database) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT u.id FROM users u"
                " JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
                " WHERE u.tokens_remaining > 0 AND us.tokens_limit > u.tokens_remaining"
                " ORDER BY u.id LIMIT %s",
                (count,),
            )
            return [int(row[0]) for row in cursor.fetchall()]


class MissingColumn(Incident):
    """The incident that this program exists for."""

    name = "missing-column"
    alert = "TokenColumnMissing"
    broken = "users.tokens_remaining is gone: the code shipped, its migration did not; every AI call gets 402"
    fixed = "the column is back, with its values"

    def break_it(self) -> None:
        """Drop the column, keep its values aside."""
        with self._traffic.held():
            self._keep_values()
            self._do("ALTER TABLE users DROP COLUMN tokens_remaining")

    def fix_it(self) -> None:
        """Add the column as documented, and restore its values before anybody initialises them."""
        with self._traffic.held():
            self._do(
                "ALTER TABLE users ADD COLUMN tokens_remaining INT DEFAULT NULL AFTER role"
            )
            self._restore_values()


class NullBalances(Incident):
    """Subscribers without a balance, and a backend that no longer initialises."""

    name = "null-balances"
    alert = "TokenBalancesUninitialized"
    broken = (
        "12 subscribers have a NULL balance, and the backend does not initialise it"
    )
    fixed = "their balances are back, and the backend initialises again"

    def break_it(self) -> None:
        """Set balances to NULL; stop auto-initialisation, which would heal them."""
        with self._traffic.held():
            self._traffic.initialise(does=False)
            self._keep_values()
            chosen = ", ".join(map(str, self._some_subscribers(12)))
            self._do(f"UPDATE users SET tokens_remaining = NULL WHERE id IN ({chosen})")

    def fix_it(self) -> None:
        """Restore the balances and auto-initialisation."""
        with self._traffic.held():
            self._restore_values()
            self._traffic.initialise(does=True)


class ZeroBalances(Incident):
    """Subscribers at 0 whom auto-initialisation never saves, since their limit is 0 too."""

    name = "zero-balances"
    alert = "TokenSubscribersBlocked"
    broken = "12 subscribers have balance 0, and 6 of them also limit 0: nothing will ever fill theirs"
    fixed = "their balances and limits are back"

    def break_it(self) -> None:
        """Set balances to 0, for half of the users the limit too; stop auto-initialisation."""
        with self._traffic.held():
            self._traffic.initialise(does=False)
            self._keep_values()
            users = self._some_subscribers(12)
            chosen = ", ".join(map(str, users))
            blocked = ", ".join(map(str, users[::2]))
            self._do(
                f"UPDATE user_subscriptions SET tokens_limit = 0 WHERE user_id IN ({blocked})",
                f"UPDATE users SET tokens_remaining = 0 WHERE id IN ({chosen})",
            )

    def fix_it(self) -> None:
        """Restore balances, limits and auto-initialisation."""
        with self._traffic.held():
            self._restore_values()
            self._traffic.initialise(does=True)


class NegativeBalances(Incident):
    """Two calls at once that both deduct the last tokens."""

    name = "negative-balances"
    alert = "TokenBalancesNegative"
    broken = "4 subscribers have a negative balance: deducted twice"
    fixed = "their balances are back"

    def break_it(self) -> None:
        """Deduct more than there is."""
        with self._traffic.held():
            self._keep_values()
            chosen = self._some_subscribers(4)
            self._traffic.leave_alone(chosen)
            users = ", ".join(map(str, chosen))
            self._do(f"UPDATE users SET tokens_remaining = -250 WHERE id IN ({users})")

    def fix_it(self) -> None:
        """Restore the balances."""
        with self._traffic.held():
            self._restore_values()
            self._traffic.leave_alone(())


class RefillLoop(Incident):
    """Users who spend everything and are refilled for free, again and again."""

    name = "refill-loop"
    alert = "TokenRefillLoop"
    broken = "20 users spend without end: each time at 0 the backend fills the balance to the limit, for free"
    fixed = (
        "the backend fills nobody's balance any more; they go on with what they have"
    )

    _times, _spent = 3, 1500
    _refilled: Sequence[int] = ()

    def break_it(self) -> None:
        """Log that users spent their limit several times, and fill them up once more."""
        with self._traffic.held():
            self._refilled = self._some_subscribers(20)
            self._traffic.leave_alone(self._refilled)
            users = ", ".join(map(str, self._refilled))
            self._do(
                *[self._use("us.tokens_limit", users)] * self._times,
                "UPDATE users u JOIN user_subscriptions us ON us.user_id = u.id AND us.is_active = 1"
                f" SET u.tokens_remaining = us.tokens_limit WHERE u.id IN ({users})",
            )

    def fix_it(self) -> None:
        """Let them use something that is deducted, as it should be."""
        users = ", ".join(map(str, self._refilled))
        less = f"tokens_remaining = tokens_remaining - {self._spent}"
        deduct = f"UPDATE users SET {less} WHERE id IN ({users})"
        with self._traffic.held():
            self._do(deduct, self._use(str(self._spent), users))
            self._traffic.leave_alone(())

    @staticmethod
    def _use(tokens: str, users: str) -> str:
        used = f"SELECT us.user_id, {tokens}, 'write_more' FROM user_subscriptions us"
        insert = "INSERT INTO token_usage_history (user_id, tokens_used, action)"
        return f"{insert} {used} WHERE us.is_active = 1 AND us.user_id IN ({users})"


class UsageStop(Incident):
    """Nobody uses anything any more."""

    name = "usage-stop"
    alert = "TokenUsageStopped"
    broken = "the application stopped: no tokens are used"
    fixed = "the application goes on"

    def break_it(self) -> None:
        """Stop the application."""
        self._traffic.idle(is_idle=True)

    def fix_it(self) -> None:
        """Let it go on."""
        self._traffic.idle(is_idle=False)


class TwoSubscriptions(Incident):
    """Users with two active subscriptions, whose limit is a coin toss."""

    name = "two-subscriptions"
    alert = "TokenSubscriptionsConflicting"
    broken = "5 users have two active subscriptions with different limits"
    fixed = "the second subscriptions are cancelled"

    _limit = 987_654
    """Marks the second subscription; no plan has it."""

    def break_it(self) -> None:
        """Add an active subscription of another plan."""
        users = self._some_subscribers(5)
        rows = ", ".join(f"({user}, {self._limit}, 'business', 1)" for user in users)
        self._do(
            f"INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active) VALUES {rows}"
        )

    def fix_it(self) -> None:
        """Remove the added ones."""
        self._do(f"DELETE FROM user_subscriptions WHERE tokens_limit = {self._limit}")


class DatabaseDown(Incident):
    """The server is killed and starts again."""

    name = "database-down"
    alert = "TokenMonitorTargetDown"
    broken = "the database server was killed"
    fixed = "the database server is back"

    def break_it(self) -> None:
        """Kill the server, with no time to say goodbye."""
        self._server.stop(with_signal=signal.SIGKILL)

    def fix_it(self) -> None:
        """Start it on the same data."""
        self._server.start()


@dataclass(slots=True)
class ExpectedAlert:
    """What was seen of the alert that an incident must raise; instants in seconds since the monitor started."""

    alert: str
    broken_at: float | None = None
    fixed_at: float | None = None
    fired_after: float | None = field(default=None, init=False)
    """Seconds from the break to the first webhook that it fires."""
    resolved_after: float | None = field(default=None, init=False)
    """Seconds from the mending to the last webhook that it resolved."""

    def saw(self, status: str, alertname: str, at: float) -> None:
        """Note a webhook; `status` is firing or resolved."""
        if alertname != self.alert or self.broken_at is None:
            return
        if self.fired_after is None:
            self.fired_after = at - self.broken_at if status == "firing" else None
        elif status == "resolved" and self.fixed_at is not None:
            self.resolved_after = at - self.fixed_at

    @property
    def is_broken(self) -> bool:
        """Return whether the system is broken now."""
        return self.broken_at is not None and self.fixed_at is None

    @property
    def is_complete(self) -> bool:
        """Return whether the alert came and went."""
        return self.resolved_after is not None

    def sentence(self) -> str:
        """Return how it went."""
        if self.broken_at is None:
            return "ended before anything was broken"
        if self.fired_after is None:
            return f"{self.alert} did not fire"
        fired = f"{self.alert} fired {self.fired_after:.1f} s after the break"
        if self.resolved_after is None:
            return f"{fired}, but did not resolve"
        return f"{fired}, and resolved {self.resolved_after:.1f} s after the mending"

    def since(self, now: float) -> str:
        """Return how long after the break or the mending it is; empty before the break."""
        if self.broken_at is None:
            return ""
        if self.fixed_at is None:
            return f", {now - self.broken_at:.1f} s after the break"
        return f", {now - self.fixed_at:.1f} s after the mending"


INCIDENTS: Mapping[str, type[Incident]] = MappingProxyType(
    {
        incident.name: incident
        for incident in (
            MissingColumn,
            NullBalances,
            ZeroBalances,
            NegativeBalances,
            RefillLoop,
            UsageStop,
            TwoSubscriptions,
            DatabaseDown,
        )
    }
)
"""The incidents by their names, as `--incident` takes them."""
