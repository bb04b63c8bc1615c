from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.alerting.configured import empty_snapshot, for_config
from monitor.alerting.query_view import QueryStatus
from monitor.alerting.receivers import with_delivery, with_receiver
from monitor.alerting.snapshot import ReceiverView, Snapshot, with_missed, with_next_run
from monitor.model.alerts import Delivery, ReceiverHealth
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure, Outcome
from monitor.model.schedules import Cron
from monitor.model.settings import Statement
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMN_GONE,
    COLUMNS,
    FAILURE,
    LOST,
    MISSING,
    NOW,
    WELL,
    a_config,
    a_query,
    a_result,
    a_snapshot,
    a_target,
    seconds,
    subscribers,
    success,
)

MINUTE = seconds(60)


def runs(*outcomes: Outcome) -> Snapshot:
    """One job, one run a minute."""
    config = a_config(queries=(BALANCES,))
    snapshot = empty_snapshot(config)
    for number, outcome in enumerate(outcomes):
        snapshot = with_result(
            snapshot, a_result(config.jobs[0], outcome, NOW + number * MINUTE)
        )
    return snapshot


DATA = success(subscribers("pro", "ok", 7))
BLOCKED = Blocked((MISSING,))


def test_every_job_waits_before_its_first_run() -> None:
    snapshot = empty_snapshot(a_config())
    assert {key: view.status for key, view in snapshot.queries.items()} == {
        ("main", "missing_columns"): QueryStatus.WAITING,
        ("main", "balances"): QueryStatus.WAITING,
    }
    assert [view.up for view in snapshot.targets.values()] == [None]
    assert list(snapshot.receivers) == ["oncall"]


def test_a_result_makes_a_new_snapshot_and_leaves_the_old_one_as_it_was() -> None:
    before = empty_snapshot(a_config(queries=(BALANCES,)))
    after = with_result(before, a_result(before.queries["main", "balances"].job, DATA))
    assert before.queries["main", "balances"].status is QueryStatus.WAITING
    assert after.queries["main", "balances"].samples == DATA.samples


@pytest.mark.parametrize(
    ("outcomes", "status", "samples", "failures"),
    [
        ((DATA,), QueryStatus.OK, 1, 0),
        ((success(),), QueryStatus.OK, 0, 0),
        ((DATA, success()), QueryStatus.OK, 0, 0),
        ((DATA, FAILURE), QueryStatus.FAILED, 0, 1),
        ((DATA, FAILURE, FAILURE), QueryStatus.FAILED, 0, 2),
        ((DATA, BLOCKED), QueryStatus.BLOCKED, 0, 0),
        ((FAILURE, BLOCKED, FAILURE), QueryStatus.FAILED, 0, 2),
        ((FAILURE, DATA), QueryStatus.OK, 1, 0),
    ],
)
def test_a_run_without_data_takes_the_samples_away_at_once(
    outcomes: tuple[Outcome, ...], status: QueryStatus, samples: int, failures: int
) -> None:
    view = runs(*outcomes).queries["main", "balances"]
    assert (view.status, len(view.samples), view.consecutive_failures) == (
        status,
        samples,
        failures,
    )


def test_failures_are_dated_from_the_first_that_no_success_has_ended() -> None:
    view = runs(DATA, FAILURE, BLOCKED, FAILURE).queries["main", "balances"]
    assert view.first_failure_at == NOW + MINUTE
    assert view.last_success_at == NOW + seconds(0.025)
    assert view.last_run_at == NOW + 3 * MINUTE + seconds(0.025)
    assert runs(FAILURE, DATA).queries["main", "balances"].first_failure_at is None


@pytest.mark.parametrize(("later", "fresh"), [(0, 1), (189.999, 1), (190, 0), (500, 0)])
def test_samples_expire_after_three_intervals_and_the_time_limit(
    later: float, fresh: int
) -> None:
    view = runs(DATA).queries["main", "balances"]
    assert len(view.samples_at(NOW + seconds(later))) == fresh


def test_a_cron_querys_samples_hold_until_its_next_run_should_have_ended() -> None:
    query = replace(a_query(), schedule=Cron("0 3 * * *"))
    config = a_config(queries=(query,))
    key = config.jobs[0].key
    ran = with_result(empty_snapshot(config), a_result(config.jobs[0], DATA))
    assert ran.queries[key].expires_at == NOW + timedelta(days=1, minutes=1, seconds=10)
    planned = with_next_run(ran, key, NOW + timedelta(hours=1))
    assert planned.queries[key].expires_at == NOW + timedelta(
        hours=1, minutes=1, seconds=10
    )
    moved = with_next_run(planned, key, NOW + timedelta(hours=2))
    assert moved.queries[key].expires_at == NOW + timedelta(
        hours=2, minutes=1, seconds=10
    )
    assert moved.queries[key].next_run_at == NOW + timedelta(hours=2)


def test_the_next_runs_of_an_interval_query_do_not_change_when_its_samples_expire() -> (
    None
):
    ran = runs(DATA)
    planned = with_next_run(ran, ("main", "balances"), NOW + 5 * MINUTE)
    assert planned.queries["main", "balances"].expires_at == NOW + 3 * MINUTE + seconds(
        10
    )


def test_missed_runs_are_counted_and_leave_the_samples_until_they_expire() -> None:
    snapshot = with_missed(
        with_missed(runs(DATA), ("main", "balances"), 2), ("main", "balances"), 1
    )
    view = snapshot.queries["main", "balances"]
    assert (view.status, view.missed, view.samples) == (
        QueryStatus.SKIPPED,
        3,
        DATA.samples,
    )


def test_a_target_is_lost_at_the_first_failed_contact_and_back_at_any_other() -> None:
    assert runs(BLOCKED).targets["main"].up is None
    lost = runs(DATA, LOST, LOST).targets["main"]
    assert (lost.up, lost.lost_since, lost.last_failure) == (False, NOW + MINUTE, LOST)
    assert runs(LOST, BLOCKED).targets["main"].up is False
    back = runs(LOST, FAILURE).targets["main"]
    assert (back.up, back.lost_since) == (True, None)
    refused = Failure(
        Reason.ACCESS_DENIED, "Access denied for user", code=1045, lost=True
    )
    assert runs(refused).targets["main"].up is False
    broken = Failure(Reason.TARGET_DOWN, "gone away", detail="lost")
    assert runs(broken).targets["main"].up is True, (
        "it let us in; the next connection will tell"
    )


def test_a_loss_that_is_older_than_the_last_contact_is_none() -> None:
    config = a_config()
    met = with_result(
        empty_snapshot(config), a_result(config.jobs[0], DATA, NOW + seconds(5))
    )
    older = replace(a_result(config.jobs[1], LOST, NOW), finished_at=NOW + seconds(6))
    assert with_result(met, older).targets["main"].up is True


def test_a_failure_that_never_reached_the_target_says_nothing_of_it() -> None:
    config = a_config()
    lost = with_result(empty_snapshot(config), a_result(config.jobs[0], LOST, NOW))
    bug = replace(a_result(config.jobs[1], FAILURE, NOW + MINUTE), server=None)
    assert with_result(lost, bug).targets["main"].up is False


def test_what_a_lost_target_said_before_is_gone_with_it_and_no_failure_of_its_queries() -> (
    None
):
    config = a_config(a_target("eu"), a_target("us"))
    snapshot = with_result(
        a_snapshot(config), a_result(config.jobs[0], LOST, NOW + MINUTE)
    )
    views = {
        key: (v.status, len(v.samples), v.consecutive_failures)
        for key, v in snapshot.queries.items()
    }
    assert views == {
        ("eu", "missing_columns"): (QueryStatus.FAILED, 0, 0),
        ("eu", "balances"): (QueryStatus.FAILED, 0, 0),
        ("us", "missing_columns"): (QueryStatus.OK, 1, 0),
        ("us", "balances"): (QueryStatus.OK, 2, 0),
    }


def test_only_a_schema_querys_success_says_which_columns_are_missing() -> None:
    config = a_config()
    gone = a_snapshot(config, COLUMN_GONE)
    assert gone.targets["main"].missing == frozenset({MISSING})
    schema_job, job = config.jobs
    later = with_result(gone, a_result(schema_job, FAILURE, NOW + MINUTE))
    later = with_result(later, a_result(job, DATA, NOW + MINUTE))
    assert later.targets["main"].missing == frozenset({MISSING})
    mended = with_result(
        later, a_result(schema_job, success(missing=frozenset()), NOW + 2 * MINUTE)
    )
    assert mended.targets["main"].missing == frozenset()


def test_a_reload_keeps_what_it_did_not_change() -> None:
    old = a_config(a_target("main"), a_target("eu"))
    slower = replace(BALANCES, statement=Statement("SELECT 2"))
    new = a_config(
        a_target("main"), queries=(COLUMNS, slower), receivers=("oncall", "chat")
    )
    snapshot = for_config(failing(a_snapshot(old), outbox=3), new)
    assert {key: view.status for key, view in snapshot.queries.items()} == {
        ("main", "missing_columns"): QueryStatus.OK,
        ("main", "balances"): QueryStatus.WAITING,
    }
    assert {name: view.up for name, view in snapshot.targets.items()} == {"main": True}
    assert {name: view.health.waiting for name, view in snapshot.receivers.items()} == {
        "oncall": 3,
        "chat": 0,
    }


def test_a_result_of_a_job_that_a_reload_removed_or_changed_is_left_out() -> None:
    old, new = (
        a_config(),
        a_config(queries=(replace(BALANCES, statement=Statement("SELECT 2")),)),
    )
    snapshot = empty_snapshot(new)
    for job in old.jobs:
        assert with_result(snapshot, a_result(job, WELL["balances"])) is snapshot


def failing(snapshot: Snapshot, *, outbox: int) -> Snapshot:
    return with_receiver(
        snapshot, "oncall", ReceiverHealth(NOW, waiting=outbox, oldest_at=NOW)
    )


def test_a_receiver_is_shown_with_what_waits_and_its_last_delivery() -> None:
    delivery = Delivery("oncall", NOW, 0.1, reason="refused")
    snapshot = with_delivery(failing(empty_snapshot(a_config()), outbox=2), delivery)
    assert snapshot.receivers["oncall"] == ReceiverView(
        "oncall", ReceiverHealth(NOW, waiting=2, oldest_at=NOW), delivery
    )
    assert failing(snapshot, outbox=2) is snapshot


def test_a_delivery_of_a_receiver_that_a_reload_removed_is_left_out() -> None:
    snapshot = empty_snapshot(a_config())
    assert with_delivery(snapshot, Delivery("gone", NOW, 0.1)) is snapshot
