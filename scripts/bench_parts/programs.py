"""Start the programs that are measured, and write the configurations that they are given."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.mariadb import PrivateConnection, PrivateServer

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """A schema of a server, and the account that may read it."""

    name: str
    server: PrivateServer
    schema: str
    account: str
    password_file: Path

    def table(self) -> str:
        """Return the target's table in config.toml."""
        return (
            f"[targets.{self.name}]\n"
            f'unix_socket = "{self.server.socket}"\n'
            f'user = "{self.account}"\n'
            f'password_file = "{self.password_file}"\n'
            f'database = "{self.schema}"\n'
        )


def create_account(
    connection: PrivateConnection, account: str, schema: str, password_file: Path
) -> None:
    """Make an account that may SELECT in a schema and read the server's books, with a new password, in the file."""
    password = secrets.token_urlsafe(24)
    password_file.touch(mode=0o600)
    password_file.write_text(password + "\n")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP USER IF EXISTS {account}@localhost")
        cursor.execute(f"CREATE USER {account}@localhost IDENTIFIED BY %s", (password,))
        cursor.execute(f"GRANT SELECT ON {schema}.* TO {account}@localhost")
        # So that what the server itself saw is asked, and paid, too.
        cursor.execute(f"GRANT SELECT ON performance_schema.* TO {account}@localhost")


def drop_account(server: PrivateServer, account: str) -> None:
    """Remove an account."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER IF EXISTS {account}@localhost")


def our_environment(checkout: Path) -> dict[str, str]:
    """Return the environment in which the program of a checkout runs, with none of our caller's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TOKEN_MONITOR_")}
    # What is installed is compiled; without this a checkout would be compiled at each start.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPATH": str(checkout)}


def our_command(*arguments: str) -> list[str]:
    """Return a command of the monitor."""
    return [sys.executable, "-m", "monitor", *arguments]


def free_port() -> int:
    """Return a port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], log: list[str], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Have a program run; its output goes to `log`, line by line."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd="/",
    )
    assert process.stdout is not None
    reader = threading.Thread(target=log.extend, args=(process.stdout,))
    reader.start()
    try:
        yield process
    finally:
        _stop(process)
        reader.join()
        process.stdout.close()


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def get(port: int, path: str) -> bytes:
    """Return what a program answers; OSError or URLError where it does not."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}{path}", timeout=30
    ) as response:
        return bytes(response.read())


def cpu_ms(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> float:
    """Return the processor time that a program has taken so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[11:13]  # proc(5): utime and stime, counted without the name
    return 1000 * (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def wait_for_metrics(
    port: int, process: subprocess.Popen[str], log: Sequence[str]
) -> None:
    """Wait until /metrics answers; end the bench, with the program's log, if it does not."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError, urllib.error.URLError):
            get(port, "/metrics")
            return
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("bench: the program does not answer:\n" + "".join(log[-30:]))
        time.sleep(0.002)
