"""One number in a table, watched several times a second: its alert fires while it is above 0."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql

from monitor.demo.mariadb import PrivateServer
from tests.acceptance.configs import only_ours, two_files, write_config

ALERT = "Things"
FIRING = 'token_monitor_alerts{alertname="Things",severity="critical",state="firing"}'

_numbers = itertools.count()


class SingleValue:
    """The table, and the config that watches it; `extra` is appended to config.toml."""

    def __init__(self, server: PrivateServer, schema: str, folder: Path) -> None:
        self.server = server
        self.schema = schema
        self.folder = folder
        self.execute("CREATE TABLE things (n INT)")
        self.execute("INSERT INTO things VALUES (0)")

    def execute(self, sql: str) -> None:
        """Execute one statement as the owner of the schema."""
        with (
            self.server.connect(self.schema) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def set(self, number: int) -> None:
        """Set the number that the query reads."""
        self.execute(f"UPDATE things SET n = {number}")

    def kill_sessions(self) -> None:
        """Kill every connection to the schema on the server, as a DBA does."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE db = %s",
                (self.schema,),
            )
            for (number,) in cursor.fetchall():
                with suppress(pymysql.err.OperationalError):  # it has ended meanwhile
                    cursor.execute("KILL %s", (number,))

    def config(
        self,
        extra: str = "",
        *,
        target: dict[str, object] | None = None,
        hold: str = "0s",
    ) -> Path:
        """Write config.toml and the two files of the query; returns the path."""
        two_files(
            self.folder,
            "things",
            sql="-- the number\nSELECT n AS n FROM things",
            toml=f"""summary = "The number"
                interval = "500ms"
                timeout = "490ms"
                [metrics.app_things]
                help = "The number"
                value = "n"
                [rules.{ALERT}]
                metric = "app_things"
                above = 0
                for = "{hold}"
                severity = "critical"
                summary = "{{value}} things"
                """,
        )
        # what a busy machine does to three runs in a row is over by then
        hold_failing = '[rules.TokenMonitorQueryFailing]\nfor = "3s"'
        extra = f"{extra}\n{hold_failing}"
        return only_ours(
            write_config(
                self.folder, self.server, self.schema, extra=extra, target=target
            )
        )


@contextmanager
def a_schema(server: PrivateServer) -> Iterator[str]:
    """Make an empty database for a whole module, dropped afterwards; gives its name."""
    name = f"things{os.getpid()}_{next(_numbers)}"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield name
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")
