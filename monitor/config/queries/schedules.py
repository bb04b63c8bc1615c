"""When a query runs and how long it may take: interval or cron, and timeout; pure."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from monitor.config.queries.schema import QueryShape
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.model.settings import Cron, Every
from monitor.timing.crontab import read_crontab
from monitor.timing.durations import format_duration

_DEFAULT_INTERVAL = timedelta(minutes=1)
_DEFAULT_TIMEOUT = timedelta(seconds=10)


def read_schedule(
    shape: QueryShape, section: Section, problems: Problems
) -> tuple[Every | Cron, timedelta]:
    """Check schedule and timeout of one query."""
    timeout = _DEFAULT_TIMEOUT if shape.timeout is None else shape.timeout
    if "cron" in section.data:
        if "interval" in section.data:
            problems.add(section.origin("cron"), 'give either "interval" or "cron"')
        return _cron(shape, section, problems), timeout
    if "time_zone" in section.data:
        problems.add(section.origin("time_zone"), 'goes with "cron" only')
    interval = _DEFAULT_INTERVAL if shape.interval is None else shape.interval
    is_known = ("interval" in section.data) == (shape.interval is not None)
    if is_known and timeout >= interval and _is_of_another(section):
        timeout = follow(timeout, interval)
    if is_known and timeout >= interval:
        message = (
            f"the timeout, {format_duration(timeout)}, must be shorter than"
            f" the interval, {format_duration(interval)}"
        )
        problems.add(section.origin("timeout"), message)
    return Every(interval), timeout


def follow(timeout: timedelta, interval: timedelta) -> timedelta:
    """Return a timeout that fits an interval: that one, or four fifths of the interval."""
    return min(timeout, interval * 4 / 5)


def _is_of_another(section: Section) -> bool:
    """Tell whether who gave the interval gave no timeout: it is the default, or the query's own."""
    if "timeout" not in section.data:
        return True
    own = section.origin().file
    return section.origin("timeout").file == own != section.origin("interval").file


def _cron(shape: QueryShape, section: Section, problems: Problems) -> Cron:
    zone = shape.time_zone or "UTC"
    if not _is_time_zone(zone):
        message = f'"{zone}" is not a time zone; allowed: IANA names such as UTC, Europe/Berlin'
        problems.add(section.origin("time_zone"), message)
    expression = shape.cron or ""
    if shape.cron is not None:
        fault = _cron_fault(expression)
        if fault:
            problems.add(section.origin("cron"), fault)
    return Cron(expression, zone)


def _is_time_zone(name: str) -> bool:
    if name == "UTC":  # known even where the system has no zone files
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _cron_fault(expression: str) -> str:
    try:
        read_crontab(expression)
    except ValueError as error:
        return str(error)
    return ""
