"""The servers that the bench measures on: their data is kept in a folder, and one that runs already is used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pymysql

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.support.servers import PrivateMySQL

ServerKind = Literal["mariadb", "mysql"]

SERVER_KINDS: tuple[ServerKind, ...] = ("mariadb", "mysql")

_OPTIONS = (
    "--default-time-zone=+00:00",
    # all data stays in memory, and what is written does not wait for the disk
    "--innodb-buffer-pool-size=3G",
    "--innodb-doublewrite=0",
    "--performance-schema=ON",
)
# Both tell the processor's time of statements, which does not depend on what else the machine does.
_OPTIONS_OF = {
    "mariadb": ("--userstat=ON", "--innodb-log-file-size=1G"),
    "mysql": (
        "--performance-schema-consumer-events-statements-cpu=ON",
        "--innodb-redo-log-capacity=1G",
    ),
}


def server_of(kind: ServerKind, folder: Path) -> PrivateServer:
    """Return the server of a kind whose data is in the folder; it may run already, or not be made yet."""
    options = (*_OPTIONS, *_OPTIONS_OF[kind])
    if kind == "mariadb":
        return PrivateMariaDB(folder / kind, options=options)
    return PrivateMySQL(folder / kind, options=options)


def is_running(server: PrivateServer) -> bool:
    """Return whether somebody answers on the server's socket."""
    try:
        server.connect().close()
    except pymysql.MySQLError:
        return False
    return True


@contextlib.contextmanager
def serving(kind: ServerKind, folder: Path) -> Iterator[PrivateServer]:
    """Have the server run; stop it afterwards if it did not run before, and keep its data."""
    server = server_of(kind, folder)
    if is_running(server):
        yield server
        return
    if not server.data.exists():
        server.create()
    server.start(timeout_seconds=120)
    try:
        yield server
    finally:
        server.stop()
