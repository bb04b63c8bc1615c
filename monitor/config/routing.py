"""Warn of a receiver that no alert could ever reach, and of a window that none could fit; pure.

The one would be silent when it is needed; with the other one is woken all the same. Not refused: who filters for
nothing may mean it, and what a filter is for may come with tomorrow's queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.alerting.reach import (
    PossibleAlert,
    is_reached,
)
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.model.label_patterns import WantedLabel, wanted_labels
from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Receiver
from monitor.model.silences import MaintenanceWindow

_NO_WATCHDOG = f"never comes: [rules.{WATCHDOG}] is switched off"
_ENDS_BY_ITSELF = "an Alertmanager ends by itself what is sent no more; its own receivers have send_resolved"


def warnings_of(
    config: Section,
    receivers: Iterable[Receiver],
    windows: Iterable[MaintenanceWindow],
    alerts: Sequence[PossibleAlert],
) -> tuple[str, ...]:
    """Compare the filters of every receiver and window with all alerts that there can be, and list each fault."""
    problems = Problems()
    (watchdog,) = wanted_labels([("alertname", WATCHDOG)])
    has_watchdog = _fault_of(watchdog, alerts) == ""
    for receiver in receivers:
        section = config.at("receivers", receiver.name)
        _check_switches(receiver, section, problems, has_watchdog=has_watchdog)
        _check_filters(receiver, section, alerts, problems)
    for window in windows:
        section = config.at("maintenance", window.name)
        wanted = wanted_labels(window.labels, window.match)
        _check_each(wanted, section, alerts, problems)
    return tuple(str(problem) for problem in problems.in_order())


def _check_switches(
    receiver: Receiver, section: Section, problems: Problems, *, has_watchdog: bool
) -> None:
    if receiver.watchdog and not has_watchdog:
        problems.add(section.origin("watchdog"), _NO_WATCHDOG)
    if not (receiver.takes_notifications or receiver.send_resolved):
        problems.add(section.origin("send_resolved"), _ENDS_BY_ITSELF)


def _check_filters(
    receiver: Receiver,
    section: Section,
    alerts: Sequence[PossibleAlert],
    problems: Problems,
) -> None:
    faults = len(problems)
    _check_each(wanted_labels(receiver.match), section, alerts, problems)
    # Each filter fits something, but no alert fits them all; a fault of one says so already.
    if len(problems) == faults:
        _check_all_filters(receiver, section, alerts, problems)


def _fault_of(wanted: WantedLabel, alerts: Sequence[PossibleAlert]) -> str:
    """Return why no alert that there can be has the label as it is wanted; empty where one has."""
    values = _values_of(wanted.label, alerts)
    if wanted.is_possible(values):
        return ""
    if values:
        return f'no alert has it with "{wanted.text}"{near_miss(wanted.text, values)}'
    names = set[str]().union(*alerts)
    return f"no alert has this label{near_miss(wanted.label, names)}"


def _values_of(label: str, alerts: Iterable[PossibleAlert]) -> frozenset[str] | None:
    """Return which values a label of an alert can have, or anything; none where no alert has the label."""
    no_value: frozenset[str] = frozenset()
    found = [alert.get(label, no_value) for alert in alerts]
    return None if None in found else no_value.union(*filter(None, found))


def _check_each(
    wanted: Iterable[WantedLabel],
    section: Section,
    alerts: Sequence[PossibleAlert],
    problems: Problems,
) -> None:
    """Check that some alert has each label, and that it can be as it is wanted."""
    for one in wanted:
        fault = _fault_of(one, alerts)
        if fault:
            problems.add(section.origin("match", one.label), fault)


def _check_all_filters(
    receiver: Receiver,
    section: Section,
    alerts: Sequence[PossibleAlert],
    problems: Problems,
) -> None:
    """Check that some alert gets through; a receiver of the watchdog may be for that alone."""
    if receiver.watchdog or is_reached(receiver, alerts):
        return
    keys = sorted({"match", "min_severity"} & section.data.keys())
    origin = section.origin(*keys[:1])
    problems.add(origin, f"no alert is let through by {' and '.join(keys)}")
