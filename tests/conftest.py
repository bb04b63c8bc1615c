"""Fixtures that more than one room's tests use: real servers, each in a folder of its own."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB

_numbers = itertools.count()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[PrivateMariaDB]:
    """Run one MariaDB for the whole session; tests that stop or freeze a server start their own."""
    # A unix socket's path has at most 107 bytes: pytest's own temporary folders are too deep.
    directory = Path(tempfile.mkdtemp(prefix="tm-"))
    with PrivateMariaDB(directory) as server:
        yield server


@pytest.fixture
def schema(mariadb: PrivateMariaDB) -> Iterator[str]:
    """Make an empty database on the shared server, dropped afterwards; gives its name."""
    name = f"app{next(_numbers)}"
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield name
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")
