"""A monitor in mid-incident, whose state an older version has left: what it watches, and how."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import two_files, write_config

TABLES = ("told", "owed", "early", "held")
"""One number each: its alert was announced; waits in the outbox; is pending; is held, since its column is gone."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?=Z|\+00:00)")


def alert_of(table: str) -> str:
    """Return the name of the alert about a table."""
    return f"Upgrade{table.capitalize()}"


def make_tables(server: PrivateServer, schema: str) -> None:
    """Create a table for each state that an alert may be in."""
    with server.connect(schema) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE {table} (n INT, also INT)")
            cursor.execute(f"INSERT INTO {table} VALUES (0, 0)")


def set_number(server: PrivateServer, schema: str, table: str, number: int) -> None:
    """Set the number that a table's query reads."""
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET n = {number}")


def drop_column(server: PrivateServer, schema: str) -> None:
    """Take the column away that one of the queries reads."""
    with server.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE held DROP COLUMN n")


def configuration(folder: Path, server: PrivateServer, schema: str, hook: str) -> Path:
    """Write config.toml and the files of each table's query; returns the path."""
    for table in TABLES:
        two_files(
            folder,
            table,
            sql=f"SELECT n AS n FROM {table}",
            toml=f"""summary = "A number"
                interval = "500ms"
                timeout = "490ms"
                needs = ["{table}.n"]
                [metrics.app_{table}]
                help = "A number"
                value = "n"
                [rules.{alert_of(table)}]
                metric = "app_{table}"
                above = 0
                for = "{"1h" if table == "early" else "0s"}"
                severity = "critical"
                summary = "{{value}} of {table}"
                """,
        )
    extra = f"""[receivers.hook]
        kind = "webhook"
        url = "{hook}"
        [queries.missing_columns]
        interval = "500ms"
        timeout = "490ms"
        [rules.TokenColumnMissing]
        for = "0s"
        [rules.TokenMonitorQueryFailing]
        for = "1h"
        [rules.TokenMonitorQueryStale]
        for = "1h"
        """
    queries = ["missing_columns", *TABLES]
    path = write_config(
        folder, server, schema, extra=extra, target={"queries": queries}
    )
    path.write_text(f'query_dirs = ["queries"]\n{path.read_text()}')
    return path


def restore(dump: Path, directory: Path) -> None:
    """Make the state of a dump, as if the monitor that wrote it had ended just now."""
    text = dump.read_text(encoding="utf-8")
    latest = max(map(datetime.fromisoformat, _INSTANT.findall(text)))
    by = datetime.now(UTC).replace(tzinfo=None) - latest
    shifted = _INSTANT.sub(
        lambda found: (datetime.fromisoformat(found[0]) + by).isoformat(
            timespec="microseconds"
        ),
        text,
    )
    directory.mkdir()
    with closing(sqlite3.connect(directory / "state.sqlite")) as connection:
        connection.executescript(shifted)
