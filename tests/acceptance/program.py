"""The program as a user has it: a process with a config file, its log read line by line, a real receiver."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class Daemon:
    """`token-monitor run` as a process; waits for conditions, never for a length of time."""

    def __init__(
        self,
        config: Path,
        *,
        environ: dict[str, str] | None = None,
        arguments: Sequence[str] = ("--log-level", "debug"),
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.raw: list[str] = []
        self._changed = threading.Condition()
        self._has_ended = False
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "monitor",
                "run",
                "--config",
                os.fspath(config),
                *arguments,
            ],
            env={**os.environ, "PYTHONFAULTHANDLER": "1", **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            preexec_fn=prepare,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of the page; waits until it listens."""
        host, _, port = str(self.wait_for("monitor.started")["address"]).rpartition(":")
        return host, int(port)

    def wait_for(
        self, event: str, *, seconds: float = 40, after: int = 0, **fields: object
    ) -> Event:
        """Wait for an event with these fields, from the `after`-th event on."""

        def found() -> Event | None:
            return next(
                (
                    one
                    for one in self.events[after:]
                    if one["event"] == event
                    and all(one.get(key) == value for key, value in fields.items())
                ),
                None,
            )

        with self._changed:
            if (
                not self._changed.wait_for(
                    lambda: found() is not None or self._has_ended, seconds
                )
                or not found()
            ):
                tail = "\n".join(self.raw[-30:])
                raise AssertionError(
                    f"no {event} {fields} within {seconds} s; the log ends:\n{tail}"
                )
            one = found()
            assert one is not None
            return one

    def seen(self, event: str, **fields: object) -> list[Event]:
        """Return all events so far with these fields."""
        return [
            one
            for one in list(self.events)
            if one["event"] == event
            and all(one.get(key) == value for key, value in fields.items())
        ]

    def get(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Return status and body of a request to the page."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def series(self, start: str) -> dict[str, float]:
        """Read /metrics; give the series whose text begins so."""
        lines = self.get("/metrics")[1].splitlines()
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith(start)
        }

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        send_signal(self._process, number)

    def threads(self) -> int:
        """Count its threads."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def descriptors(self) -> int:
        """Count the files and connections that it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def resident_bytes(self) -> int:
        """Read how much memory it has."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def wait(self, seconds: float = 40) -> int:
        """Wait for its end; returns the exit code."""
        code = self._process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self) -> int:
        """Ask it to stop; gives the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.send_signal(
                signal.SIGABRT
            )  # faulthandler writes where every thread is
            self.wait()
            raise AssertionError(
                "it did not stop:\n" + "\n".join(self.raw[-120:])
            ) from None

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        self.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.raw.append(line.rstrip("\n"))
                    if line.startswith("{") and line.endswith(
                        "\n"
                    ):  # the last one may be torn by a kill
                        self.events.append(json.loads(line))
                    self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


class Hook:
    """A webhook's far end: keeps each body with the time that it came."""

    def __init__(self) -> None:
        self.bodies: list[Event] = []
        self.times: list[float] = []
        self.status = 200
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.keep(json.loads(body))
                hook.wait_until_open()
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Return where alerts are to be posted."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Answer nothing until `go_on`."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def go_on(self) -> None:
        """Answer what waits, and all that comes."""
        self._open.set()

    def wait_until_open(self) -> None:
        """Hold an answer back while the hook is slow."""
        self._open.wait(60)

    def keep(self, body: Event) -> None:
        """Record a body and when it came."""
        with self._changed:
            self.bodies.append(body)
            self.times.append(time.time())
            self._changed.notify_all()

    def alerts(self) -> list[tuple[str, str]]:
        """Return what was posted, in order: status and alertname."""
        return [
            (alert["status"], alert["labels"]["alertname"])
            for body in list(self.bodies)
            for alert in body["alerts"]
        ]

    def wait_for(self, status: str, alertname: str, *, seconds: float = 40) -> None:
        """Wait until an alert of this name was posted with this status."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: (status, alertname) in self.alerts(), seconds
            )
        assert done, (
            f"no {status} {alertname} within {seconds} s; posted: {self.alerts()}"
        )

    def close(self) -> None:
        """Release the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def running(
    config: Path,
    *,
    environ: dict[str, str] | None = None,
    arguments: Sequence[str] = ("--log-level", "debug"),
) -> Iterator[Daemon]:
    """Run the daemon; it must stop when asked."""
    daemon = Daemon(config, environ=environ, arguments=arguments)
    try:
        yield daemon
    finally:
        daemon.stop()


def send_signal(process: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to a process of ours; after SIGSTOP it stands: its threads stop one after the other."""
    process.send_signal(number)
    if number == signal.SIGSTOP:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def wait_until(
    condition: Callable[[], object], *, seconds: float = 40, why: str = ""
) -> None:
    """Wait until a condition holds, looking 50 times a second."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (
            f"not within {seconds} s: {why or condition}"
        )
        time.sleep(0.02)


def run_command(
    *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `token-monitor` with these arguments to its end."""
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def short_directory() -> Path:
    """Make a folder with a short path: a unix socket's has at most 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="tm-"))
