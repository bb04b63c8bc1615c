"""Which rates are known after a result: series that begin, are gone, are too many, or were not looked at for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.detection.rules import MAX_SERIES, Memories, with_findings
from monitor.model.detectors import RateDetector, RateUnit
from monitor.model.errors import Reason
from monitor.model.results import Failure, Outcome, Result, Success
from monitor.model.settings import Job, Labels
from tests.support.harness import TARGET, a_query, a_rule, samples

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIVE_MINUTES = timedelta(minutes=5)


class Watch:
    """Looks at one result after the other, a minute apart."""

    def __init__(self, unit: RateUnit = RateUnit.INCREASE) -> None:
        detector = RateDetector(unit, FIVE_MINUTES)
        self.rule = a_rule("Watched", "jobs", detector=detector)
        self.job = Job(TARGET, a_query("queues", rules=(self.rule,)))
        self.memories: Memories = {}
        self.at = START

    def see(self, **counts: float) -> dict[str, float]:
        """Return the rates that are known after a result."""
        found = samples("jobs", counts, "queue")
        success = self.take(Success(found, len(found)))
        return {_queue(one.labels): one.value for one in success.detected["Watched"]}

    def undecided(self, **counts: float) -> list[str]:
        """Return of which series nothing is known after a result."""
        found = samples("jobs", counts, "queue")
        success = self.take(Success(found, len(found)))
        return [_queue(labels) for labels in success.undecided["Watched"]]

    def take(self, outcome: Outcome) -> Success:
        self.at += MINUTE
        result = Result(self.job, self.at, self.at, self.at, 0.0, outcome)
        detection = with_findings(result, self.memories)
        self.memories = detection.memories
        judged = detection.result.outcome
        return judged if isinstance(judged, Success) else Success((), 0)


def _queue(labels: Labels) -> str:
    return dict(labels)["queue"]


def test_a_rate_is_known_from_the_second_point_on() -> None:
    watch = Watch(RateUnit.PER_SECOND)
    assert watch.undecided(mail=1000) == ["mail"]
    assert watch.see(mail=1060) == {"mail": 90 / 300}
    assert watch.see(mail=1120) == {"mail": 150 / 300}


def test_after_a_gap_that_is_longer_than_the_while_nothing_is_known() -> None:
    watch = Watch()
    watch.see(mail=1000)
    watch.see(mail=1001)
    for _ in range(5):
        watch.take(Failure(Reason.TIMEOUT, "took too long"))
    assert watch.undecided(mail=1002) == ["mail"]
    assert watch.see(mail=1004) == {"mail": 3.0}


def test_a_series_that_is_gone_counts_as_long_as_it_is_within_the_while() -> None:
    watch = Watch()
    watch.see(mail=1000, pdf=1000)
    watch.see(mail=1006, pdf=1000)
    assert watch.see(pdf=1000) == {"mail": 15.0, "pdf": 0.0}
    for _ in range(3):
        watch.see(pdf=1000)
    # One of its points is left: of a row that is gone, that is not "undecided".
    assert watch.undecided(pdf=1000) == []
    assert watch.see(pdf=1000) == {"pdf": 0.0}
    assert len(watch.memories["Watched"].series) == 1


def test_a_value_that_is_no_number_is_no_point() -> None:
    watch = Watch()
    watch.see(mail=1000)
    assert watch.undecided(mail=float("nan")) == ["mail"]
    # Two minutes between its points; beyond them half of that.
    assert watch.see(mail=1006) == {"mail": 9.0}


def test_series_without_a_place_are_counted_and_have_one_when_others_are_gone() -> None:
    watch = Watch()
    many = {f"q{number}": 1000.0 for number in range(MAX_SERIES + 3)}
    watch.see(**many)
    assert watch.memories["Watched"].left_out == 3
    assert len(watch.see(**many)) == MAX_SERIES
    for _ in range(5):
        watch.see(late=1000)
    assert watch.memories["Watched"].left_out == 1
    watch.see(late=1000)
    assert watch.see(late=1002) == {"late": 3.0}


def test_of_a_series_without_a_place_nothing_is_known() -> None:
    watch = Watch()
    many = {f"q{number}": 1000.0 for number in range(MAX_SERIES)}
    watch.see(**many)
    watch.see(**many)
    assert watch.undecided(**many, late=1000) == ["late"]
