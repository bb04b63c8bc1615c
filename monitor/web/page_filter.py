"""Read which part of the first page an address asks for, and offer links to others; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from monitor.model.alerts import Alert

PAGE_FILTERS: Final = ("target", "severity", "plan")
"""The names in the address; each is a label of alerts."""
_MAX_VALUES = 20


@dataclass(frozen=True, slots=True)
class PageFilter:
    """Which alerts, targets and queries are shown: those with all of these labels."""

    given: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        """Return the target that is asked for; empty: all."""
        return dict(self.given).get("target", "")

    def lets(self, alert: Alert) -> bool:
        """Return whether an alert is shown."""
        return set(self.given) <= set(alert.labels)


EVERY = PageFilter()


@dataclass(frozen=True, slots=True)
class NarrowedPage:
    """A value that the page can be narrowed to by a link."""

    text: str
    address: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """The values of one label that alerts have."""

    label: str
    values: tuple[NarrowedPage, ...]


def page_filter(parameters: Mapping[str, str]) -> PageFilter:
    """Read the filter of an address; a name without a value is none."""
    given = [(name, parameters.get(name, "")) for name in PAGE_FILTERS]
    return PageFilter(tuple(pair for pair in given if pair[1]))


def choices_of(chosen: PageFilter, alerts: Iterable[Alert]) -> tuple[Choices, ...]:
    """Offer the values by which these alerts differ, and what is chosen; nothing where they do not."""
    found: dict[str, dict[str, None]] = {name: {} for name in PAGE_FILTERS}
    for name, value in chosen.given:
        found[name][value] = None
    for alert in alerts:
        labels = dict(alert.labels)
        for name in found.keys() & labels.keys():
            found[name][labels[name]] = None
    given = dict(chosen.given)
    return tuple(
        Choices(name, tuple(_choices(name, list(values), given)))
        for name, values in found.items()
        if len(values) > 1 or name in given
    )


def _choices(
    name: str, values: list[str], given: Mapping[str, str]
) -> Iterator[NarrowedPage]:
    others = {key: value for key, value in given.items() if key != name}
    yield NarrowedPage("any", _query_text(others), is_chosen=name not in given)
    for value in values[:_MAX_VALUES]:
        is_chosen = given.get(name) == value
        yield NarrowedPage(
            value, _query_text({**others, name: value}), is_chosen=is_chosen
        )


def _query_text(parameters: Mapping[str, str]) -> str:
    return f"?{urlencode(parameters)}" if parameters else "./"
