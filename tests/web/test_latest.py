"""What alerts did within the last day is read once a minute, by one request, whatever the disk does."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.model.alerts import Change, Transition
from monitor.model.trends import TargetTrends
from monitor.storage import DeliveryAttempt
from monitor.storage.history_filter import EVERYTHING, HistoryFilter
from monitor.web.latest import LatestTransitions
from tests.web.picture import NOW, an_alert, seconds

FIRED = Transition(Change.FIRED, an_alert(), NOW)


@dataclass
class Disk:
    """A past whose disk answers when it is let."""

    answers: threading.Event = field(default_factory=threading.Event)
    is_asked: threading.Event = field(default_factory=threading.Event)
    asked: list[HistoryFilter] = field(default_factory=list)

    def transitions(
        self, limit: int, wanted: HistoryFilter = EVERYTHING
    ) -> Sequence[Transition]:
        self.asked.append(wanted)
        self.is_asked.set()
        assert self.answers.wait(60)
        return [FIRED][:limit]

    def deliveries(
        self,
        limit: int,
        *,
        is_over: bool = False,
        wanted: HistoryFilter = EVERYTHING,
    ) -> Sequence[DeliveryAttempt]:
        raise NotImplementedError

    def trends(self, target: str, span_seconds: int, since: datetime) -> TargetTrends:
        raise NotImplementedError

    def trend_times(
        self, target: str, span_seconds: int, since: datetime
    ) -> Sequence[int]:
        raise NotImplementedError

    def history_cut_at(self) -> datetime | None:
        raise NotImplementedError


def test_it_is_read_again_after_a_minute_and_after_the_clock_was_set_back() -> None:
    disk = Disk()
    disk.answers.set()
    latest = LatestTransitions(disk)
    for later, reads in ((0, 1), (59, 1), (60, 2), (30, 3)):
        assert latest.of("", NOW + seconds(later)) == [FIRED]
        assert len(disk.asked) == reads
    assert disk.asked[0] == HistoryFilter(since=NOW - timedelta(days=1), was_told=True)
    latest.of("main", NOW)
    assert disk.asked[-1].target == "main"


def test_of_a_few_targets_it_is_kept() -> None:
    disk = Disk()
    disk.answers.set()
    latest = LatestTransitions(disk)
    for _ in range(2):
        for number in range(8):
            latest.of(f"t{number}", NOW)
    assert len(disk.asked) == 8
    latest.of("another", NOW)
    latest.of("t7", NOW)
    assert len(disk.asked) == 9
    latest.of("t0", NOW)
    assert len(disk.asked) == 10


def test_a_disk_that_hangs_holds_up_one_request_and_the_others_have_what_was_known() -> (
    None
):
    disk = Disk()
    disk.answers.set()
    latest = LatestTransitions(disk)
    latest.of("", NOW)
    disk.answers.clear()
    disk.is_asked.clear()
    held_up = threading.Thread(target=latest.of, args=("", NOW + seconds(60)))
    held_up.start()
    try:
        assert disk.is_asked.wait(60)
        assert latest.of("", NOW + seconds(61)) == [FIRED]
        assert latest.of("other", NOW + seconds(61)) == ()
    finally:
        disk.answers.set()
        held_up.join(60)
    assert latest.of("other", NOW + seconds(61)) == [FIRED]
