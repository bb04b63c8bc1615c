"""The token system of the demo: its tables, and a plausible population with a day of history."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.demo.mariadb import PrivateConnection

DATABASE = "app"

ACTION_COSTS = {
    "rewrite": (500, 2000),
    "seo_title": (300, 300),
    "meta_description": (400, 400),
    "write_more": (1500, 1500),
    "find_image": (100, 100),
}
"""Tokens that one use of each feature costs: least and most."""

PLAN_LIMITS = {"free": 20_000, "pro": 200_000, "business": 1_000_000}

TABLES = (
    """CREATE TABLE users (
        id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
        email VARCHAR(255) NOT NULL UNIQUE,
        username VARCHAR(64) NOT NULL,
        password VARCHAR(255) NOT NULL,
        full_name VARCHAR(255) NULL,
        avatar_url VARCHAR(255) NULL,
        bio TEXT NULL,
        is_active TINYINT(1) NOT NULL DEFAULT 1,
        is_verified TINYINT(1) NOT NULL DEFAULT 0,
        role VARCHAR(32) NOT NULL DEFAULT 'user',
        tokens_remaining INT NULL DEFAULT NULL,
        created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
        updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
    ) ENGINE=InnoDB""",
    """CREATE TABLE user_subscriptions (
        id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
        user_id INT UNSIGNED NOT NULL,
        tokens_limit INT NULL,
        plan_type VARCHAR(32) NULL,
        is_active TINYINT(1) NOT NULL DEFAULT 1,
        created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
        KEY user_id (user_id)
    ) ENGINE=InnoDB""",
    """CREATE TABLE token_usage_history (
        id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
        user_id INT UNSIGNED NOT NULL,
        article_id INT UNSIGNED NULL,
        tokens_used INT NOT NULL,
        action VARCHAR(64) NOT NULL,
        created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
        KEY created_at (created_at)
    ) ENGINE=InnoDB""",
)


_INSERT_USER = (
    "INSERT INTO users (id, email, username, password, full_name, is_verified, tokens_remaining)"
    " VALUES (%s, %s, %s, '*', %s, 1, %s)"
)
_INSERT_SUBSCRIPTION = (
    "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active)"
    " VALUES (%s, %s, %s, %s)"
)
_INSERT_USE = (
    "INSERT INTO token_usage_history (user_id, article_id, tokens_used, action, created_at)"
    " VALUES (%s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, slots=True)
class _User:
    number: int
    balance: int | None
    plan: str | None = None
    is_subscribed: bool = False
    has_used: bool = False


def create_tables(connection: PrivateConnection, database: str = DATABASE) -> None:
    """Make the database and the three empty tables in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4"
        )
        cursor.execute(f"USE {database}")
        for table in TABLES:
            cursor.execute(table)


def populate(
    connection: PrivateConnection,
    *,
    now: datetime,
    users: int = 200,
    events: int = 2000,
    seed: int = 1,
) -> None:
    """Fill the tables of the connection's database: nobody is unhealthy, `events` uses over the last day.

    `now` is aware UTC; DATETIME columns get UTC.
    """
    choose = random.Random(seed)
    people = [_person(number, choose) for number in range(1, users + 1)]
    active = [user.number for user in people if user.has_used]
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT_USER, [_user_row(user) for user in people])
        cursor.executemany(_INSERT_SUBSCRIPTION, _subscription_rows(people))
        cursor.executemany(_INSERT_USE, _history(active, now, events, choose))


def _user_row(user: _User) -> tuple[object, ...]:
    name = f"user{user.number}"
    return (
        user.number,
        f"{name}@example.com",
        name,
        f"User {user.number}",
        user.balance,
    )


def _subscription_rows(people: Iterable[_User]) -> list[tuple[object, ...]]:
    return [
        (user.number, PLAN_LIMITS[user.plan], user.plan, int(user.is_subscribed))
        for user in people
        if user.plan is not None
    ]


def cost_of(action: str, choose: random.Random) -> int:
    """Draw what one use of a feature costs."""
    return choose.randint(*ACTION_COSTS[action])


def _person(number: int, choose: random.Random) -> _User:
    plan = choose.choices(("free", "pro", "business"), weights=(60, 30, 10))[0]
    match number % 40:
        case 0:  # new, never had a plan: a NULL balance that is in order
            return _User(number, balance=None)
        case 1:  # cancelled, and spent everything before
            return _User(number, balance=0, plan=plan)
        case (
            2
        ):  # upgraded a moment ago, has not used anything yet: the balance is the limit
            return _User(
                number, balance=PLAN_LIMITS[plan], plan=plan, is_subscribed=True
            )
        case _:
            balance = int(PLAN_LIMITS[plan] * choose.uniform(0.3, 0.95))
            return _User(
                number, balance=balance, plan=plan, is_subscribed=True, has_used=True
            )


def _history(
    users: list[int], now: datetime, events: int, choose: random.Random
) -> list[tuple[int, int, int, str, datetime]]:
    moments = sorted(
        (now - timedelta(seconds=choose.uniform(1, 24 * 3600))).replace(
            tzinfo=None, microsecond=0
        )
        for _ in range(events)
    )
    rows = []
    for moment in moments:
        action = choose.choice(tuple(ACTION_COSTS))
        rows.append(
            (
                choose.choice(users),
                choose.randint(1, 5000),
                cost_of(action, choose),
                action,
                moment,
            )
        )
    return rows
