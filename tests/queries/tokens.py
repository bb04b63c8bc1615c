"""The token system's three tables, as documented, and data to put into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monitor.demo.mariadb import PrivateConnection

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
"""The instant at which the tests stop the session's clock."""

DOCUMENTED_NAMES: Mapping[str, str] = {
    "users": "users",
    "user_subscriptions": "user_subscriptions",
    "token_usage_history": "token_usage_history",
    "id": "id",
    "user_id": "user_id",
    "tokens_remaining": "tokens_remaining",
    "tokens_limit": "tokens_limit",
    "plan_type": "plan_type",
    "is_active": "is_active",
    "tokens_used": "tokens_used",
    "usage_action": "action",
    "created_at": "created_at",
}
"""The identifier parameters of the shipped queries, and what they stand for by default."""

OTHER_NAMES: Mapping[str, str] = {name: f"my_{name}" for name in DOCUMENTED_NAMES} | {
    "users": "Members"
}

SQL_WORDS: Mapping[str, str] = {
    "users": "order",
    "user_subscriptions": "group",
    "id": "key",
    "user_id": "select",
    "tokens_remaining": "limit",
    "tokens_limit": "range",
    "is_active": "from",
}
"""Names that a statement can have between backquotes only, of all that a repair names."""

_TABLES = (
    """CREATE TABLE `{users}` (
        `{id}` INT AUTO_INCREMENT PRIMARY KEY,
        email VARCHAR(255) NOT NULL UNIQUE,
        username VARCHAR(100),
        password VARCHAR(255),
        full_name VARCHAR(255),
        avatar_url VARCHAR(255),
        bio TEXT,
        is_active TINYINT(1) DEFAULT 1,
        is_verified TINYINT(1) DEFAULT 0,
        role VARCHAR(20) DEFAULT 'user',
        `{tokens_remaining}` INT DEFAULT NULL,
        created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
        updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
    )""",
    """CREATE TABLE `{user_subscriptions}` (
        nr INT AUTO_INCREMENT PRIMARY KEY,
        `{user_id}` INT,
        `{tokens_limit}` INT,
        `{plan_type}` VARCHAR(50),
        `{is_active}` TINYINT(1) DEFAULT 1,
        KEY (`{user_id}`)
    )""",
    """CREATE TABLE `{token_usage_history}` (
        nr INT AUTO_INCREMENT PRIMARY KEY,
        `{user_id}` INT,
        article_id INT,
        `{tokens_used}` INT,
        `{usage_action}` VARCHAR(50),
        `{created_at}` DATETIME,
        KEY (`{user_id}`)
    )""",
)
_INDEXES = (
    "CREATE INDEX by_time ON `{token_usage_history}` (`{created_at}`)",
    "CREATE INDEX by_balance ON `{users}` (`{tokens_remaining}`)",
)


@dataclass(frozen=True, slots=True)
class User:
    """A row of users."""

    id: int
    balance: int | None
    age_seconds: int = 0
    """For how long the account has been there."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of user_subscriptions; the user need not exist."""

    user_id: int | None
    limit: int | None
    plan: str | None
    is_active: int | None = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of token_usage_history, so many seconds before NOW; negative: in the future."""

    user_id: int | None
    tokens: int | None
    action: str | None
    age_seconds: int


@dataclass(frozen=True, slots=True)
class Data:
    """Everything in the three tables."""

    users: Sequence[User] = field(default=())
    subscriptions: Sequence[Subscription] = field(default=())
    usages: Sequence[Usage] = field(default=())


def create_tables(
    connection: PrivateConnection,
    names: Mapping[str, str] = DOCUMENTED_NAMES,
    *,
    indexed: bool = False,
) -> None:
    """Make the three tables in the connection's database."""
    with connection.cursor() as cursor:
        for statement in (*_TABLES, *(_INDEXES if indexed else ())):
            cursor.execute(statement.format_map(names))


def replace_rows(
    connection: PrivateConnection,
    data: Data,
    names: Mapping[str, str] = DOCUMENTED_NAMES,
    *,
    zone: timedelta = timedelta(0),
) -> None:
    """Empty the three tables and fill them; `zone` is how far the application's clock is from UTC."""
    with connection.cursor() as cursor:
        for table in ("users", "user_subscriptions", "token_usage_history"):
            cursor.execute(f"DELETE FROM `{names[table]}`")
        cursor.executemany(
            "INSERT INTO `{users}` (`{id}`, email, `{tokens_remaining}`, created_at)"
            " VALUES (%s, %s, %s, %s)".format_map(names),
            [
                (
                    user.id,
                    f"user{user.id}@example.com",
                    user.balance,
                    written_at(user.age_seconds, zone),
                )
                for user in data.users
            ],
        )
        cursor.executemany(
            "INSERT INTO `{user_subscriptions}` (`{user_id}`, `{tokens_limit}`, `{plan_type}`, `{is_active}`)"
            " VALUES (%s, %s, %s, %s)".format_map(names),
            [
                (row.user_id, row.limit, row.plan, row.is_active)
                for row in data.subscriptions
            ],
        )
        cursor.executemany(
            "INSERT INTO `{token_usage_history}`"
            " (`{user_id}`, article_id, `{tokens_used}`, `{usage_action}`, `{created_at}`)"
            " VALUES (%s, 1, %s, %s, %s)".format_map(names),
            [
                (
                    row.user_id,
                    row.tokens,
                    row.action,
                    written_at(row.age_seconds, zone),
                )
                for row in data.usages
            ],
        )


def written_at(age_seconds: int, zone: timedelta) -> datetime:
    """Return the time of so many seconds before NOW as an application in this zone writes it."""
    return (NOW - timedelta(seconds=age_seconds) + zone).replace(tzinfo=None)
