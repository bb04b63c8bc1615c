"""What queries cost their server: the account, and by how much intervals are stretched for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.load import MAX_STRETCH, LoadAccount
from monitor.model.deferral import stretched
from monitor.model.load_limits import LOAD_WINDOW, LoadLimits
from monitor.model.schedules import Cron, Every
from monitor.model.settings import Job, Severity
from tests.support.harness import MINUTE, SECOND, START, TARGET, a_query, a_rule

LIMITS = LoadLimits(share=0.01)
"""6 s in ten minutes."""


def a_job(
    name: str, interval: timedelta = MINUTE, *, severity: Severity = Severity.WARNING
) -> Job:
    rules = (a_rule(f"Rule{name}", "m", severity=severity),)
    return Job(TARGET, a_query(name, schedule=Every(interval), rules=rules))


def ran(account: LoadAccount, jobs: Iterable[Job], *seconds: float) -> LoadAccount:
    """Let each job run once at the start, and take so long."""
    for job, took in zip(jobs, seconds, strict=True):
        account = account.with_run(job.query.name, took, START)
    return account


def test_what_is_within_the_share_keeps_its_intervals() -> None:
    job = a_job("cheap")
    account = LoadAccount()
    for minute in range(30):
        at = START + minute * MINUTE
        account = account.with_run("cheap", 0.5, at).with_pace([job], LIMITS, at)
        assert account.stretch == 1
    assert account.spent_seconds(START + 29 * MINUTE) == pytest.approx(5.0)
    assert account.left_seconds(LIMITS, START + 29 * MINUTE) == pytest.approx(1.0)


def test_beyond_the_share_intervals_are_stretched_when_the_budget_is_spent() -> None:
    job = a_job("dear")
    account, seen = LoadAccount(), []
    for minute in range(6):
        at = START + minute * MINUTE
        account = account.with_run("dear", 1.5, at).with_pace([job], LIMITS, at)
        seen.append(account.stretch)
    # 15 s in ten minutes at its own interval: three times as rarely it takes 5
    assert seen == [1, 1, 1, 3, 3, 3]


def test_intervals_shrink_when_a_query_is_cheap_again_whatever_was_spent() -> None:
    job = a_job("dear")
    at = START
    account = ran(LoadAccount(), [job] * 4, *[1.5] * 4).with_pace([job], LIMITS, at)
    assert account.stretch == 3
    account = account.with_run("dear", 0.01, at).with_pace([job], LIMITS, at)
    assert account.stretch == 3, "the middle one of three runs is still dear"
    account = account.with_run("dear", 0.01, at).with_pace([job], LIMITS, at)
    assert account.stretch == 1


def test_a_cost_that_swings_changes_the_intervals_a_few_times_and_not_at_each_run() -> (
    None
):
    job = a_job("swinging")
    account, seen = LoadAccount(), [1]
    for minute in range(240):
        at = START + minute * MINUTE
        took = (1.1, 1.9, 1.4, 1.0, 1.7)[minute // 3 % 5]
        account = account.with_run("swinging", took, at).with_pace([job], LIMITS, at)
        if account.stretch != seen[-1]:
            seen.append(account.stretch)
    # 10 to 19 s in ten minutes of 6
    assert seen == [1, 4]


def test_a_single_slow_run_stretches_nothing() -> None:
    job = a_job("usual")
    account = ran(LoadAccount(), [job] * 3, 0.05, 0.05, 9.0)
    assert account.left_seconds(LIMITS, START) == 0
    assert account.with_pace([job], LIMITS, START).stretch == 1


def test_what_was_spent_longer_than_ten_minutes_ago_counts_no_more() -> None:
    account = LoadAccount().with_run("q", 5.0, START).with_run("q", 1.0, START + MINUTE)
    assert account.spent_seconds(START + 9 * MINUTE) == 6.0
    assert account.spent_seconds(START + LOAD_WINDOW + SECOND) == 1.0
    assert account.spent_seconds(START + 2 * LOAD_WINDOW) == 0


def test_the_account_does_not_grow() -> None:
    account = LoadAccount()
    for second in range(3600):
        account = account.with_run("q", 0.001, START + second * SECOND)
    assert len(account.spent) <= 31
    assert len(account.costs["q"]) == 3
    end = START + 3599 * SECOND
    assert account.spent_seconds(end) == pytest.approx(0.6, abs=0.021)


def test_critical_queries_use_the_share_first_and_a_tenth_is_left_to_the_others() -> (
    None
):
    critical = a_job("critical", severity=Severity.CRITICAL)
    other = a_job("other")
    jobs = [critical, other]
    half = ran(LoadAccount(), jobs, 0.3, 0.6)
    half = half.with_run("other", 0.6, START).with_run("critical", 9.0, START)
    # 3 of 6 s are left for the other's 6
    assert half.with_pace(jobs, LIMITS, START).stretch == 2
    whole = ran(LoadAccount(), jobs, 9.0, 0.6)
    # of 0.6 s ten times as rarely
    assert whole.with_pace(jobs, LIMITS, START).stretch == 10
    alone = ran(LoadAccount(), [critical], 9.0)
    assert alone.with_pace([critical], LIMITS, START).stretch == 1


def test_a_cron_counts_as_spent_and_is_no_reason_to_stretch_by_itself() -> None:
    nightly = replace(a_job("nightly").query, schedule=Cron("0 3 * * *"))
    jobs = [Job(TARGET, nightly), a_job("usual")]
    account = ran(LoadAccount(), jobs, 30.0, 0.01)
    assert account.with_pace(jobs, LIMITS, START).stretch == 1


def test_several_monitors_of_one_target_share_the_share() -> None:
    assert LoadLimits(share=0.01).budget_seconds == 6.0
    assert LoadLimits(share=0.01, replicas=3).budget_seconds == pytest.approx(2.0)


def test_a_job_with_a_critical_rule_or_about_the_schema_is_never_stretched() -> None:
    critical = a_job("critical", severity=Severity.CRITICAL)
    assert not critical.query.may_wait
    assert stretched(critical, 5) is critical
    assert stretched(a_job("other"), 5).query.schedule == Every(5 * MINUTE)
    cron = Job(TARGET, replace(a_job("n").query, schedule=Cron("0 3 * * *")))
    assert stretched(cron, 5).query.schedule == cron.query.schedule


costs = st.floats(min_value=0.001, max_value=100.0)
intervals = st.integers(min_value=1, max_value=3600)


@given(
    st.lists(st.tuples(costs, intervals, st.booleans()), min_size=1, max_size=8),
    st.floats(min_value=0.0001, max_value=1.0),
)
def test_stretched_all_fit_their_share_and_no_more_than_is_needed_is_stretched(
    queries: list[tuple[float, int, bool]], share: float
) -> None:
    limits = LoadLimits(share=share)
    account, jobs = LoadAccount(), []
    urgent, waiting = 0.0, 0.0
    for number, (cost, seconds, is_critical) in enumerate(queries):
        severity = Severity.CRITICAL if is_critical else Severity.INFO
        jobs.append(a_job(str(number), seconds * SECOND, severity=severity))
        account = account.with_run(str(number), cost, START)
        if is_critical:
            urgent += cost * 600 / seconds
        else:
            waiting += cost * 600 / seconds
    budget = share * 600
    left = max(budget - urgent, 0.1 * budget)
    paced = account.with_pace(jobs, limits, START)
    is_spent = sum(cost for cost, _, _ in queries) >= budget
    if not is_spent or waiting <= left:
        assert paced.stretch == 1
    else:
        is_most = paced.stretch == MAX_STRETCH
        assert is_most or waiting / paced.stretch <= left * 1.000001
        assert waiting / (paced.stretch - 1) > left * 0.999999
    # It does not swing: what it decided stands at the next look.
    assert paced.with_pace(jobs, limits, START).stretch == paced.stretch
