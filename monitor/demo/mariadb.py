"""Start and stop a private MariaDB on a unix socket in a folder of its own; for the demo and the tests."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import pymysql

from monitor.model.errors import MonitorError

PrivateConnection: TypeAlias = "pymysql.connections.Connection[pymysql.cursors.Cursor]"


class PrivateServer(ABC):
    """A database server of our own: no network unless asked, an empty root password, gone when closed.

    `directory` must be short (a unix socket's path has at most 107 bytes) and is removed by `close`.
    """

    def __init__(
        self, directory: Path, *, port: int | None = None, options: tuple[str, ...] = ()
    ) -> None:
        self.directory = directory
        self.socket = directory / "s.sock"
        self.data = directory / "data"
        self.port = port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = directory / "tmp"
        self._log_path = directory / "server.log"

    @abstractmethod
    def _create_command(self) -> Sequence[str]:
        """Return the command that makes the data directory."""

    @abstractmethod
    def _start_command(self) -> Sequence[str]:
        """Return the command that serves the data directory, without network and socket options."""

    def __enter__(self) -> Self:
        try:
            self.create()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create(self) -> None:
        """Make the data directory: about 0.7 s for MariaDB, 3 s for MySQL."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        command = self._create_command()
        done = subprocess.run(
            command,
            # of its own: a server that starts removes other servers' temporary files beside its own
            env={**os.environ, "TMPDIR": str(self._scratch)},
            capture_output=True,
            text=True,
            check=False,
            # ^C in the terminal is for us to handle, in our order
            start_new_session=True,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout)[-2000:]
            raise MonitorError(
                f"{Path(command[0]).name} failed in {self.directory}: {said}"
            )

    def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Start the server and wait until it answers: about 0.2 s for MariaDB, 1.5 s for MySQL."""
        network = (
            ["--skip-networking"]
            if self.port is None
            else ["--bind-address=127.0.0.1", f"--port={self.port}"]
        )
        # what a killed server left behind would look like an answer to come
        self.socket.unlink(missing_ok=True)
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._start_command(),
                    f"--socket={self.socket}",
                    f"--pid-file={self.directory / 'pid'}",
                    f"--tmpdir={self._scratch}",
                    # survives our SIGKILL, though not a power cut: nothing waits for the disk
                    "--innodb-flush-log-at-trx-commit=2",
                    *network,
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until_it_answers(timeout_seconds)

    def stop(self, *, with_signal: int = signal.SIGTERM) -> None:
        """Stop the server and keep its data; SIGKILL for the hard way."""
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def signal(self, number: int) -> None:
        """Send a signal to the server, SIGCONT for instance; after SIGSTOP it has stopped."""
        if self._process is not None:
            self._process.send_signal(number)
            if number == signal.SIGSTOP:  # its threads stop one by one
                os.waitid(
                    os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT
                )

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop(with_signal=signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def connect(self, database: str | None = None) -> PrivateConnection:
        """Open a connection as root, autocommit on."""
        connection = pymysql.connect(
            unix_socket=os.fspath(self.socket),
            user="root",
            database=database,
            autocommit=True,
            charset="utf8mb4",
            defer_connect=True,
            # The driver would read the system's certificates first, 20 ms each time.
            ssl_disabled=True,
        )
        # PyMySQL leaves its own socket open when nobody listens, which a test sees as a warning.
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            wire.settimeout(5)
            wire.connect(os.fspath(self.socket))
            wire.settimeout(None)
            connection.connect(wire)
        except OSError as error:
            wire.close()
            raise pymysql.err.OperationalError(
                2003, f"no server at {self.socket}: {error}"
            ) from error
        except BaseException:
            wire.close()
            raise
        return connection

    def _wait_until_it_answers(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise MonitorError(
                    f"the server did not start:\n{self._log_path.read_text(errors='replace')[-2000:]}"
                )
            if self.socket.exists():
                with contextlib.suppress(pymysql.MySQLError):
                    self.connect().close()
                    return
            time.sleep(0.02)
        raise MonitorError(f"the server did not answer within {timeout_seconds:g} s")


class PrivateMariaDB(PrivateServer):
    """The MariaDB of this machine, package mariadb-server-core."""

    def _create_command(self) -> Sequence[str]:
        return (
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self.data}",
            # By default root enters by the unix_socket plugin: only the system's own root would.
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            # the machine's own name need not resolve: nobody comes by it
            "--force",
            f"--user={getpass.getuser()}",
        )

    def _start_command(self) -> Sequence[str]:
        return (
            _program("mariadbd"),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.data}",
        )


def _program(name: str) -> str:
    # Debian has servers in /usr/sbin, which is not on every user's path.
    found = shutil.which(
        name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    )
    if found is None:
        raise MonitorError(f"{name} not found; install the package mariadb-server-core")
    return found
