"""When a query runs and how long it may take: interval or cron, and timeout; pure."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from monitor.config.queries.schema import QuerySchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import refuse_both
from monitor.model.schedules import Cron, Every, QuerySchedule
from monitor.model.walks import Sweep, Walk
from monitor.timing.crontab import read_crontab
from monitor.timing.durations import format_duration


def read_schedule(
    checked: QuerySchema, walk: Walk | None, section: Section, problems: Problems
) -> tuple[QuerySchedule, timedelta]:
    """Check schedule and timeout of one query, and return both; a sweep runs oftener than it has a result."""
    timeout = checked.timeout
    interval = walk.step if isinstance(walk, Sweep) else checked.interval
    if "cron" in section.data:
        if isinstance(walk, Sweep):
            problems.add(
                section.origin("cron"),
                "a sweep reads a little at a time and has none; give its cycle",
            )
        refuse_both(section, "interval", "cron", problems)
        return _cron(checked, section, problems), timeout
    if "time_zone" in section.data:
        problems.add(section.origin("time_zone"), 'goes with "cron" only')
    schedule = Every(interval)
    if "interval" in section.data.keys() - checked.model_fields_set:
        return schedule, timeout  # it is wrong: no word of a timeout beside the default
    if timeout >= interval and not _is_chosen_for_interval(section):
        timeout = fit_timeout(timeout, interval)
    check_timeout(timeout, interval, section, problems)
    return schedule, timeout


def fit_timeout(timeout: timedelta, interval: timedelta) -> timedelta:
    """Return a timeout that fits an interval: that one, or four fifths of the interval."""
    return min(timeout, interval * 4 / 5)


def check_timeout(
    timeout: timedelta, interval: timedelta, section: Section, problems: Problems
) -> None:
    """Note a timeout that would still wait when the next run is due."""
    if timeout >= interval:
        message = (
            f"the timeout, {format_duration(timeout)}, must be shorter than"
            f" the interval, {format_duration(interval)}"
        )
        problems.add(section.origin("timeout"), message)


def _is_chosen_for_interval(section: Section) -> bool:
    """Return whether who gave the timeout knew the interval.

    The default was not chosen for it, nor the one of the query's own file where config.toml overrides
    the interval alone.
    """
    if "timeout" not in section.data:
        return False
    own_file = section.origin().file
    timeout_file = section.origin("timeout").file
    interval_file = section.origin("interval").file
    return timeout_file != own_file or interval_file == own_file


def _cron(checked: QuerySchema, section: Section, problems: Problems) -> Cron:
    zone = checked.time_zone
    if not _is_time_zone(zone):
        allowed = "IANA names such as UTC, Europe/Berlin"
        message = f'"{zone}" is not a time zone; allowed: {allowed}'
        problems.add(section.origin("time_zone"), message)
    if checked.cron is None:  # given, and not a text: the validator said so
        return Cron("", zone)
    try:
        read_crontab(checked.cron)
    except ValueError as error:
        problems.add(section.origin("cron"), str(error))
    return Cron(checked.cron, zone)


def _is_time_zone(name: str) -> bool:
    if name == "UTC":  # known even where the system has no zone files
        return True
    try:
        ZoneInfo(name)
    # KeyError: no such zone; ValueError: no path can be so; OSError: a folder of the zone files, such as Europe.
    except (KeyError, ValueError, OSError):
        return False
    return True
