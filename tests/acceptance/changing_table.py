"""A table that changes all the time, its history, and what alerts about it may say at which time."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from monitor.demo.mariadb import PrivateConnection
from tests.acceptance.ledger import Ledger, Recorded

NAMES = ("a", "b", "c", "d", "e", "f")
_QUERY = """summary = "What is wrong with things"
interval = "{interval}"
timeout = "{timeout}"
[metrics.app_things]
help = "How wrong a thing is"
labels = ["name"]
value = "n"
[rules.ThingWrong]
metric = "app_things"
above = 0
severity = "critical"
summary = "{name} is {value}"
[rules.ThingVeryWrong]
metric = "app_things"
above = 5
for = "400ms"
keep_firing_for = "300ms"
severity = "warning"
summary = "{name} is {value}"
"""
ABOVE = {"ThingWrong": 0, "ThingVeryWrong": 5}


@dataclass(frozen=True)
class Stand:
    """What the table held from `begun_at` at the earliest on; None when there was no table."""

    begun_at: float
    done_at: float
    numbers: dict[str, int] | None


def query_of_things(interval: str, *, timeout: str = "95ms") -> str:
    """Return the .toml of the query that watches the table."""
    return _QUERY.replace("{interval}", interval).replace("{timeout}", timeout)


class ChangingTable:
    """Changes the table all the time, in a thread, and remembers what it held when."""

    def __init__(
        self,
        connection: PrivateConnection,
        seed: int,
        *,
        pauses: tuple[float, float] = (0.01, 0.08),
    ) -> None:
        self._pauses = pauses
        self.stands: list[Stand] = []
        self._connection = connection
        self._choose = random.Random(seed)
        self._stopped = threading.Event()
        self._numbers: dict[str, int] = {}
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._do(
            "CREATE TABLE things (name VARCHAR(9) PRIMARY KEY, n INT NOT NULL)", {}
        )

    def start(self) -> None:
        """Begin to change the table, in a thread of its own."""
        self._thread.start()

    def end(self, numbers: dict[str, int]) -> None:
        """Stop, and leave the table with exactly this in it."""
        self._stopped.set()
        self._thread.join()
        for name in self._numbers.keys() - numbers.keys():
            self._remove(name)
        for name, number in numbers.items():
            self._put(name, number)

    def at_some_time(
        self, begin: float, end: float, holds: Callable[[dict[str, int] | None], bool]
    ) -> bool:
        """Return whether the table may have been seen so by one who looked between these times."""
        followed = [
            *pairwise([*self.stands, Stand(time.time() + 1e6, time.time() + 1e6, None)])
        ]
        return any(
            stand.begun_at <= end
            and following.done_at >= begin
            and holds(stand.numbers)
            for stand, following in followed
        )

    def _go(self) -> None:
        while not self._stopped.wait(self._choose.uniform(*self._pauses)):
            name, luck = self._choose.choice(NAMES), self._choose.random()
            if luck < 0.02:
                self._hide(self._choose.uniform(0.05, 0.8))
            elif luck < 0.3 and name in self._numbers:
                self._remove(name)
            else:
                self._put(name, self._choose.choice((0, 1, 9)))

    def _put(self, name: str, number: int) -> None:
        sql = f"INSERT INTO things VALUES ('{name}', {number}) ON DUPLICATE KEY UPDATE n = {number}"
        self._do(sql, {**self._numbers, name: number})

    def _remove(self, name: str) -> None:
        rest = {key: number for key, number in self._numbers.items() if key != name}
        self._do(f"DELETE FROM things WHERE name = '{name}'", rest)

    def _hide(self, seconds: float) -> None:
        """Let the query fail for a while: whatever the table held, nobody can know."""
        numbers = self._numbers
        self._do("RENAME TABLE things TO hidden", None)
        self._stopped.wait(seconds)
        self._do("RENAME TABLE hidden TO things", numbers)

    def _do(self, sql: str, numbers: dict[str, int] | None) -> None:
        begun_at = time.time()
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
        self.stands.append(Stand(begun_at, time.time(), numbers))
        self._numbers = numbers or {}


@dataclass
class Life:
    """One process: how it was ended, when it lived, and what it logged."""

    kind: str
    begun_at: float
    ended_at: float
    events: list[dict[str, object]]


class _Looks:
    """When the run of a transition looked at the table."""

    def __init__(self, lives: Sequence[Life], interval_seconds: float) -> None:
        self._lives = lives
        # A run stands for the nearest slot: it may have looked up to half an interval before.
        self._slack = interval_seconds / 2 + 0.05
        self._ended = {
            _instant(event["scheduled_at"]): _instant(event["timestamp"]).timestamp()
            for life in lives
            for event in life.events
            if event["event"] == "run.finished" and event["query"] == "things"
        }

    def __call__(self, one: Recorded) -> tuple[float, float]:
        """Return the times between which it did; its end is not known where the log was cut by a kill."""
        at = one.at.timestamp()
        if one.at in self._ended:
            return at - self._slack, self._ended[one.at]
        ends = [
            life.ended_at
            for life in self._lives
            if life.begun_at - self._slack <= at <= life.ended_at + self._slack
        ]
        assert ends, f"nobody lived at {one.at}"
        return at - self._slack, max(ends)


def faults_of_truth(
    ledger: Ledger,
    lives: Sequence[Life],
    changing: ChangingTable,
    *,
    interval_seconds: float,
) -> list[str]:
    """Find alerts that began or ended without the table's having been so when it was looked at."""
    looked = _Looks(lives, interval_seconds)
    faults = []
    for one in ledger.announced:
        if one.name not in ABOVE:
            continue
        name, above = one.alert["labels"]["name"], ABOVE[one.name]
        begin, end = looked(one)

        def is_so(
            numbers: dict[str, int] | None,
            name: str = name,
            above: int = above,
            change: str = one.change,
        ) -> bool:
            return numbers is not None and (numbers.get(name, 0) > above) == (
                change == "fired"
            )

        if not changing.at_some_time(begin, end, is_so):
            faults.append(f"{one.change} without cause: {one.name} {name} at {one.at}")
        if one.change == "fired" and one.name == "ThingVeryWrong":
            held = _instant(one.alert["fired_at"]) - _instant(one.alert["active_at"])
            if held < timedelta(milliseconds=400):
                faults.append(f"fired after {held}: {one.alert}")
    return faults


def faults_of_log(ledger: Ledger, lives: Sequence[Life]) -> list[str]:
    """Find what a process said aloud and did not record, or said twice; or what went wrong inside."""
    recorded = Counter(
        (one.change, one.fingerprint, one.alert["fired_at"]) for one in ledger.announced
    )
    said: Counter[tuple[str, str, str]] = Counter()
    faults = []
    for life in lives:
        for event in life.events:
            kind = str(event["event"])
            if kind in (
                "pipeline.failed",
                "monitor.crashed",
                "state.degraded",
                "web.failed",
            ):
                faults.append(f"{kind}: {event}")
            if (
                kind in ("alert.fired", "alert.resolved")
                and event["alertname"] != "TokenMonitorWatchdog"
            ):
                fired_at = _instant(event["fired_at"]).isoformat(
                    timespec="microseconds"
                )
                said[
                    kind.removeprefix("alert."), str(event["fingerprint"]), fired_at
                ] += 1
    faults += [f"said {count} times: {key}" for key, count in said.items() if count > 1]
    faults += [f"said and not recorded: {key}" for key in said.keys() - recorded.keys()]
    return faults


def _instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text))
