"""`[maintenance.NAME]`: windows of time in which notices of some alerts are held back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from monitor.config.labels import EMPTY_LABEL
from monitor.config.queries.label_filters import (
    exact_labels,
    patterns_in,
    wanted_values,
)
from monitor.config.schema import MaintenanceSchema
from monitor.config.toml.document import Section, tables
from monitor.config.toml.problems import Problems, format_key
from monitor.config.toml.validation import validate
from monitor.model.own_alerts import NOT_SILENCED
from monitor.model.silences import MaintenanceWindow, may_be_silenced
from monitor.model.wording import utc_minute

_NO_TIME: Final = 'says no time; give "at", or "until", or "from" and "until"'
_NEVER_CLOSED: Final = (
    "is never closed; a rule that is never to be told is switched off:"
    " [rules.NAME] enabled = false"
)
_ENDED: Final = (
    "is in the past ({ended}): the window never opens again; correct it, or take it out"
)
_NO_END: Final = 'needs "until": it would never end'


def read_maintenance(
    config: Section, problems: Problems
) -> tuple[MaintenanceWindow, ...]:
    """Read `[maintenance]` of a configuration; what is wrong with one is noted."""
    found = tables(config, "maintenance", problems)
    return tuple(_window(name, section, problems) for name, section in found)


def warnings_of_ended(
    windows: Iterable[MaintenanceWindow], now: datetime
) -> Iterator[str]:
    """Yield a warning of each window that never opens again: notices go out all the same."""
    for window in windows:
        if window.until_at is not None and window.is_over(now):
            key = format_key(("maintenance", window.name, "until"))
            ended = utc_minute(window.until_at.astimezone(UTC))
            yield f"{key}: {_ENDED.format(ended=ended)}"


def _window(name: str, section: Section, problems: Problems) -> MaintenanceWindow:
    checked = validate(MaintenanceSchema, section, problems)
    _check_time(checked, section, problems)
    _check_patterns(checked, section, problems)
    _check_names(checked, section, problems)
    return MaintenanceWindow(
        name,
        exact_labels(checked.match),
        patterns_in(checked.match),
        checked.at,
        checked.from_,
        checked.until,
        checked.comment,
    )


def _check_time(
    checked: MaintenanceSchema, section: Section, problems: Problems
) -> None:
    given = section.data.keys() & {"at", "from", "until"}
    if not given:
        problems.add(section.origin(), _NO_TIME)
    if given == {"from"}:
        problems.add(section.origin("from"), _NO_END)
    hours, begin, end = checked.at, checked.from_, checked.until
    if hours is not None and hours.longest is None:
        problems.add(section.origin("at"), _NEVER_CLOSED)
    if begin is not None and end is not None and end <= begin:
        problems.add(section.origin("until"), 'is not behind "from"')


def _check_patterns(
    checked: MaintenanceSchema, section: Section, problems: Problems
) -> None:
    """Refuse what would fit every alert, or none."""
    for patterns in patterns_in(checked.match):
        if patterns.has_empty:
            problems.add(section.origin("match", patterns.label), EMPTY_LABEL)


def _check_names(
    checked: MaintenanceSchema, section: Section, problems: Problems
) -> None:
    """Refuse what names only alerts that cannot be silenced."""
    names = wanted_values(checked.match, "alertname")
    if names and not any(map(may_be_silenced, names)):
        problems.add(section.origin("match", "alertname"), NOT_SILENCED)
