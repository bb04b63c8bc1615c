"""When a lost target is tried, and when what failed of it is run again; on snapshots, in seconds."""

from __future__ import annotations

from dataclasses import replace

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import Snapshot
from monitor.collector.reconnect import Reconnects
from monitor.model.results import Outcome
from monitor.model.schedules import Cron, Every
from monitor.model.settings import Job
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMNS,
    FAILURE,
    LOST,
    NOW,
    a_config,
    a_result,
    a_target,
    seconds,
    success,
)

CONFIG = a_config(queries=(BALANCES, COLUMNS))
BALANCES_JOB, COLUMNS_JOB = sorted(CONFIG.jobs, key=lambda job: job.query.name)
TRIED = [1, 3, 7, 15, 30, 45, 60]


def after(snapshot: Snapshot, job: Job, outcome: Outcome, second: float) -> Snapshot:
    """Return what is known after a run that began at this second and took none."""
    return with_result(
        snapshot, a_result(job, outcome, NOW + seconds(second), took=0.0)
    )


def lost() -> Snapshot:
    """Return what is known of a target after its first run found it lost."""
    return after(empty_snapshot(CONFIG), BALANCES_JOB, LOST, 0)


def tries(
    reconnects: Reconnects, snapshot: Snapshot, first: int = 0
) -> list[tuple[int, list[str]]]:
    """Return at which seconds, of sixty from the first on, what is run."""
    made = []
    for second in range(first, first + 61):
        jobs = reconnects.due(snapshot, NOW + seconds(second), snapshot.targets)
        if jobs:
            made.append((second - first, [job.query.name for job in jobs]))
    return made


def test_a_lost_target_is_tried_after_pauses_that_double_up_to_15_s() -> None:
    made = tries(Reconnects(), lost())
    assert [second for second, _ in made] == TRIED


def test_one_query_is_tried_that_of_the_schema_or_else_the_most_frequent() -> None:
    assert {tuple(names) for _, names in tries(Reconnects(), lost())} == {
        ("missing_columns",)
    }
    daily = replace(BALANCES, name="daily", schedule=Cron("0 3 * * *"))
    hourly = replace(BALANCES, name="hourly", schedule=Every(seconds(3600)))
    config = a_config(queries=(daily, hourly, BALANCES))
    for job in config.jobs:
        snapshot = after(empty_snapshot(config), job, LOST, 0)
        assert tries(Reconnects(), snapshot)[0] == (1, ["balances"])


def test_what_nobody_has_tried_or_is_up_is_not_tried() -> None:
    assert tries(Reconnects(), empty_snapshot(CONFIG)) == []
    assert tries(Reconnects(), after(lost(), COLUMNS_JOB, success(), 5)) == []


def test_each_loss_begins_with_the_shortest_pause_again() -> None:
    reconnects = Reconnects()
    tries(reconnects, lost())
    back = after(lost(), COLUMNS_JOB, success(), 61)
    tries(reconnects, back, 61)
    gone = after(back, BALANCES_JOB, LOST, 122)
    assert [second for second, _ in tries(reconnects, gone, 122)] == TRIED


def test_targets_are_tried_each_by_itself() -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES,))
    snapshot = empty_snapshot(config)
    for job in config.jobs:
        snapshot = after(snapshot, job, LOST, 0)
    reconnects = Reconnects()
    reconnects.due(snapshot, NOW, snapshot.targets)
    tried = reconnects.due(snapshot, NOW + seconds(1), snapshot.targets)
    assert [job.target.name for job in tried] == ["eu", "us"]


def again(reconnects: Reconnects, snapshot: Snapshot, second: float) -> list[str]:
    jobs = reconnects.due_again(snapshot, NOW + seconds(second), snapshot.targets)
    return [job.query.name for job in jobs]


def test_what_failed_of_a_loss_is_run_again_when_the_target_has_stayed() -> None:
    back = after(lost(), COLUMNS_JOB, success(), 5)
    reconnects = Reconnects()
    assert again(reconnects, lost(), 4) == []
    assert again(reconnects, back, 34) == []
    assert again(reconnects, back, 35) == ["balances"]
    assert again(reconnects, back, 64) == []
    assert again(reconnects, back, 65) == ["balances"]
    well = after(back, BALANCES_JOB, success(), 66)
    assert again(reconnects, well, 99) == []


def test_what_fails_by_itself_waits_for_its_own_time() -> None:
    snapshot = after(empty_snapshot(CONFIG), COLUMNS_JOB, success(), 0)
    failed = after(snapshot, BALANCES_JOB, FAILURE, 1)
    assert again(Reconnects(), failed, 100) == []
