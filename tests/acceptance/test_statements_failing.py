"""The incident where no contract knows the column: seen by the daemon in what the server itself counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pymysql
import pytest

from tests.acceptance.configs import token_system, webhook, write_config
from tests.acceptance.program import Daemon, Hook, running, wait_until
from tests.acceptance.single_value import a_schema
from tests.support.servers import PrivateMySQL, forget_failures

INTERVAL_SECONDS = 2.0
APPLICATION, MONITOR = "shop", "watcher"
QUICK = f"""
[queries.statements_failing]
interval = "{INTERVAL_SECONDS:g}s"
timeout = "1s"
[rules.TokenStatementsFailing]
for = "0s"
"""


def use_a_feature(server: PrivateMySQL, schema: str) -> None:
    """Read a balance as the application does before each AI call."""
    with (
        pymysql.connect(
            unix_socket=str(server.socket), user=APPLICATION, database=schema
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT tokens_remaining FROM users WHERE id = 1")


def looks(daemon: Daemon) -> list[datetime]:
    """Return for when the runs were scheduled that gave data."""
    events = daemon.seen("run.finished", query="statements_failing")
    return [datetime.fromisoformat(str(one["scheduled_at"])) for one in events]


@pytest.fixture
def schema_on_mysql(mysql: PrivateMySQL) -> Iterator[str]:
    """Make the token system on MySQL, an account of the application, and ours with the right that it takes."""
    with a_schema(mysql) as schema:
        token_system(mysql, schema)
        grants = {APPLICATION: (schema,), MONITOR: (schema, "performance_schema")}
        with mysql.connect() as connection, connection.cursor() as cursor:
            for account, schemas in grants.items():
                cursor.execute(f"CREATE USER {account}@localhost")
                for one in schemas:
                    cursor.execute(f"GRANT SELECT ON {one}.* TO {account}@localhost")
        forget_failures(mysql)
        yield schema
        with mysql.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER {APPLICATION}@localhost, {MONITOR}@localhost")


@pytest.mark.mysql
def test_the_incident_is_told_by_the_first_look_after_it_without_any_contract(
    mysql: PrivateMySQL, schema_on_mysql: str, folder: Path, hook: Hook
) -> None:
    schema = schema_on_mysql
    config = write_config(
        folder,
        mysql,
        schema,
        extra=QUICK + webhook(hook.url),
        # what knows the column is not there; the others are, and fail as the application does
        target={"user": MONITOR, "except": ["missing_columns"]},
    )
    with running(config) as daemon:
        wait_until(lambda: len(looks(daemon)) >= 2)
        use_a_feature(mysql, schema)
        assert daemon.seen("alert.fired", alertname="TokenStatementsFailing") == []
        with mysql.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE users DROP COLUMN tokens_remaining")
        with pytest.raises(pymysql.MySQLError, match="1054"):
            use_a_feature(mysql, schema)
        failed_at = datetime.now(UTC)
        fired = daemon.wait_for("alert.fired", alertname="TokenStatementsFailing")
        hook.wait_for("firing", "TokenStatementsFailing")
        after = [look for look in looks(daemon) if look > failed_at]
        names = {one["labels"]["alertname"] for one in daemon.seen("alert.fired")}
    found_at = datetime.fromisoformat(str(fired["fired_at"]))
    # By the look that was under way, or by the first that began after it.
    assert found_at <= min(after)
    assert (found_at - failed_at).total_seconds() <= INTERVAL_SECONDS
    assert fired["labels"]["code"] == "1054"
    assert APPLICATION in fired["annotations"]["description"]
    assert "tokens_remaining" in fired["annotations"]["description"]
    assert not names & {"TokenColumnMissing", "TokenContractBroken"}
