"""Fixtures for the database edge: databases to be closed, targets of real servers, accounts."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.database import Database
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.model.kills import Kill
from monitor.model.targets import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog
from tests.database.targets import make_digits, run_as_root, target_for
from tests.support.servers import free_port

_accounts = itertools.count()


class Databases:
    """Opens databases for a test, and closes them after it."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._open: list[Database] = []

    def open(
        self,
        target: Target,
        *,
        timeout: timedelta = timedelta(seconds=15),
        environ: Mapping[str, str] = os.environ,
        on_kill: Callable[[Kill], None] = lambda _kill: None,
    ) -> Database:
        """Open a database that is closed when the test ends."""
        database = Database(
            target,
            secrets=SecretReader(environ),
            watchdog=self._watchdog,
            timeout=timeout,
            on_kill=on_kill,
        )
        self._open.append(database)
        return database

    def close(self) -> None:
        """Close all that was opened."""
        for database in self._open:
            database.close()


@pytest.fixture
def databases(watchdog: Watchdog) -> Iterator[Databases]:
    """Provide databases that are closed at the end of the test."""
    databases = Databases(watchdog)
    yield databases
    databases.close()


@pytest.fixture
def schema_with_digits(server: PrivateServer, server_schema: str) -> str:
    """Provide a schema with a table of ten digits, to make any number of rows of."""
    make_digits(server, server_schema)
    return server_schema


@pytest.fixture
def database(
    databases: Databases, server: PrivateServer, schema_with_digits: str
) -> Database:
    """A database of each shared server, as root."""
    return databases.open(target_for(server, schema=schema_with_digits))


@pytest.fixture
def account(server: PrivateServer, server_schema: str) -> Iterator[str]:
    """An account that may read the test's schema; its password is "s3cret"."""
    name = f"reader{next(_accounts)}"
    run_as_root(
        server,
        f"CREATE USER {name}@'%' IDENTIFIED BY 's3cret'",
        f"GRANT SELECT ON {server_schema}.* TO {name}@'%'",
    )
    yield name
    run_as_root(server, f"DROP USER {name}@'%'")


@pytest.fixture
def own_mariadb() -> Iterator[PrivateMariaDB]:
    """A server of the test's own, by TCP too, to be stopped, frozen, restarted."""
    with PrivateMariaDB(
        Path(tempfile.mkdtemp(prefix="tm-")), port=free_port()
    ) as server:
        run_as_root(
            server,
            "CREATE USER over_tcp@'127.0.0.1' IDENTIFIED BY 's3cret'",
            "GRANT ALL ON *.* TO over_tcp@'127.0.0.1'",
            "CREATE DATABASE app",
        )
        make_digits(server, "app")
        yield server
