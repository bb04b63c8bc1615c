"""Real servers for the tests: the MySQL 9 that scripts/test --mysql prepares, and ports that are free."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import MonitorError

MYSQL_VARIABLE = "TOKEN_MONITOR_TEST_MYSQL"
"""Set by scripts/test --mysql: `1` or the folder of the prepared MySQL, or `unavailable: REASON`."""

MYSQL_NOT_ASKED = "scripts/test --mysql prepares MySQL 9"
MYSQL_UNAVAILABLE = "MySQL 9 cannot be had"

_FIRST_PORT = 10_000
_BLOCK = 64


def why_no_mysql() -> str | None:
    """Return why tests with MySQL are skipped; None when they run (and fail if it is not there)."""
    asked = os.environ.get(MYSQL_VARIABLE, "")
    if not asked:
        return MYSQL_NOT_ASKED
    if asked.startswith("unavailable"):
        return MYSQL_UNAVAILABLE + asked.removeprefix("unavailable")
    return None


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on now, another one each time.

    It is out of a block that this process alone takes ports from, and none of those that the kernel
    gives to connections that go out: one of them could have it before its server comes, or come
    again after that server has gone.
    """
    while True:
        port = next(_ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _own_ports() -> Iterator[int]:
    first_of_the_kernel = int(
        Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]
    )
    last = first_of_the_kernel - _BLOCK
    assert last > _FIRST_PORT, "the kernel gives all ports to connections that go out"
    for first in itertools.cycle(range(_FIRST_PORT, last, _BLOCK)):
        # A name without a file, which goes with the process that has it.
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0token-monitor-test-ports-{first}")
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        yield from range(first, first + _BLOCK)


_ports = _own_ports()
_marks: list[socket.socket] = []


class PrivateMySQL(PrivateServer):
    """A MySQL 9 out of the folder that scripts/mysql9 prepared; needs no root and no chroot.

    It is of a newer Debian than the machine, so it runs with the C library of its own folder.
    """

    def __init__(
        self, directory: Path, *, port: int | None = None, options: tuple[str, ...] = ()
    ) -> None:
        super().__init__(
            directory, port=port, options=("--innodb-buffer-pool-size=64M", *options)
        )

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Start the server and wait until it answers; root may also come by TCP."""
        super().start(timeout_seconds=timeout_seconds)
        if self.port is not None:
            with self.connect() as connection, connection.cursor() as cursor:
                cursor.execute("CREATE USER IF NOT EXISTS root@'127.0.0.1'")
                cursor.execute("GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION")

    def _create_command(self) -> Sequence[str]:
        return (*self._mysqld(), "--initialize-insecure")

    def _start_command(self) -> Sequence[str]:
        return (*self._mysqld(), "--mysqlx=0", "--skip-log-bin", "--secure-file-priv=")

    def _mysqld(self) -> Sequence[str]:
        folder = _mysql_folder()
        loaders = sorted(folder.glob("usr/lib*/ld-linux*.so.*")) + sorted(
            folder.glob("usr/lib/ld-linux*.so.*")
        )
        libraries = [
            *sorted(folder.glob("usr/lib/*-linux-gnu*")),
            folder / "usr/lib/mysql/private",
        ]
        mysqld = folder / "usr/sbin/mysqld"
        if not loaders or not mysqld.exists():
            raise MonitorError(f"no MySQL in {folder}; {MYSQL_NOT_ASKED}")
        return (
            os.fspath(loaders[0]),
            "--inhibit-cache",
            "--library-path",
            ":".join(map(os.fspath, libraries)),
            os.fspath(mysqld),
            "--no-defaults",
            f"--basedir={folder / 'usr'}",
            f"--user={getpass.getuser()}",
            f"--datadir={self.data}",
        )


def _mysql_folder() -> Path:
    asked = os.environ.get(MYSQL_VARIABLE, "")
    if Path(asked).is_absolute():
        return Path(asked)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "token-monitor" / "mysql9"


def forget_failures(server: PrivateServer) -> None:
    """Forget which statements failed: those of other tests are not the application's."""
    if not isinstance(server, PrivateMySQL):
        return
    with server.connect() as connection, connection.cursor() as cursor:
        for table in (
            "events_statements_summary_by_digest",
            "events_errors_summary_by_account_by_error",
            "events_errors_summary_global_by_error",
        ):
            cursor.execute(f"TRUNCATE performance_schema.{table}")
