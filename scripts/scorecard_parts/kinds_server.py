"""Incidents of the schema and of the server itself: columns, keys, headroom, rights, restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pymysql
from pymysql.constants import ER

from scripts.scorecard_parts.incident import Incident, Scene, behaving, sql
from scripts.scorecard_parts.tables import APPLICATION, MONITOR, MONITOR_PASSWORD

_WHOLE = (1.0,)
_TRIED_SECONDS = 30.0
_MISMATCH = r"TokenColumn(Mismatch|Narrowed)|TokenSchema\w*"
_MISSING = r"TokenColumnMissing"
_HEADROOM = r"TokenHeadroom"
_FAILING = r"TokenStatementsFailing"
_AFTER = r"Token(Plan)?Usage(Total)?Unusual|TokenUsageStopped|TokenStatementsFailing|[Ss]erved|Slo"
_DOWN = r"TokenMonitorTargetDown|TokenMonitorConnectionsRefused"


def _cut(scene: Scene, user: str) -> None:
    """End the connections of an account."""
    with scene.world.root.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM information_schema.processlist WHERE user = '{user}'"
        )
        for (number,) in cursor.fetchall():
            with suppress(pymysql.MySQLError):  # it has just ended by itself
                cursor.execute(f"KILL {number}")


def _without_monitor(statement: str) -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        scene.sql(statement)
        _cut(scene, MONITOR)

    return begin


def _use_up_quota(scene: Scene) -> None:
    """Let somebody else have the only connection that the account may have."""
    scene.sql(f"ALTER USER {MONITOR}@localhost WITH MAX_USER_CONNECTIONS 1")
    gives_up_seconds = time.monotonic() + _TRIED_SECONDS
    while not scene.world.held:
        _cut(scene, MONITOR)
        try:
            scene.world.held.append(scene.world.connect(MONITOR, MONITOR_PASSWORD))
        except pymysql.OperationalError as error:
            # The monitor was there first, or what was cut has not ended yet.
            is_taken = error.args[0] == ER.USER_LIMIT_REACHED
            if not is_taken or time.monotonic() > gives_up_seconds:
                raise


def _take_updates(scene: Scene) -> None:
    """Take a right from the application; a connection that is open keeps those of its database."""
    scene.sql(f"REVOKE UPDATE ON app.* FROM {APPLICATION}@localhost")
    _cut(scene, APPLICATION)
    scene.world.connect_application()


def _fill_up(scene: Scene) -> None:
    """Let the application have every connection that the server has."""
    _cut(scene, MONITOR)
    with suppress(pymysql.MySQLError):
        while True:
            scene.world.held.append(scene.world.connect(APPLICATION))


def _shrink(scene: Scene) -> None:
    scene.sql("SET SESSION sql_mode = ''")
    scene.sql("ALTER TABLE users MODIFY tokens_remaining SMALLINT NULL")


def _down(scene: Scene) -> None:
    scene.world.server.stop()


def _restart(scene: Scene) -> None:
    scene.world.restart_server()


def _restart_often(scene: Scene) -> None:
    if scene.rng.random() < 0.1:
        scene.world.restart_server()


def _read_only(scene: Scene) -> None:
    scene.sql("SET GLOBAL read_only = 1")


def _near_the_end(scene: Scene) -> None:
    scene.sql(
        "UPDATE users JOIN user_subscriptions s ON s.user_id = users.id AND s.is_active = 1"
        f" SET tokens_remaining = 2147483647 - 40000 WHERE {scene.share_of('users.id')}"
    )


def _column(table: str, definition: str) -> Callable[[Scene], None]:
    return sql(f"ALTER TABLE {table} {definition}")


SCHEMA = (
    Incident(
        "balance_column_missing",
        "schema",
        _MISSING,
        _column("users", "DROP tokens_remaining"),
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "limit_column_missing",
        "schema",
        _MISSING,
        _column("user_subscriptions", "DROP tokens_limit"),
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "table_renamed",
        "schema",
        _MISSING,
        sql("RENAME TABLE token_usage_history TO usage_history"),
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "column_unsigned",
        "schema",
        _MISMATCH,
        _column("users", "MODIFY tokens_remaining INT UNSIGNED NULL"),
        _WHOLE,
    ),
    Incident(
        "column_text",
        "schema",
        _MISMATCH,
        _column("users", "MODIFY tokens_remaining VARCHAR(20) NULL"),
        _WHOLE,
    ),
    Incident(
        "column_not_null",
        "schema",
        _MISMATCH,
        sql(
            "UPDATE users SET tokens_remaining = 1000 WHERE tokens_remaining IS NULL",
            "ALTER TABLE users MODIFY tokens_remaining INT NOT NULL DEFAULT 0",
        ),
        _WHOLE,
        symptoms=r"TokenLedgerDrift",
    ),
    Incident(
        "column_default",
        "schema",
        _MISMATCH,
        _column("users", "MODIFY tokens_remaining INT NULL DEFAULT 0"),
        _WHOLE,
    ),
    Incident(
        "index_dropped",
        "schema",
        rf"{_MISMATCH}|TokenIndex\w+",
        _column("token_usage_history", "DROP KEY created_at"),
        _WHOLE,
    ),
    Incident(
        "key_lost",
        "schema",
        rf"{_MISMATCH}|TokenIndex\w+|TokenKey\w*",
        _column("user_subscriptions", "MODIFY id INT NOT NULL, DROP PRIMARY KEY"),
        _WHOLE,
        symptoms=_FAILING,
    ),
    Incident(
        "balances_near_end",
        "headroom",
        _HEADROOM,
        _near_the_end,
        (0.005, 0.1),
        symptoms=r"TokenLedgerDrift",
        ends=r"TokenLedgerDrift",
    ),
    Incident(
        "ids_near_end",
        "headroom",
        _HEADROOM,
        _column("user_subscriptions", "AUTO_INCREMENT = 2100000000"),
        _WHOLE,
    ),
    Incident(
        "unknown_column_missing",
        "schema",
        _FAILING,
        behaving(columns_read=lambda _scene: "u.bio, u.locale"),
        _WHOLE,
        symptoms=_AFTER,
    ),
)

SERVER = (
    Incident(
        "read_only",
        "server",
        r"TokenMonitorReadOnly",
        _read_only,
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident(
        "monitor_right_lost",
        "server",
        r"TokenMonitorAccessDenied",
        sql(
            f"REVOKE SELECT ON app.* FROM {MONITOR}@localhost",
            f"GRANT SELECT ON app.users TO {MONITOR}@localhost",
            f"GRANT SELECT ON app.user_subscriptions TO {MONITOR}@localhost",
        ),
        _WHOLE,
    ),
    Incident(
        "application_right_lost",
        "server",
        _FAILING,
        _take_updates,
        _WHOLE,
        symptoms=_AFTER,
    ),
    Incident("quota_used_up", "server", _DOWN, _use_up_quota, _WHOLE),
    Incident("server_full", "server", _DOWN, _fill_up, _WHOLE, symptoms=_AFTER),
    Incident(
        "password_changed",
        "server",
        _DOWN,
        _without_monitor(f"ALTER USER {MONITOR}@localhost IDENTIFIED BY 'another'"),
        _WHOLE,
    ),
    Incident("server_down", "server", _DOWN, _down, _WHOLE),
    Incident(
        "restarts",
        "server",
        r"TokenServerRestart\w*|TokenMonitorTargetDown",
        _restart,
        _WHOLE,
        each_step=_restart_often,
    ),
    Incident(
        "balances_out_of_range",
        "server",
        rf"{_FAILING}|{_MISMATCH}",
        _shrink,
        _WHOLE,
        symptoms=rf"{_AFTER}|TokenLedgerDrift|TokenHeadroom",
    ),
)
