"""Intervals, limits and schedules of others as ours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.config.toml.problems import Origin
from monitor.migration.intervals import (
    cron_keys,
    interval_keys,
    read_interval,
    timeout_keys,
)
from monitor.migration.report import ImportReport

AT = Origin("c.yml", 3)
MINUTE = timedelta(minutes=1)


def lines(report: ImportReport) -> list[str]:
    return [remark.text for remark in report.in_order()]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0.5", 0.5),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h30m0.5s", 5400.5),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("1d", 86400),
        ("2w", 1209600),
    ],
)
def test_an_interval_is_read(text: str, seconds: float) -> None:
    assert read_interval(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5m", "5x", "five"])
def test_what_is_no_interval_is_none(text: str) -> None:
    assert read_interval(text) is None


def test_no_interval_at_all_is_each_minute_and_noted() -> None:
    report = ImportReport()
    assert interval_keys("0s", AT, report) == ({"interval": "1m"}, MINUTE)
    assert lines(report) == [
        'c.yml:3: note: it ran at each scrape, here each minute: interval = "1m"'
    ]


def test_what_cannot_be_read_as_an_interval_is_left() -> None:
    report = ImportReport()
    assert interval_keys("often", AT, report) == ({"interval": "1m"}, MINUTE)
    assert lines(report) == ['c.yml:3: "often" is no interval; "1m" was written']


@pytest.mark.parametrize(
    ("timeout", "keys"),
    [
        (None, {}),
        (timedelta(0), {}),
        (timedelta(seconds=2.5), {"timeout": "2s500ms"}),
        (timedelta(seconds=60), {"timeout": "48s"}),
        (timedelta(seconds=90), {"timeout": "48s"}),
    ],
)
def test_a_timeout_is_shorter_than_the_interval(
    timeout: timedelta | None, keys: dict[str, str]
) -> None:
    assert timeout_keys(timeout, MINUTE, AT, ImportReport()) == keys


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("*/5 * * * *", "*/5 * * * *"),
        ("0 6 * * 0", "0 6 * * mon"),
        ("0 6 * * 5-6", "0 6 * * sat-sun"),
        ("0 6 * * mon", "0 6 * * mon"),
    ],
)
def test_weekdays_that_were_counted_from_monday_get_their_names(
    theirs: str, ours: str
) -> None:
    report = ImportReport()
    assert cron_keys(theirs, AT, report, from_monday=True) == {"cron": ours}
    assert lines(report)[-1] == (
        "c.yml:3: it ran in the time zone of its machine: say it as time_zone, else UTC"
    )


def test_weekdays_that_are_numbers_are_to_be_checked() -> None:
    report = ImportReport()
    cron_keys("0 6 * * 5", AT, report, from_monday=True)
    assert lines(report)[0] == (
        "c.yml:3: its weekdays are counted from Monday by 5.0 and later, from Sunday up to 4.x: check;"
        " now 0 6 * * sat, as of 5.0"
    )


def test_every_five_minutes_is_an_interval() -> None:
    report = ImportReport()
    assert cron_keys("@every 5m", AT, report) == {"interval": "5m"}
    assert lines(report) == []


def test_what_is_no_crontab_of_ours_is_left_with_what_to_write() -> None:
    report = ImportReport()
    assert cron_keys("@daily", AT, report) == {"interval": "1m"}
    assert lines(report) == [
        'c.yml:3: "@daily" is not a cron expression; write "0 0 * * *"; interval = "1m" was written'
    ]
