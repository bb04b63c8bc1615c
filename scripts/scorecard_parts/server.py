"""A private MariaDB whose clock is read from a file: below the application and the monitor of the scorecard."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pymysql

from monitor.demo.mariadb import PrivateConnection, PrivateMariaDB
from monitor.model.errors import MonitorError

_LIBRARY = "faketime/libfaketimeMT.so.1"
_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_OPTIONS = (
    "--performance-schema=ON",
    "--innodb-log-file-size=32M",
    "--innodb-buffer-pool-size=192M",
    # a quarter of the server's time would go into files that nobody reads again
    "--innodb-doublewrite=0",
    "--max-connections=40",
)


class DrivenMariaDB(PrivateMariaDB):
    """A server that takes the wall clock from us, and the monotonic one from the machine.

    The clock goes on by itself between two steps, by real time; `set_clock` sets it.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, options=_OPTIONS)
        self._library = faketime_library()
        self._clock_file = directory / "clock"

    def set_clock(self, at: datetime) -> None:
        """Let the server's wall clock show this instant now."""
        offset_seconds = at.timestamp() - time.time()
        new = self._clock_file.with_suffix(".new")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(f"{offset_seconds:+.3f}\n", encoding="ascii")
        # as a whole: a statement may read it at any moment
        new.rename(self._clock_file)

    def connect_as(self, user: str, password: str, database: str) -> PrivateConnection:
        """Open a connection by the socket for an account, autocommit on."""
        return pymysql.connect(
            unix_socket=str(self.socket),
            user=user,
            password=password,
            database=database,
            autocommit=True,
            charset="utf8mb4",
            ssl_disabled=True,
        )

    def stop(self, *, with_signal: int = signal.SIGTERM) -> None:
        """Stop the server, and remove what libfaketime leaves of a process that could not end by itself."""
        process = self._process
        super().stop(with_signal=with_signal)
        if process is not None:
            for name in ("faketime_shm", "sem.faketime_sem"):
                Path(f"/dev/shm/{name}_{process.pid}").unlink(missing_ok=True)

    def keep(self, place: Path) -> None:
        """Copy the data of the stopped server to a folder."""
        _copy(self.data, place)

    def bring_back(self, place: Path) -> None:
        """Have the stopped server begin with the data of a folder."""
        _copy(place, self.data)

    def _start_command(self) -> Sequence[str]:
        return (
            "env",
            f"LD_PRELOAD={self._library}",
            f"FAKETIME_TIMESTAMP_FILE={self._clock_file}",
            "FAKETIME_NO_CACHE=1",
            "DONT_FAKE_MONOTONIC=1",
            "TZ=UTC",
            *super()._start_command(),
        )


def faketime_library() -> Path:
    """Find libfaketime; raises MonitorError with the command that installs it."""
    found = (
        path
        for place in _PLACES
        for pattern in (_LIBRARY, f"*/{_LIBRARY}")
        for path in Path(place).glob(pattern)
    )
    library = next(found, None)
    if library is None:
        raise MonitorError("libfaketime not found: apt install libfaketime")
    return library


def _copy(source: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    # by cp: where the file system can share blocks, nothing is copied at all
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(place)], check=True)
