"""Start and stop a private MariaDB on a unix socket in a folder of its own; for the demo and the tests."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pymysql

from monitor.errors import MonitorError


class PrivateMariaDB:
    """A MariaDB of our own: no network unless asked, an empty root password, gone when it is stopped.

    `directory` must be short (a unix socket's path has at most 107 bytes) and is removed by `close`.
    """

    def __init__(self, directory: Path, *, port: int | None = None, options: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self.socket = directory / "s.sock"
        self.port = port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = directory / "mariadb.log"

    def __enter__(self) -> PrivateMariaDB:
        self.create()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def create(self) -> None:
        """Make the data directory, about 0.7 s."""
        self.directory.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                _program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self.directory / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--user={getpass.getuser()}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise MonitorError(f"mariadb-install-db failed in {self.directory}: {done.stderr or done.stdout}")

    def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Start the server and wait until it answers, about 0.2 s."""
        network = (
            ["--skip-networking"]
            if self.port is None
            else ["--bind-address=127.0.0.1", f"--port={self.port}"]
        )
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    _program("mariadbd"),
                    "--no-defaults",
                    f"--user={getpass.getuser()}",
                    f"--datadir={self.directory / 'data'}",
                    f"--socket={self.socket}",
                    f"--pid-file={self.directory / 'pid'}",
                    *network,
                    *self._options,
                ],
                stdout=log,
                stderr=log,
                # ^C in the terminal is for us to handle, in our order
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
        """Send a signal to the server, SIGSTOP and SIGCONT for instance."""
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop(with_signal=signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def connect(self, database: str | None = None) -> pymysql.connections.Connection[pymysql.cursors.Cursor]:
        """Open a connection as root, autocommit on."""
        return pymysql.connect(
            unix_socket=os.fspath(self.socket),
            user="root",
            database=database,
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=5,
        )

    def _wait_until_it_answers(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise MonitorError(
                    f"mariadbd did not start:\n{self._log_path.read_text(errors='replace')[-2000:]}"
                )
            if self.socket.exists():
                with contextlib.suppress(pymysql.MySQLError):
                    self.connect().close()
                    return
            time.sleep(0.02)
        raise MonitorError(f"mariadbd did not answer within {timeout_seconds:g} s")


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise MonitorError(f"{name} not found; install the package mariadb-server-core")
    return found
