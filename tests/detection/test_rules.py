"""A result and what rules remember become a result with findings: which series there are, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.alerting.evaluate import matching
from monitor.detection.rules import FORGOTTEN_DAYS, MAX_SERIES, Memories, with_findings
from monitor.model.conditions import Condition
from monitor.model.detectors import (
    BaselineDetector,
    ChangeDetector,
    Detector,
    Direction,
    NewDetector,
    SeriesSource,
    SloDetector,
)
from monitor.model.errors import Reason
from monitor.model.label_patterns import LabelPatterns
from monitor.model.lower_bounds import LowerBound
from monitor.model.positions import SweepPosition
from monitor.model.results import Failure, Outcome, Result, Sample, Success
from monitor.model.settings import Job, Labels, Rule, Severity, labels_of
from monitor.model.sweeps import Cycle
from monitor.model.walks import Sweep
from tests.support.harness import TARGET, a_query

START = datetime(2026, 1, 5, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
FALL = ChangeDetector(by=0.2, over=timedelta(hours=1), direction=Direction.DOWN)


def job_with(detector: Detector, **where: str) -> Job:
    rule = Rule(
        "Watched",
        "subscribers",
        Condition("change"),
        Severity.WARNING,
        "s",
        where=labels_of(where),
        detector=detector,
    )
    return Job(TARGET, a_query("plans", rules=(rule,)))


def subscribers(**plans: float) -> Success:
    samples = tuple(
        Sample("subscribers", (("plan", plan),), value) for plan, value in plans.items()
    )
    return Success(samples, len(samples))


class Watch:
    """Looks at one result after the other, five minutes apart."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.memories: Memories = {}
        self.undecided: Sequence[Labels] = ()
        self.at = START

    def see(self, outcome: Outcome) -> Sequence[Sample]:
        result = Result(self.job, self.at, self.at, self.at, 0.0, outcome)
        detection = with_findings(result, self.memories)
        self.memories = detection.memories
        self.at += FIVE_MINUTES
        after = detection.result.outcome
        if not isinstance(after, Success):
            return ()
        self.undecided = after.undecided.get("Watched", ())
        return after.detected.get("Watched", ())

    def for_hours(self, hours: int, outcome: Outcome) -> list[Sample]:
        found: list[Sample] = []
        for _ in range(hours * 12):
            found.extend(self.see(outcome))
        return found


def details_of(sample: Sample) -> dict[str, str]:
    return dict(sample.details)


def test_a_plan_that_falls_is_found_by_its_labels_with_what_it_was() -> None:
    watch = Watch(job_with(FALL))
    assert watch.for_hours(2, subscribers(free=900, pro=90)) == []
    (found,) = watch.see(subscribers(free=900, pro=45))
    assert found.labels == (("plan", "pro"),)
    assert found.value == 45
    details = details_of(found)
    assert (details["before"], details["change"]) == ("90", "-50 %")
    assert details["direction"] == "less"


def test_a_plan_that_is_gone_from_the_result_fell_to_nothing() -> None:
    watch = Watch(job_with(FALL))
    watch.for_hours(2, subscribers(free=900, pro=90))
    (found,) = watch.see(subscribers(free=900))
    assert (found.labels, found.value) == ((("plan", "pro"),), 0.0)


def test_a_plan_that_is_gone_is_not_judged_where_that_is_said() -> None:
    source = SeriesSource(missing_is_zero=False)
    watch = Watch(job_with(replace(FALL, source=source)))
    watch.for_hours(2, subscribers(free=900, pro=90))
    assert watch.see(subscribers(free=900)) == ()


def test_a_walk_that_has_not_been_through_once_says_nothing() -> None:
    job = job_with(FALL)
    job = replace(job, query=replace(job.query, walk=Sweep("users", "id")))
    watch = Watch(job)
    watch.for_hours(2, subscribers(free=900, pro=90))
    not_through = replace(subscribers(), silent=((),))
    result = Result(job, watch.at, watch.at, watch.at, 0.0, not_through)
    outcome = with_findings(result, watch.memories).result.outcome
    assert isinstance(outcome, Success)
    assert dict(outcome.detected) == {}


def test_a_sweep_that_found_nobody_any_more_is_a_fall_to_nothing() -> None:
    job = job_with(replace(FALL, source=SeriesSource(is_total=True)))
    job = replace(job, query=replace(job.query, walk=Sweep("users", "id")))
    watch = Watch(job)
    through = SweepPosition("", 1, last=Cycle(START, START))
    watch.for_hours(2, replace(subscribers(free=900), position=through))
    (found,) = watch.see(replace(subscribers(), position=through))
    assert (found.labels, found.value) == ((), 0.0)
    # Between two cycles nothing is read and no position kept: what was found stays found.
    (found,) = watch.see(subscribers())
    assert (found.labels, found.value) == ((), 0.0)


def test_a_run_without_data_teaches_nothing_and_forgets_nothing() -> None:
    watch = Watch(job_with(FALL))
    watch.for_hours(2, subscribers(free=900))
    before = watch.memories
    assert watch.see(Failure(Reason.TIMEOUT, "too long")) == ()
    assert watch.memories == before
    assert watch.see(subscribers(free=500))


def test_a_total_names_the_part_that_moved_most() -> None:
    total = replace(FALL, source=SeriesSource(is_total=True))
    watch = Watch(job_with(total))
    watch.for_hours(2, subscribers(free=900, pro=90))
    (found,) = watch.see(subscribers(free=600, pro=92))
    assert (found.labels, found.value) == ((), 692.0)
    assert details_of(found)["which"] == "plan free by -300"


def test_upgrades_move_plans_and_not_their_total() -> None:
    total = replace(FALL, source=SeriesSource(is_total=True))
    watch = Watch(job_with(total))
    watch.for_hours(2, subscribers(free=900, pro=90))
    assert watch.see(subscribers(free=500, pro=490)) == ()


def test_a_ratio_is_of_the_sum_of_what_has_its_labels() -> None:
    ratio = replace(FALL, source=SeriesSource(per="users"), direction=Direction.ANY)
    watch = Watch(job_with(ratio))

    def limits(plan_limit: float, low: float) -> Success:
        plan = ("plan", "pro")
        samples = (
            Sample("subscribers", (plan,), plan_limit),
            Sample("users", (plan, ("status", "low")), low),
            Sample("users", (plan, ("status", "ok")), 90.0),
        )
        return Success(samples, 1)

    watch.for_hours(2, limits(100_000, 10))
    assert watch.see(limits(109_000, 19)) == ()
    (found,) = watch.see(limits(1_000, 10))
    assert found.value == 10


def test_only_series_of_the_where_are_watched() -> None:
    watch = Watch(job_with(FALL, plan="pro"))
    watch.for_hours(2, subscribers(free=900, pro=90))
    assert watch.see(subscribers(free=9, pro=90)) == ()
    assert set(watch.memories["Watched"].series) == {(("plan", "pro"),)}


def test_what_was_counted_in_part_is_not_judged() -> None:
    watch = Watch(job_with(FALL))
    watch.for_hours(2, subscribers(free=900))
    part = Sample("subscribers", (("plan", "free"),), 10.0, at_least=True)
    success = replace(Success((part,), 1), silent=((),))
    assert watch.see(success) == ()


@pytest.mark.parametrize(
    "detector",
    [FALL, BaselineDetector(), NewDetector(), SloDetector(0.9)],
    ids=lambda detector: detector.key,
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
def test_what_is_no_number_teaches_nothing_and_leaves_open_what_was_found(
    detector: Detector, value: float
) -> None:
    watch = Watch(job_with(detector))
    watch.for_hours(4, subscribers(free=0.99))
    free = (("plan", "free"),)
    before = repr(watch.memories["Watched"].series[free])
    watch.see(subscribers(free=value))
    assert list(watch.undecided) == [free]
    assert repr(watch.memories["Watched"].series[free]) == before
    watch.see(subscribers(free=0.99))
    assert watch.undecided == ()


def test_a_total_of_which_a_part_is_no_number_is_left_open() -> None:
    total = replace(FALL, source=SeriesSource(is_total=True))
    watch = Watch(job_with(total))
    watch.for_hours(2, subscribers(free=900, pro=90))
    assert watch.see(subscribers(free=math.nan, pro=90)) == ()
    assert list(watch.undecided) == [()]


def test_a_total_is_not_of_what_was_counted_in_part() -> None:
    total = ChangeDetector(
        by=0.2, over=timedelta(days=1), source=SeriesSource(is_total=True)
    )
    watch = Watch(job_with(total))
    whole = subscribers(free=900, pro=90)
    watch.for_hours(36, whole)
    remembered = watch.memories
    part = Sample("subscribers", (("plan", "free"),), 400.0, at_least=True)
    in_part = Success((part,), 1, lower_bounds=(LowerBound("subscribers"),))
    assert watch.for_hours(14, in_part) == []
    assert watch.memories == remembered
    assert watch.for_hours(14, whole) == []


def test_a_total_of_what_patterns_choose_is_found() -> None:
    chosen = LabelPatterns("plan", ("f*",))
    job = job_with(replace(FALL, source=SeriesSource(is_total=True)))
    (rule,) = job.query.rules
    rule = replace(rule, patterns=(chosen,))
    watch = Watch(replace(job, query=replace(job.query, rules=(rule,))))
    watch.for_hours(2, subscribers(free=900, pro=90))
    found = watch.see(subscribers(free=90, pro=90))
    assert [sample.value for sample in matching(rule, found)] == [90]


def test_a_plan_that_was_never_seen_is_found_for_a_day() -> None:
    watch = Watch(job_with(NewDetector()))
    assert watch.for_hours(25, subscribers(free=900, pro=90)) == []
    first = watch.see(subscribers(free=900, pro=80, prp=10))
    assert [one.labels for one in first] == [(("plan", "prp"),)]
    assert details_of(first[0])["first_seen"] == "2026-01-06 01:00 UTC"
    found = watch.for_hours(24, subscribers(free=900, pro=80, prp=10))
    assert len(found) == 24 * 12 - 1


def test_a_plan_that_was_put_right_is_new_when_the_mistake_is_made_again() -> None:
    watch = Watch(job_with(NewDetector()))
    right, wrong = subscribers(pro=90), subscribers(pro=80, prp=10)
    watch.for_hours(25, right)
    assert watch.for_hours(2, wrong) != []
    watch.for_hours(11, right)
    # Not after hours: a plan of few subscribers comes and goes.
    assert len(watch.for_hours(1, wrong)) == 12
    watch.for_hours(13, right)
    assert len(watch.for_hours(24, wrong)) == 24 * 12
    # What stayed for a day was accepted, and is known however long it was away.
    assert watch.for_hours(1, wrong) == []
    watch.for_hours(24 * 5, right)
    assert watch.for_hours(1, wrong) == []


def test_a_plan_that_pauses_for_a_month_is_not_new() -> None:
    watch = Watch(job_with(NewDetector()))
    watch.for_hours(25, subscribers(free=900, pro=90))
    watch.for_hours(24 * 30, subscribers(free=900))
    assert watch.see(subscribers(free=900, pro=90)) == ()


def test_labels_without_end_do_not_fill_the_memory() -> None:
    watch = Watch(job_with(NewDetector()))
    for number in range(MAX_SERIES + 30):
        watch.see(subscribers(**{f"p{number}": 1.0}))
    memory = watch.memories["Watched"]
    assert len(memory.series) == MAX_SERIES
    assert memory.left_out == 1


def test_a_series_that_was_in_no_result_for_90_days_is_forgotten_and_makes_room() -> (
    None
):
    watch = Watch(job_with(FALL))
    full = {f"p{number}": 1.0 for number in range(MAX_SERIES)}
    watch.see(subscribers(**full))
    watch.see(subscribers(p0=1.0, late=1.0))
    assert watch.memories["Watched"].left_out == 1
    watch.at = START + timedelta(days=FORGOTTEN_DAYS - 1)
    watch.see(subscribers(p1=1.0, late=1.0))
    memory = watch.memories["Watched"]
    assert (len(memory.series), memory.left_out) == (MAX_SERIES, 1)
    watch.at = START + timedelta(days=FORGOTTEN_DAYS)
    watch.see(subscribers(late=1.0))
    memory = watch.memories["Watched"]
    names = {dict(labels)["plan"] for labels in memory.series}
    assert names == {"p1", "late"}
    assert memory.left_out == 0


@pytest.mark.parametrize("key", ["metric", "where", "detector"])
def test_a_rule_that_judges_something_else_begins_anew(key: str) -> None:
    watch = Watch(job_with(FALL))
    watch.for_hours(2, subscribers(free=900))
    (rule,) = watch.job.query.rules
    other = {
        "metric": replace(rule, metric="users"),
        "where": replace(rule, where=(("plan", "free"),)),
        "detector": replace(rule, detector=replace(FALL, by=0.3)),
    }[key]
    job = watch.job
    watch.job = replace(job, query=replace(job.query, rules=(other,)))
    assert watch.see(subscribers(free=100)) == ()


@pytest.mark.parametrize("minutes", [5, 60], ids=["short", "long"])
def test_a_rise_is_told_from_the_least_that_counts_on_and_smaller_ones_teach_nothing(
    minutes: int,
) -> None:
    watch = Watch(job_with(BaselineDetector(least_rise=3.5)))
    step = timedelta(minutes=minutes)
    at = START

    def see(value: float) -> Sequence[Sample]:
        nonlocal at
        watch.at = at
        at += step
        return watch.see(subscribers(pro=value))

    assert [see(100 + number % 5) for number in range(21 * 1440 // minutes)][-1] == ()
    for _ in range(120 // minutes + 1):
        assert see(390) == ()
    (found,) = see(500)
    told = details_of(found)
    assert (told["direction"], told["usual"]) == ("more", "102")
    assert see(390) == see(101) == ()
    # A fall is told whatever rise is the least that counts.
    assert [bool(see(0)) for _ in range(4)][-1]


def test_another_least_rise_keeps_what_was_learned() -> None:
    watch = Watch(job_with(BaselineDetector()))
    watch.for_hours(100, subscribers(pro=100))
    (rule,) = watch.job.query.rules
    other = replace(rule, detector=BaselineDetector(least_rise=3.5))
    watch.job = replace(watch.job, query=replace(watch.job.query, rules=(other,)))
    assert watch.see(subscribers(pro=390)) == ()
    assert watch.see(subscribers(pro=900)) != ()
