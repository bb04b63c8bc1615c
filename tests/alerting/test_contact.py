"""Whether a target is up, lost, or refuses new connections beside one that lives: from run to run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from monitor.alerting.contact import MAX_PROOF, TargetView, after_run
from monitor.model.errors import Reason
from monitor.model.results import Failure, Outcome, Result
from tests.web.picture import (
    BALANCES,
    LOST,
    NOW,
    a_config,
    a_result,
    a_target,
    seconds,
    success,
)

JOB = a_config(queries=(BALANCES,)).jobs[0]
DATA = success()
QUOTA = Failure(
    Reason.TARGET_DOWN, "has exceeded 'max_user_connections'", code=1226, detail="quota"
)
REFUSED = replace(QUOTA, refused=True)


def run(
    outcome: Outcome,
    at: float,
    *,
    let_in: float | None = None,
    began: float | None = None,
    shared: bool = False,
) -> Result:
    """Make a run that ended `at`; over a connection that was `let_in` then, by default its own new one."""
    failure = outcome if isinstance(outcome, Failure) else None
    never_in = failure is not None and (failure.lost or failure.refused)
    result = a_result(JOB, outcome, time(at if began is None else began), took=0)
    return replace(
        result,
        finished_at=time(at),
        server=None if never_in else result.server,
        let_in_at=None if let_in is None else time(let_in),
        refusal=QUOTA if shared else failure if failure and failure.refused else None,
    )


def time(second: float) -> datetime:
    return NOW + seconds(second)


def seen(*runs: Result) -> TargetView:
    view = TargetView(a_target())
    for one in runs:
        view = after_run(view, one)
    return view


def is_out(view: TargetView, at: float) -> bool | None:
    if view.is_newly_met(time(at), proof=MAX_PROOF):
        return None
    return view.is_out(time(at), proof=MAX_PROOF)


def is_refusing(view: TargetView, at: float) -> bool:
    return view.is_refusing(time(at), proof=MAX_PROOF)


def test_before_the_first_contact_nothing_is_known() -> None:
    assert (seen().up, is_out(seen(), 0), is_refusing(seen(), 0)) == (None, None, False)


def test_whether_it_was_out_before_we_met_it_is_known_when_it_has_proved_that_it_is_not() -> (
    None
):
    met = seen(run(DATA, 0))
    assert met.up is True
    assert [is_out(met, at) for at in (0, 29, 30)] == [None, None, False]


def test_lost_ends_after_a_new_connection_and_half_a_minute_without_a_loss() -> None:
    back = seen(run(DATA, 0), run(LOST, 60), run(DATA, 70))
    assert back.up is True
    assert [is_out(back, at) for at in (70, 99, 100)] == [True, True, False]


def test_losses_and_recoveries_in_turn_are_one_fault() -> None:
    turns = [run(LOST if second % 2 else DATA, 60 + second) for second in range(36)]
    view = seen(run(DATA, 0))
    for second, one in enumerate(turns):
        view = after_run(view, one)
        assert is_out(view, 60 + second) is (second > 0)
    assert is_out(after_run(view, run(DATA, 97)), 126) is True
    assert is_out(after_run(view, run(DATA, 97)), 127) is False


@pytest.mark.parametrize(
    "old",
    [
        run(DATA, 104, began=60, let_in=60),  # a success that began before the loss
        run(DATA, 104, began=103, let_in=10),  # over a connection from before it
        run(Failure(Reason.TIMEOUT, "took too long"), 104, began=90, let_in=90),
    ],
)
def test_what_began_before_the_loss_or_on_an_old_connection_is_no_recovery(
    old: Result,
) -> None:
    lost = seen(run(DATA, 0), run(LOST, 100))
    assert after_run(lost, old) == lost
    assert is_out(after_run(lost, old), 1000) is True


def test_a_failure_on_a_new_connection_is_a_contact_too() -> None:
    view = seen(run(LOST, 0), run(Failure(Reason.TIMEOUT, "took too long"), 20))
    assert view.up is True


def test_a_loss_that_began_before_another_connection_got_in_is_none() -> None:
    met = seen(run(DATA, 5))
    assert after_run(met, run(LOST, 6, began=0)).up is True


def test_refused_beside_a_connection_that_lives_is_not_lost() -> None:
    view = seen(run(DATA, 0), run(REFUSED, 60))
    assert (view.up, is_refusing(view, 60), view.refusal) == (True, True, REFUSED)
    assert is_refusing(after_run(view, run(DATA, 70, let_in=0)), 1000), (
        "over the old one it proves nothing"
    )


def test_a_run_that_shared_the_connection_that_lives_tells_of_the_refusal_too() -> None:
    view = seen(run(DATA, 0), run(DATA, 60, let_in=0, shared=True))
    assert (view.up, is_refusing(view, 60), view.refusal) == (True, True, QUOTA)


def test_refusing_ends_after_a_new_connection_and_half_a_minute_without_a_refusal() -> (
    None
):
    view = seen(run(DATA, 0), run(REFUSED, 60), run(DATA, 70))
    assert [is_refusing(view, at) for at in (70, 99, 100)] == [True, True, False]
    assert is_refusing(after_run(view, run(REFUSED, 90)), 1000)


def test_a_refusal_from_before_a_new_connection_got_in_is_none() -> None:
    view = seen(run(DATA, 0), run(REFUSED, 60), run(DATA, 70))
    assert after_run(view, run(REFUSED, 71, began=69)) == view
