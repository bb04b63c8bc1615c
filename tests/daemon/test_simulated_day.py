"""Hours of faults on a driven clock, and parts begun and ended again and again: no lie, loss or growth."""

from __future__ import annotations

import io
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.collector.scheduler import Schedule
from monitor.collector.targets import TargetRunners
from monitor.config import load
from monitor.database import Database
from monitor.demo.mariadb import PrivateMariaDB
from monitor.model.alerts import Notification, ReceiverHealth
from monitor.model.results import Result, Success
from monitor.model.settings import Config
from monitor.notify.context import DeliveryContext
from monitor.notify.kinds import KINDS
from monitor.notify.manager import Deliveries
from monitor.notify.transport import Transport
from monitor.secrets.reader import SecretReader
from monitor.storage import State
from monitor.telemetry.log import configure
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from monitor.web import WebServer
from tests.acceptance.configs import two_files, write_config
from tests.acceptance.ledger import Taker
from tests.acceptance.program import wait_until
from tests.support.disks import let_files_grow
from tests.support.harness import (
    BALANCE,
    COLUMNS,
    MINUTE,
    NO_COLUMN,
    START,
    TIMEOUT,
    Harness,
    a_config,
    columns,
    usage,
)
from tests.support.simulated_day import BOUNDS, HOUR, Day
from tests.web.serving import ServedState as Served

SEEDS = {6: 7, 24: 24}
"""Days in which each kind of misfortune lasts long enough to be looked at."""


@pytest.fixture(autouse=True)
def _files_grow_again() -> Iterator[None]:
    yield
    let_files_grow(does=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hours", [6, pytest.param(24, marks=pytest.mark.long)])
def test_hours_of_faults_bring_no_lie_no_loss_and_no_growth(
    tmp_path: Path, hours: int
) -> None:
    seed = int(os.environ.get("TOKEN_MONITOR_TEST_SEED", SEEDS[hours]))
    day = Day(tmp_path, seed)
    end = START + hours * HOUR
    day.misfortunes(end)
    sizes: list[dict[str, int]] = []
    began = time.monotonic()
    if hours >= 24:
        tracemalloc.start()
    try:
        for hour in range(1, hours + 1):
            day.live(START + hour * HOUR)
            sizes.append(day.sizes())
    finally:
        tracemalloc.stop()
    print(f"\nseed {seed}: {hours} h in {time.monotonic() - began:.0f} s")  # noqa: T201
    print(dict(day.done), dict(day.checks), sizes[0], sizes[-1], sep="\n")  # noqa: T201
    print("bytes by the hour", [one["bytes"] for one in sizes])  # noqa: T201
    assert day.faults == []
    assert day.faults_of_delivery() == []
    assert grown(sizes) == {}
    assert min(day.done[kind] for kind in day.kinds()) >= hours // 3
    for situation in ("well", "lost", "missing", "failing"):
        assert day.checks[f"settled {situation}"] > 5 * hours, day.checks
    day.process.state.close()


def grown(sizes: list[dict[str, int]]) -> dict[str, tuple[int, int]]:
    """Find what was larger in the second half than ever in the first, by more than a tenth and a little."""
    half = len(sizes) // 2
    first, last = sizes[:half], sizes[half:]
    found = {}
    for name in sizes[0]:
        before, after = max(one[name] for one in first), max(one[name] for one in last)
        if name not in BOUNDS and after > 1.1 * before + 3:
            found[name] = (before, after)
        elif name in BOUNDS and after > BOUNDS[name]:
            found[name] = (BOUNDS[name], after)
    return found


@pytest.mark.slow
def test_after_a_restart_a_receiver_that_still_fails_is_not_said_to_be_well() -> None:
    harness = Harness(a_config(COLUMNS))
    harness.health["hook"] = ReceiverHealth(
        harness.at - 6 * MINUTE, "refused", "connection refused", 4
    )
    harness.tick()
    assert harness.reported() == ["TokenMonitorDeliveryFailing fired"]
    again = harness.restarted(MINUTE)
    again.health["hook"] = ReceiverHealth(again.at, "refused", "connection refused", 4)
    again.after(MINUTE).tick()
    assert again.reported() == []
    again.health["hook"] = ReceiverHealth()
    again.tick()
    assert again.reported() == ["TokenMonitorDeliveryFailing resolved"]


@pytest.mark.slow
def test_a_rule_waits_for_its_column_only_while_what_is_known_of_the_schema_is_fresh() -> (
    None
):
    harness = Harness()
    harness.runs(columns(BALANCE), NO_COLUMN, usage(5))
    for _ in range(10):
        harness.after(MINUTE).run("missing_columns", TIMEOUT)
        harness.run("usage", usage(5))
    assert harness.shown()["TokenUsageStopped"] == "firing"


ROUNDS = 50


@pytest.mark.slow
def test_parts_that_begin_reload_and_end_again_and_again_leave_nothing_behind(
    mariadb: PrivateMariaDB, schema: str, tmp_path: Path
) -> None:
    taker = Taker()
    one, other = two_configs(tmp_path, mariadb, schema, taker)
    left = []
    try:
        for number in range(ROUNDS):
            live_once(one, other, taker)
            if number == 4:
                wait_until(lambda: taker_threads() == 0)
                left.append((threading.active_count(), descriptors()))
        wait_until(
            lambda: threading.active_count() <= left[0][0],
            why=f"only these threads: {threading.enumerate()}",
        )
        wait_until(
            lambda: descriptors() <= left[0][1],
            why="no more descriptors than at the beginning",
        )
    finally:
        taker.close()


def two_configs(
    folder: Path, server: PrivateMariaDB, schema: str, taker: Taker
) -> tuple[Config, Config]:
    """Return a configuration, and what it is after a reload: another interval, target and receiver."""
    sql = "SELECT 1 AS n"
    for name in ("n", "m"):
        two_files(
            folder,
            name,
            sql=sql,
            toml='summary = "n"\ninterval = "400ms"\ntimeout = "390ms"',
        )
    receivers = f'''[receivers.hook]
kind = "webhook"
url = "{taker.url}/"
[receivers.all]
kind = "alertmanager"
urls = ["{taker.url}/"]'''
    path = write_config(folder, server, schema, extra=receivers)
    text = 'query_dirs = ["queries"]\nshipped_queries = false\n' + path.read_text()
    path.write_text(text)
    one = load(path, {}, KINDS)
    changed = text.replace(
        "[targets.main]", "[targets.main]\nmax_connections = 3"
    ).replace('/"', '/b"')
    path.write_text(changed + '[queries.n]\ninterval = "500ms"\n')
    return one, load(path, {}, KINDS)


def live_once(one: Config, other: Config, taker: Taker) -> None:
    """Start the parts that have threads, reload, and stop them, each at work."""
    clock, results, state, watchdog = (
        AnchoredClock(),
        SimpleQueue[Result](),
        State(),
        Watchdog(),
    )
    runners = TargetRunners(
        clock,
        open_database=partial(Database, secrets=SecretReader({}), watchdog=watchdog),
        on_result=results.put,
        on_missed=lambda _job, _count: None,
        snapshot=lambda: empty_snapshot(one),
    )
    schedule = Schedule(
        clock, submit=runners.dispatch, missed=lambda _job, _count: None
    )
    context = DeliveryContext(
        clock=clock,
        outbox=state,
        snapshot=tuple,
        on_delivery=lambda _delivery: None,
        transport=Transport(watchdog),
    )
    deliveries = Deliveries(one.receivers, context)
    log = configure(io.BytesIO(), libraries=False)
    views = Served().views()
    web = WebServer(replace(one.web, port=0), views, log)
    web.start()
    deliveries.start()
    runners.apply(one.targets)
    schedule.start(one.jobs)
    give_data(results, one)
    deliver(state, deliveries, taker, clock)
    runners.apply(other.targets)
    schedule.apply(other.jobs)
    deliveries.apply(other.receivers, external_url="")
    give_data(results, other)
    deliver(state, deliveries, taker, clock)
    schedule.stop()
    runners.stop(5)
    deliveries.drain(5)
    deliveries.close()
    watchdog.close()
    web.close(5)
    views.exposition.close()
    state.close()
    log.close()


def give_data(results: SimpleQueue[Result], config: Config) -> None:
    """Wait until every job of this configuration has given data."""
    wanted = list(config.jobs)
    while wanted:
        result = results.get(timeout=40)
        if isinstance(result.outcome, Success):
            wanted = [job for job in wanted if job != result.job]


def deliver(
    state: State, deliveries: Deliveries, taker: Taker, clock: AnchoredClock
) -> None:
    """Wait until a notification has come to the receiver."""
    now = clock.now()
    state.record(
        {}, (), (Notification("hook", now.isoformat(), {"alertname": "A"}, (), now),)
    )
    deliveries.poke()
    wait_until(
        lambda: any(arrival.key == now.isoformat() for arrival in list(taker.arrivals))
    )


def taker_threads() -> int:
    """Count the threads of connections to the receiver that have not noticed their end yet."""
    return sum(
        thread.name.endswith("(process_request_thread)")
        for thread in threading.enumerate()
    )


def descriptors() -> int:
    """Count our open files and sockets."""
    return len([*Path("/proc/self/fd").iterdir()])
