"""Everything at once on one account: hung queries, evidence, KILL, reloads; its connections are counted."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from monitor.alerting.snapshot import Snapshot
from monitor.collector.targets import TargetRunners
from monitor.database import Database
from monitor.demo.mariadb import PrivateServer
from monitor.model.errors import Reason
from monitor.model.kills import Kill
from monitor.model.results import Failure, Result
from monitor.model.settings import Job, Query
from monitor.model.targets import PasswordSource, Target
from monitor.secrets.reader import SecretReader
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from tests.database.targets import (
    PASSWORD,
    RUNAWAY,
    a_query,
    run_as_root,
    sessions_of,
    target_for,
    wait_until,
)

MAX_SESSIONS = 3
"""max_connections before and after a reload in turn: never above the greater of both."""


def brief(name: str, sql: str, *, evidence: str = "", seconds: float = 0.3) -> Query:
    return a_query(name, sql, evidence=evidence, seconds=seconds, max_rows=5)


QUERIES = (
    brief("hung", RUNAWAY),
    brief("hung_for_long", RUNAWAY, seconds=30),
    brief("with_evidence", "SELECT 1 AS n", evidence=RUNAWAY),
    brief("too_many", "SELECT digit AS n FROM digits"),
    brief("broken", "SELECT n FROM nowhere"),
    *(brief(f"quick{number}", "SELECT 1 AS n") for number in range(4)),
)


class Storm:
    """One target that is changed again and again while its queries run."""

    def __init__(self, target: Target, watchdog: Watchdog) -> None:
        self.results: list[Result] = []
        self.kills: list[Kill] = []
        self._target = target
        self.runners = TargetRunners(
            AnchoredClock(),
            open_database=partial(
                Database,
                secrets=SecretReader(PASSWORD),
                watchdog=watchdog,
                on_kill=self.kills.append,
            ),
            on_result=self.results.append,
            on_missed=lambda _job, _count: None,
            snapshot=Snapshot,
        )

    def reload(self, max_connections: int) -> None:
        target = replace(self._target, max_connections=max_connections)
        self.runners.apply([target])
        self.runners.run_now([Job(target, query) for query in QUERIES])

    def reasons(self) -> Counter[tuple[Reason, str]]:
        failures = [
            result.outcome
            for result in self.results
            if isinstance(result.outcome, Failure)
        ]
        return Counter((failure.reason, failure.detail) for failure in failures)


def watch(
    count: Callable[[], int], done: threading.Event, counts: Counter[int]
) -> None:
    while not done.is_set():
        counts[count()] += 1


def test_an_account_never_has_more_connections_than_it_was_allowed(
    server: PrivateServer, schema_with_digits: str, account: str, watchdog: Watchdog
) -> None:
    # One for KILL, and those that the server has not quite closed when their successors come: what `grants`
    # asks for.
    run_as_root(
        server, f"ALTER USER {account}@'%' WITH MAX_USER_CONNECTIONS {MAX_SESSIONS + 3}"
    )
    source = PasswordSource(env="PASSWORD")
    storm = Storm(
        target_for(server, schema=schema_with_digits, user=account, password=source),
        watchdog,
    )
    counts: Counter[int] = Counter()
    done = threading.Event()
    counter = threading.Thread(
        target=watch,
        args=(lambda: len(sessions_of(server, user=account)), done, counts),
    )
    counter.start()
    try:
        for number in itertools.islice(
            itertools.cycle((MAX_SESSIONS, MAX_SESSIONS - 1)), 8
        ):
            before = len(storm.results)
            storm.reload(number)
            wait_until(lambda: len(storm.results) > before + 3, "runs end", seconds=60)  # noqa: B023
    finally:
        storm.runners.stop(1.0)
        done.set()
        counter.join()
    wait_until(lambda: not sessions_of(server, user=account), "all are gone")
    assert max(counts) <= MAX_SESSIONS + 3
    assert (
        sum(count for most, count in counts.items() if most > MAX_SESSIONS + 1)
        <= 0.1 * counts.total()
    )
    # One that is not let in within its 300 ms on a busy machine is another matter.
    assert (Reason.TARGET_DOWN, "full") not in storm.reasons()
    assert not [kill for kill in storm.kills if "max_user_connections" in kill.message]
    assert {kill.reason for kill in storm.kills} <= {
        "",
        "no_such_thread",
        "unreachable",
    }
    assert {Reason.TIMEOUT, Reason.KILLED, Reason.TOO_MANY_ROWS} <= {
        reason for reason, _ in storm.reasons()
    }


def test_a_change_of_what_is_not_a_connection_keeps_the_connections(
    server: PrivateServer, schema_with_digits: str, account: str, watchdog: Watchdog
) -> None:
    source = PasswordSource(env="PASSWORD")
    target = target_for(
        server, schema=schema_with_digits, user=account, password=source
    )
    storm = Storm(target, watchdog)
    quick = QUERIES[-1]
    try:
        storm.runners.apply([target])
        storm.runners.run_now([Job(target, quick)])
        wait_until(lambda: storm.results, "it ran")
        before = sessions_of(server, user=account)
        changed = replace(target, labels={"region": "eu"}, max_replica_lag=timedelta(0))
        storm.runners.apply([changed])
        storm.runners.run_now([Job(changed, quick)])
        wait_until(lambda: len(storm.results) == 2, "it ran again")
        assert sessions_of(server, user=account) == before
        assert len(before) == 1
    finally:
        storm.runners.stop(1.0)
