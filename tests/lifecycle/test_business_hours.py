"""A cron of business hours, and an alert that fires over the weekend, when nobody looks: what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.alerting.freshness import news_until
from monitor.alerting.query_view import QueryView
from monitor.alerting.shown import confirmed_at, is_current, is_waiting
from monitor.daemon.messages import NewConfig
from monitor.model.alerts import Alert
from monitor.model.results import Outcome
from monitor.model.schedules import Cron
from monitor.timing.crontab import read_crontab
from monitor.web.alert_groups import PageContext, group_of
from monitor.web.verdict import verdict_of
from monitor.web.views import Scene
from tests.support.harness import LOST, MINUTE, SECOND, USAGE, Harness, a_config, usage

HOURS = "0 8-19 * * mon-fri"
FRIDAY, MONDAY = datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Office:
    """A harness whose one query runs by the cron."""

    def __init__(self, at: datetime, outcome: Outcome) -> None:
        query = replace(
            USAGE,
            schedule=Cron(HOURS, "UTC"),
            rules=(replace(USAGE.rules[0], needs=()),),
        )
        self.harness = Harness(a_config(query), at=at)
        self.runs(at, outcome)

    def runs(self, at: datetime, outcome: Outcome) -> None:
        self.passes(at)
        self.harness.next_run_at = read_crontab(HOURS).next_after(at, UTC)
        self.harness.run("usage", outcome)

    def passes(self, at: datetime) -> None:
        self.harness.asleep(at - self.harness.at).tick()

    def words(self) -> tuple[str, str]:
        """Return the note beside the alert on the page, and the headline."""
        snapshot, now = self.harness.pipeline.snapshot, self.harness.at
        headline = verdict_of(snapshot, [((self.alert,), "No usage")], now).text
        context = PageContext(Scene(snapshot, now, now))
        return group_of([self.alert], context).note, headline

    @property
    def view(self) -> QueryView:
        return self.harness.pipeline.snapshot.queries["main", "usage"]

    @property
    def alert(self) -> Alert:
        return next(
            a
            for a in self.harness.pipeline.snapshot.alerts
            if a.name == "TokenUsageStopped"
        )

    def seen(self) -> tuple[str, bool, bool, bool]:
        """Return how the alert is shown, whether as of now, whether it waits, and whether the series holds."""
        snapshot, now = self.harness.pipeline.snapshot, self.harness.at
        return (
            self.harness.shown()["TokenUsageStopped"],
            is_current(self.alert, snapshot, now),
            is_waiting(self.alert, snapshot, now),
            len(self.view.samples_at(now)) == 1 and self.view.has_data_at(now),
        )


def test_over_the_weekend_an_alert_fires_on_held_until_the_next_run() -> None:
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    of_now, held, late = (
        ("firing", True, False, True),
        ("firing held", False, True, True),
        8 * HOUR + 70 * SECOND,
    )
    picture = {
        FRIDAY + 19 * HOUR + 59 * MINUTE: of_now,
        FRIDAY + 20 * HOUR: held,
        FRIDAY + 36 * HOUR: held,
        MONDAY + 8 * HOUR - SECOND: held,
        MONDAY + 8 * HOUR: ("firing held", False, False, True),
        MONDAY + late - SECOND: ("firing held", False, False, True),
        MONDAY + late: ("firing held", False, False, False),
    }
    seen = {}
    for at in picture:
        office.passes(at)
        seen[at] = office.seen()
    assert seen == picture
    snapshot = office.harness.pipeline.snapshot
    assert confirmed_at(office.alert, snapshot, office.harness.at) == FRIDAY + 19 * HOUR
    assert office.harness.reported() == ["TokenUsageStopped fired"]
    assert office.harness.posted() == ["TokenUsageStopped firing"]


@pytest.mark.parametrize(("age", "state"), [(9, "firing"), (0, "resolved")])
def test_the_first_run_of_the_week_says_what_is_now(age: float, state: str) -> None:
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    office.passes(MONDAY)
    office.runs(MONDAY + 8 * HOUR, usage(age))
    office.passes(MONDAY + 8 * HOUR + 14 * MINUTE)
    assert office.seen() == (state, True, False, True)


def test_a_run_that_does_not_come_on_monday_is_reported_as_soon_as_its_data_is_too_old() -> (
    None
):
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    office.passes(MONDAY + 8 * HOUR)
    office.harness.after(69 * SECOND)
    assert "TokenMonitorQueryStale" not in office.harness.shown()
    office.harness.after(6 * SECOND)
    assert office.harness.shown()["TokenMonitorQueryStale"] == "firing"
    assert office.seen() == ("firing held", False, False, False)


def test_the_page_says_for_what_an_alert_waits() -> None:
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    assert office.words() == ("", "No usage")
    office.passes(FRIDAY + 20 * HOUR)
    assert office.words() == (
        "held: waits for its next run in 2 d 12 h, and stays as it was",
        "No usage; as last seen, it waits for its next run",
    )


def test_after_a_restart_or_a_reload_at_the_weekend_it_waits_as_before() -> None:
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    office.passes(FRIDAY + 30 * HOUR)
    office.harness.take(NewConfig(office.harness.config))
    assert office.seen() == ("firing held", False, True, True)
    again = office.harness.restarted(HOUR)
    again.next_run_at = office.harness.next_run_at
    again.tick()
    office.harness = again
    assert office.seen() == ("firing held", False, True, False)


def test_a_target_that_is_lost_at_the_weekend_is_why_there_is_no_data() -> None:
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    office.passes(FRIDAY + 30 * HOUR)
    office.harness.run("usage", LOST)
    office.harness.after(31 * SECOND)
    assert office.seen() == ("firing held muted", False, False, False)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [(HOURS, 1), ("0 3 * * *", None), ("*/5 * * * *", None), ("0 3 * * mon-fri", 24)],
)
def test_only_what_waits_longer_than_usual_is_not_of_now(
    expression: str, hours: int | None
) -> None:
    office = Office(FRIDAY + 19 * HOUR, usage(9))
    job = office.harness.config.jobs[0]
    job = replace(job, query=replace(job.query, schedule=Cron(expression, "UTC")))
    slots = [FRIDAY]
    while slots[-1] < MONDAY:
        slots.append(read_crontab(expression).next_after(slots[-1], UTC) or MONDAY)
    *_, last, following = slots
    assert news_until(job, last, following) == (
        None if hours is None else last + hours * HOUR
    )
