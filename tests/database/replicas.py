"""A primary and its replica, two real servers: replication begun, stopped, delayed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from tests.database.targets import run_as_root, wait_until
from tests.support.servers import PrivateMySQL, free_port


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary, and a replica of it; the schema `app` is on both."""

    primary: PrivateServer
    replica: PrivateServer

    @property
    def is_mariadb(self) -> bool:
        """Return whether the pair are MariaDBs; MySQLs otherwise."""
        return isinstance(self.primary, PrivateMariaDB)

    def write(self) -> None:
        """Change something on the primary."""
        run_as_root(self.primary, "INSERT INTO app.written VALUES (NULL)")

    def do(self, words: str) -> None:
        """Send the replica a statement about its replication, such as `STOP`, `START`; `… SQL_THREAD`."""
        verb, _, rest = words.partition(" ")
        run_as_root(self.replica, f"{verb} REPLICA {rest}")

    def delay(self, seconds: int) -> None:
        """Have the replica apply what comes so much later."""
        option = (
            f"MASTER_DELAY = {seconds}"
            if self.is_mariadb
            else f"SOURCE_DELAY = {seconds}"
        )
        verb = "CHANGE MASTER TO" if self.is_mariadb else "CHANGE REPLICATION SOURCE TO"
        self.do("STOP")
        run_as_root(self.replica, f"{verb} {option}")
        self.do("START")

    @contextmanager
    def with_a_second_source(self) -> Iterator[None]:
        """Add another, named source to the replica, which it does not follow yet."""
        if self.is_mariadb:
            set_up = "CHANGE MASTER 'second' TO MASTER_HOST = '127.0.0.1', MASTER_USER = 'follower'"
            end = "RESET REPLICA 'second' ALL"
        else:
            set_up = (
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_USER = 'follower'"
                " FOR CHANNEL 'second'"
            )
            end = "RESET REPLICA ALL FOR CHANNEL 'second'"
        run_as_root(self.replica, set_up)
        try:
            yield
        finally:
            run_as_root(self.replica, end)

    def is_caught_up(self) -> bool:
        """Return whether all that was written to the primary is on the replica."""
        return _count(self.primary) == _count(self.replica)


def _count(server: PrivateServer) -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM app.written")
        ((count,),) = cursor.fetchall()
        return int(count)


@contextmanager
def replicating(kind: Callable[..., PrivateServer]) -> Iterator[Pair]:
    """Run a primary and a replica that follows it."""
    with ExitStack() as stack:

        def start(number: int) -> PrivateServer:
            options = (
                f"--server-id={number}",
                "--log-bin=binlog",
                "--skip-name-resolve",
            )
            folder = Path(tempfile.mkdtemp(prefix="tm-"))
            return stack.enter_context(kind(folder, port=free_port(), options=options))

        pair = Pair(start(1), start(2))
        _follow(pair)
        run_as_root(
            pair.primary, "CREATE DATABASE app", "CREATE TABLE app.written (id SERIAL)"
        )
        wait_until(lambda: _has_table(pair.replica), "the replica follows", seconds=30)
        yield pair


def _follow(pair: Pair) -> None:
    run_as_root(
        pair.primary,
        "CREATE USER follower@'127.0.0.1' IDENTIFIED BY 's3cret'",
        "GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1'",
    )
    log = "SHOW MASTER STATUS" if pair.is_mariadb else "SHOW BINARY LOG STATUS"
    with pair.primary.connect() as connection, connection.cursor() as cursor:
        cursor.execute(log)
        file, position = cursor.fetchall()[0][:2]
    word = "MASTER" if pair.is_mariadb else "SOURCE"
    verb = "CHANGE MASTER TO" if pair.is_mariadb else "CHANGE REPLICATION SOURCE TO"
    key = "" if pair.is_mariadb else ", GET_SOURCE_PUBLIC_KEY = 1"
    run_as_root(
        pair.replica,
        f"{verb} {word}_HOST = '127.0.0.1', {word}_PORT = {pair.primary.port}, {word}_USER = 'follower',"
        f" {word}_PASSWORD = 's3cret', {word}_LOG_FILE = '{file}', {word}_LOG_POS = {position}{key}",
        "START REPLICA",
    )


def _has_table(server: PrivateServer) -> bool:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'"
        )
        ((count,),) = cursor.fetchall()
        return int(count) > 0


BOTH: Mapping[str, Callable[..., PrivateServer]] = {
    "mariadb": PrivateMariaDB,
    "mysql": PrivateMySQL,
}
