"""The tables of the documented token system, and who is in them at first; what the application works on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.demo.mariadb import PrivateConnection

DATABASE = "app"
MONITOR, MONITOR_PASSWORD = "token_monitor", "monitor"
APPLICATION = "application"

TABLES = (
    """CREATE TABLE users (
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
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
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        user_id INT NOT NULL,
        tokens_limit INT NULL,
        plan_type VARCHAR(32) NULL,
        is_active TINYINT(1) NOT NULL DEFAULT 1,
        KEY user_id (user_id)
    ) ENGINE=InnoDB""",
    # what may be NULL here may not be in many an installation; rows that cannot be true need room
    """CREATE TABLE token_usage_history (
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        user_id INT NOT NULL,
        article_id INT NULL,
        tokens_used INT NULL,
        action VARCHAR(64) NOT NULL,
        created_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP,
        KEY created_at (created_at),
        KEY user_id (user_id)
    ) ENGINE=InnoDB""",
)

_ACCOUNTS = (
    f"CREATE USER {MONITOR}@localhost IDENTIFIED BY '{MONITOR_PASSWORD}' WITH MAX_USER_CONNECTIONS 8",
    f"GRANT SELECT ON {DATABASE}.* TO {MONITOR}@localhost",
    f"GRANT SELECT ON performance_schema.* TO {MONITOR}@localhost",
    f"GRANT PROCESS, REPLICA MONITOR ON *.* TO {MONITOR}@localhost",
    f"CREATE USER {APPLICATION}@localhost",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO {APPLICATION}@localhost",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan gives, and which share of the users has it."""

    name: str
    limit: int
    share: float


SMALL_PLAN_USERS = 90
PLANS = (
    Plan("starter", 60_000, 0.60),
    Plan("pro", 200_000, 0.32),
    Plan("business", 1_000_000, 0.08),
    Plan("team", 500_000, 0.0),
)
LIMITS = {plan.name: plan.limit for plan in PLANS}


def create(connection: PrivateConnection) -> None:
    """Make the database, its tables and the accounts of the monitor and of the application."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {DATABASE}")
        for statement in (*TABLES, *_ACCOUNTS):
            cursor.execute(statement)


def populate(
    connection: PrivateConnection, users: int, at: datetime, rng: random.Random
) -> None:
    """Fill in users with their subscriptions; some have not used anything yet, some have left."""
    people, subscriptions = [], []
    for number in range(1, users + 1):
        plan = chosen_plan(rng) if number > SMALL_PLAN_USERS else PLANS[-1]
        balance = int(plan.limit * rng.uniform(0.3, 1.0)) // 100 * 100
        is_new, has_left = rng.random() < 0.02, rng.random() < 0.06
        age_days = rng.uniform(0, 5) if is_new else rng.uniform(10, 300)
        created_at = at - timedelta(days=age_days)
        people.append((*_names(number), None if is_new else balance, created_at))
        subscriptions.append((number, plan.limit, plan.name, int(not has_left)))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO users (email, username, password, tokens_remaining, created_at)"
            " VALUES (%s, %s, '*', %s, %s)",
            people,
        )
        cursor.executemany(
            "INSERT INTO user_subscriptions (user_id, tokens_limit, plan_type, is_active)"
            " VALUES (%s, %s, %s, %s)",
            subscriptions,
        )


def chosen_plan(rng: random.Random) -> Plan:
    """Draw the plan of a new user; nobody comes to the small one by chance."""
    return rng.choices(PLANS, weights=[plan.share for plan in PLANS])[0]


def _names(number: int) -> tuple[str, str]:
    return f"user{number}@example.com", f"user{number}"
