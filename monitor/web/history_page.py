"""Read which part of the history an address asks for, and describe it: what alerts did, what receivers took; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, datetime, timedelta
from urllib.parse import urlencode

from monitor.model.alerts import Transition
from monitor.model.settings import Severity
from monitor.model.wording import counted
from monitor.storage import DeliveryAttempt
from monitor.storage.history_filter import HistoryFilter
from monitor.web.flapping import folded
from monitor.web.history_rows import (
    PastChange,
    PastDelivery,
    past_change,
    past_delivery,
)

MAX_SHOWN = 200
"""Lines of each kind on one page; the address of a day, or CSV, gives the others."""
MAX_READ = 1000
"""Changes: what flaps takes one line for many of them, and hides nothing that others did."""
_MAX_LINKS = 30
_DAYS = 7
_ONE_DAY = timedelta(days=1)
FILTERS = ("alert", "target", "severity", "day")
"""The names in the address by which the history is filtered."""


@dataclass(frozen=True, slots=True)
class BadFilter:
    """What is wrong with an address that asks for a part of the history."""

    message: str


@dataclass(frozen=True, slots=True)
class AskedHistory:
    """Which part an address asks for: by its own words, and as the state is asked."""

    given: Mapping[str, str]
    wanted: HistoryFilter


@dataclass(frozen=True, slots=True)
class FilterLink:
    """A part of the history that one link leads to."""

    text: str
    address: str
    """What stands in the address behind `history`; empty for all of it."""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class FilterLinks:
    """The links for one name of the address."""

    name: str
    links: tuple[FilterLink, ...]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A part of the history, the newest first."""

    now: datetime
    headline: str
    filters: tuple[FilterLinks, ...]
    changes: tuple[PastChange, ...]
    """Those of an alert that flapped as one."""
    has_more_changes: bool
    deliveries: tuple[PastDelivery, ...]
    has_more_deliveries: bool
    csv: str
    """The address of the same as CSV."""


def asked_history(parameters: Mapping[str, str]) -> AskedHistory | BadFilter:
    """Read the filters of an address; what is wrong with them, where something is."""
    given = {name: parameters[name] for name in FILTERS if parameters.get(name)}
    wanted = HistoryFilter(given.get("alert"), given.get("target"))
    severity = given.get("severity")
    if severity is not None:
        if severity not in list(Severity):
            allowed = ", ".join(Severity)
            return BadFilter(f"severity must be one of {allowed}")
        wanted = replace(wanted, severity=severity)
    if "day" in given:
        day = _day(given["day"])
        if day is None:
            return BadFilter("day must be a date in UTC such as 2026-01-31")
        wanted = replace(wanted, since=day, until=day + _ONE_DAY)
    return AskedHistory(given, wanted)


def history_page_of(
    asked: AskedHistory,
    transitions: Sequence[Transition],
    deliveries: Sequence[DeliveryAttempt],
    now: datetime,
) -> HistoryPage:
    """Describe a part of the history; of each kind one more than counts says that there is more.

    Of transitions MAX_READ count, of deliveries MAX_SHOWN.
    """
    changes = tuple(past_change(one, now) for one in transitions[:MAX_READ])
    attempts = tuple(past_delivery(one, now) for one in deliveries[:MAX_SHOWN])
    has_more = len(transitions) > MAX_READ
    lines = folded(changes)
    return HistoryPage(
        now=now,
        headline=_headline(asked, changes, has_more=has_more),
        filters=tuple(_filters(asked, changes, now)),
        changes=lines[:MAX_SHOWN],
        has_more_changes=has_more or len(lines) > MAX_SHOWN,
        deliveries=attempts,
        has_more_deliveries=len(deliveries) > MAX_SHOWN,
        csv=_address({**asked.given, "format": "csv"}),
    )


def _day(text: str) -> datetime | None:
    # Not only strptime, which also takes 2026-1-31: two addresses of one day.
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    is_written_so = f"{day:%Y-%m-%d}" == text
    # The day after the last one that Python knows is none.
    return day if is_written_so and day.year < MAXYEAR else None


def _headline(
    asked: AskedHistory, changes: Sequence[PastChange], *, has_more: bool
) -> str:
    most = "at least " if has_more else ""
    words = [f"{name} {value}" for name, value in asked.given.items()]
    of = f" of {', '.join(words)}" if words else ""
    return f"History{of}: {most}{counted(len(changes), 'change')}"


def _filters(
    asked: AskedHistory, changes: Iterable[PastChange], now: datetime
) -> Iterator[FilterLinks]:
    """Yield the links by which the history is narrowed, and widened again."""
    days = [f"{now - number * _ONE_DAY:%Y-%m-%d}" for number in range(_DAYS)]
    seen = list(changes)
    values: dict[str, Iterable[str]] = {
        "severity": list(Severity),
        "day": days,
        "target": sorted({change.target for change in seen} - {""}),
        "alert": sorted({change.alertname for change in seen}),
    }
    for name, found in values.items():
        chosen = asked.given.get(name)
        offered = list(dict.fromkeys([*([chosen] if chosen else []), *found]))
        yield FilterLinks(name, tuple(_links(asked, name, offered[:_MAX_LINKS])))


def _links(
    asked: AskedHistory, name: str, values: Iterable[str]
) -> Iterator[FilterLink]:
    others = {key: value for key, value in asked.given.items() if key != name}
    yield FilterLink("any", _address(others), is_chosen=name not in asked.given)
    for value in values:
        is_chosen = asked.given.get(name) == value
        yield FilterLink(value, _address({**others, name: value}), is_chosen=is_chosen)


def _address(parameters: Mapping[str, str]) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""
