"""When their queries run, and how long they may, as our files say it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from monitor.config.toml.problems import Origin
from monitor.migration.reading import text_of
from monitor.migration.report import ImportReport
from monitor.migration.yaml_tree import Item
from monitor.timing.crontab import read_crontab
from monitor.timing.durations import LONGEST, format_duration

DEFAULT_INTERVAL: Final = timedelta(minutes=1)
AT_EACH_SCRAPE: Final = 'it ran at each scrape, here each minute: interval = "1m"'
_NO_TIMEOUT: Final = (
    "is shorter than 0.1 s, so it was left out: a statement may run for 10 s"
)
_SHORTEST: Final = timedelta(milliseconds=100)
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d|w|y)")
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_536_000,
}
# APScheduler counts weekdays from Monday, also where it reads a crontab.
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAYS_OF: Final = (
    "its weekdays are counted from Monday by 5.0 and later, from Sunday up to 4.x: check;"
    " now {schedule}, as of 5.0"
)
"""Of numbers, which do not say which version they were written for."""


def read_interval(text: str) -> timedelta | None:
    """Return a duration of Go, of Prometheus, or in seconds; None where it is none."""
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return _timedelta_of(float(text))
    if _DURATION.fullmatch(text) is None:
        return None
    seconds = 0.0
    for number, unit in _PART.findall(text):
        seconds += float(number) * _SECONDS[unit]
    return _timedelta_of(seconds)


def duration_of(item: Item, report: ImportReport) -> timedelta | None:
    """Return a duration; None where there is none, and of all else, which is told."""
    text = text_of(item, report)
    duration = read_interval(text)
    if duration is None and text:
        report.left(item.origin, f'"{text}" is no duration, so it was left out')
    return duration


def _timedelta_of(seconds: float) -> timedelta | None:
    """Return so many seconds; None where nobody can mean as many."""
    if seconds > LONGEST.total_seconds():
        return None
    return timedelta(seconds=seconds)


def interval_keys(
    text: str, origin: Origin, report: ImportReport
) -> tuple[dict[str, str], timedelta]:
    """Return the key `interval`, and how long that is; what is no interval is told."""
    interval = read_interval(text)
    if interval is None:
        report.left(origin, f'"{text}" is no interval; "1m" was written')
        interval = DEFAULT_INTERVAL
    elif interval < _SHORTEST:
        interval = DEFAULT_INTERVAL
        report.note(origin, AT_EACH_SCRAPE)
    return {"interval": format_duration(interval)}, interval


def timeout_keys(
    timeout: timedelta | None, interval: timedelta, origin: Origin, report: ImportReport
) -> dict[str, str]:
    """Return the key `timeout`, which must be shorter than the interval."""
    if timeout is None:
        return {}
    if timeout < _SHORTEST:
        report.left(origin, _NO_TIMEOUT)
        return {}
    if timeout >= interval:
        shorter = format_duration(interval * 0.8)
        report.note(
            origin, f"is not shorter than the interval, so {shorter} was written"
        )
        return {"timeout": shorter}
    return {"timeout": format_duration(timeout)}


def cron_keys(
    text: str, origin: Origin, report: ImportReport, *, from_monday: bool = False
) -> dict[str, str]:
    """Return the keys of a schedule; what is no crontab of ours is told, and runs each minute.

    `from_monday`: weekdays are counted from Monday, as APScheduler does.
    """
    if text.startswith("@every "):
        keys, _ = interval_keys(text.removeprefix("@every ").strip(), origin, report)
        return keys
    fields = text.split()
    if from_monday and len(fields) == 5 and any(map(str.isdigit, fields[4])):
        fields[4] = re.sub(r"[0-9]+", _weekday, fields[4])
        report.left(origin, _WEEKDAYS_OF.format(schedule=" ".join(fields)))
    expression = " ".join(fields)
    try:
        read_crontab(expression)
    except ValueError as error:
        report.left(origin, f'{error}; interval = "1m" was written')
        return {"interval": format_duration(DEFAULT_INTERVAL)}
    report.left(
        origin, "it ran in the time zone of its machine: say it as time_zone, else UTC"
    )
    return {"cron": expression}


def _weekday(match: re.Match[str]) -> str:
    number = int(match[0])
    return _WEEKDAYS[number] if number < len(_WEEKDAYS) else match[0]
