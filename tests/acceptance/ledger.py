"""What a daemon recorded against what arrived: receivers that keep each POST, and how the two differ."""

from __future__ import annotations

import fcntl
import json
import random
import sqlite3
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

HANG_UP = 0
Answer = tuple[int, float]
"""Status, or HANG_UP for none at all; and after how many seconds."""
Recorder = tuple[str, str, str]
"""Fingerprint, `startsAt` in milliseconds, status: what tells one announcement from another."""


@dataclass(frozen=True)
class Arrival:
    """One POST that came whole; `status` is what it was answered with, if the sender still heard it."""

    at: float
    key: str
    body: Any
    status: int


class Taker:
    """A real HTTP server that keeps every POST; `answer` chooses how it behaves for each."""

    def __init__(self, answer: Callable[[], Answer] = lambda: (200, 0.0)) -> None:
        self.arrivals: list[Arrival] = []
        self.answer = answer
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self._ended = threading.Event()
        taker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # its sender was killed in the middle
                    self.close_connection = True
                    return
                status, seconds = taker.answer()
                taker.keep(
                    Arrival(
                        time.time(),
                        self.headers.get("Idempotency-Key", ""),
                        json.loads(body),
                        status,
                    )
                )
                taker.wait(seconds)
                if status == HANG_UP:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                if not isinstance(sys.exc_info()[1], OSError):  # the sender was killed
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Keep what comes, and answer nothing until the end of this."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def wait(self, seconds: float) -> None:
        """Hold an answer back for so long, and while the hook is shut; the end lets it go."""
        self._ended.wait(seconds)
        self._open.wait(20)

    def keep(self, arrival: Arrival) -> None:
        """Record what arrived, in the order of arrival."""
        with self._changed:
            self.arrivals.append(arrival)
            self._changed.notify_all()

    def wait_for_more(self, than: int, *, seconds: float) -> bool:
        """Wait until more POSTs than these have come; tell whether they did."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.arrivals) > than, seconds)

    def close(self) -> None:
        """Answer nothing more, and release the port."""
        self._ended.set()
        self._open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def moody(
    seed: int, *, refuses: float = 0.1, hangs_up: float = 0.05, slow: float = 0.15
) -> Callable[[], Answer]:
    """Make an answer that is a 500, no answer at all, or late, each now and then."""
    choose = random.Random(seed)
    lock = threading.Lock()

    def answer() -> Answer:
        with lock:
            luck, seconds = choose.random(), choose.uniform(0.05, 0.4)
            late = choose.random() < slow
        status = (
            500 if luck < refuses else HANG_UP if luck < refuses + hangs_up else 200
        )
        return status, seconds if late else 0.0

    return answer


@dataclass(frozen=True)
class Recorded:
    """One row of the durable history of transitions."""

    change: str
    at: datetime
    fingerprint: str
    alert: dict[str, Any]

    @property
    def name(self) -> str:
        """Return the alert's name."""
        return str(self.alert["labels"]["alertname"])

    @property
    def reported(self) -> Recorder:
        """Return what a receiver has to hear of it."""
        status = "firing" if self.change == "fired" else "resolved"
        return self.fingerprint, _milliseconds(self.alert["fired_at"]), status


class Ledger:
    """The daemon's durable history, read when no daemon runs or beside one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with closing(
            sqlite3.connect(f"file:{directory / 'state.sqlite'}?mode=ro", uri=True)
        ) as file:
            self.integrity = [
                str(row[0]) for row in file.execute("PRAGMA integrity_check")
            ]
            rows = file.execute(
                "SELECT change, at, fingerprint, alert FROM transitions ORDER BY id"
            ).fetchall()
            self.outbox: dict[str, int] = dict(
                file.execute(
                    "SELECT receiver, count(*) FROM outbox GROUP BY receiver"
                ).fetchall()
            )
            self.taken = Counter(
                (str(receiver), str(key))
                for receiver, key in file.execute(
                    "SELECT receiver, key FROM deliveries WHERE outcome = 'taken'"
                )
            )
            self.given_up = file.execute(
                "SELECT receiver, reason, message FROM deliveries WHERE outcome = 'given_up'"
            ).fetchall()
            active = file.execute("SELECT alert FROM alerts").fetchall()
        self.transitions = [
            Recorded(change, datetime.fromisoformat(at), fingerprint, json.loads(alert))
            for change, at, fingerprint, alert in rows
        ]
        self.active: list[dict[str, Any]] = [json.loads(alert) for (alert,) in active]

    @property
    def announced(self) -> list[Recorded]:
        """Return the transitions that receivers hear of."""
        return [
            one
            for one in self.transitions
            if one.change != "pending" and one.name != "TokenMonitorWatchdog"
        ]

    def firing(self) -> set[tuple[str, str]]:
        """Return fingerprint and `startsAt` of what fires, without the watchdog."""
        reported = {one.reported for one in self.announced}
        return {
            (fingerprint, starts_at)
            for fingerprint, starts_at, status in reported
            if status == "firing"
            and (fingerprint, starts_at, "resolved") not in reported
        }

    def faults(self) -> list[str]:
        """Find what is wrong in the history by itself."""
        faults = [f"integrity: {line}" for line in self.integrity if line != "ok"]
        faults += [f"given up: {row}" for row in self.given_up]
        faults += [
            f"taken {n} times from the outbox: {key}"
            for key, n in self.taken.items()
            if n > 1
        ]
        of_alert = defaultdict(list)
        for one in self.announced:
            of_alert[one.fingerprint].append(one)
        for ones in of_alert.values():
            if ones[0].change != "fired":
                faults.append(f"resolved before it fired: {ones[0]}")
            faults += [
                f"{one.change} after {other.change}: {other}"
                for one, other in pairwise(ones)
                if one.change == other.change
            ]
            faults += [
                f"a resolve of another firing: {other}"
                for one, other in pairwise(ones)
                if other.change == "resolved"
                and other.alert["fired_at"] != one.alert["fired_at"]
            ]
        return faults

    def faults_of_webhook(self, arrivals: Iterable[Arrival]) -> list[str]:
        """Find what a webhook should have heard and did not, heard twice as new, or heard out of order."""
        heard: dict[Recorder, set[str]] = defaultdict(set)
        order: dict[str, list[Recorder]] = defaultdict(list)
        seen_keys: dict[str, Any] = {}
        faults = []
        for arrival in arrivals:
            alerts = [_told(alert) for alert in arrival.body["alerts"]]
            if arrival.key in seen_keys:
                if seen_keys[arrival.key] != alerts:
                    faults.append(f"another body under the same key: {arrival.key}")
                continue
            seen_keys[arrival.key] = alerts
            for logged in alerts:
                heard[logged].add(arrival.key)
                order[logged[0]].append(logged)
        wanted = [one.reported for one in self.announced]
        faults += [
            f"recorded and never arrived: {logged}"
            for logged in wanted
            if logged not in heard
        ]
        faults += [
            f"arrived and never recorded: {logged}"
            for logged in heard.keys() - set(wanted)
        ]
        faults += [
            f"announced as new {len(keys)} times: {logged}"
            for logged, keys in heard.items()
            if len(keys) > 1
        ]
        expected = defaultdict(list)
        for logged in wanted:
            expected[logged[0]].append(logged)
        faults += [
            f"out of order: {sequence} instead of {expected[fingerprint]}"
            for fingerprint, sequence in order.items()
            if sequence != expected[fingerprint]
        ]
        return faults

    def faults_of_alertmanager(self, arrivals: Iterable[Arrival]) -> list[str]:
        """Find what an Alertmanager was sent and is not so, and whether it knows the truth at the end."""
        recorded = {one.reported for one in self.announced}
        faults = []
        last: dict[str, Recorder] = {}
        for arrival in arrivals:
            for alert in arrival.body:
                logged = _posted(alert, arrival.at)
                if alert["labels"]["alertname"] == "TokenMonitorWatchdog":
                    continue
                if logged not in recorded:
                    faults.append(
                        f"told Alertmanager what was never recorded: {logged}"
                    )
                if arrival.status == 200:
                    last[logged[0]] = logged
        firing = {
            (fingerprint, starts_at)
            for fingerprint, starts_at, status in last.values()
            if status == "firing"
        }
        if firing != self.firing():
            faults.append(
                f"Alertmanager thinks that {firing} fire, in truth {self.firing()}"
            )
        return faults

    def is_locked(self) -> bool:
        """Return whether a process still has the directory."""
        with (self.directory / "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False


def duplicates(arrivals: Iterable[Arrival]) -> int:
    """Count POSTs that came again under a key that had come already."""
    return sum(
        count - 1 for count in Counter(arrival.key for arrival in arrivals).values()
    )


def _told(alert: dict[str, Any]) -> Recorder:
    return alert["fingerprint"], alert["startsAt"], alert["status"]


def _posted(alert: dict[str, Any], at: float) -> Recorder:
    is_over = datetime.fromisoformat(alert["endsAt"]).timestamp() <= at
    return (
        fingerprint_of(alert["labels"]),
        alert["startsAt"],
        "resolved" if is_over else "firing",
    )


def fingerprint_of(labels: dict[str, str]) -> str:
    """Hash labels as Alertmanager does: FNV-1a over sorted names and values."""
    digest = 14695981039346656037
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            digest = (digest ^ byte) * 1099511628211 % 2**64
    return f"{digest:016x}"


def _milliseconds(instant: str) -> str:
    return (
        datetime.fromisoformat(instant)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
