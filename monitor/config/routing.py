"""Warn of a receiver that no alert could ever reach, and of a window that none could fit; pure.

The one would be silent when it is needed; with the other one is woken all the same. Not refused: who filters for
nothing may mean it, and what a filter is for may come with tomorrow's queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.alerting.reach import (
    PossibleAlert,
    is_reached,
    possible_alerts,
)
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.wanted_labels import WantedLabel, wanted_labels
from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Job, Receiver, Rule
from monitor.model.silences import MaintenanceWindow
from monitor.model.targets import Target

_NO_WATCHDOG = f"never comes: [rules.{WATCHDOG}] is switched off"
_ENDS_BY_ITSELF = "an Alertmanager ends by itself what is sent no more; its own receivers have send_resolved"


def warnings_of(
    config: Section,
    receivers: Iterable[Receiver],
    targets: Sequence[Target],
    jobs: Iterable[Job],
    own_rules: Sequence[Rule],
    maintenance: Iterable[MaintenanceWindow],
) -> tuple[str, ...]:
    """Compare the filters of every receiver and window with all alerts that there can be, and list each fault."""
    problems = Problems()
    alerts = possible_alerts(jobs, own_rules, targets)
    has_watchdog = WATCHDOG in {rule.name for rule in own_rules}
    for receiver in receivers:
        section = config.at("receivers", receiver.name)
        _check_switches(receiver, section, problems, has_watchdog=has_watchdog)
        _check_filters(receiver, section, alerts, problems)
    for window in maintenance:
        section = config.at("maintenance", window.name)
        for one in wanted_labels(window.labels, window.match):
            _check_filter(one, section, alerts, problems)
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
    for one in wanted_labels(receiver.match):
        _check_filter(one, section, alerts, problems)
    # Each filter fits something, but no alert fits them all; a fault of one says so already.
    if len(problems) == faults:
        _check_all_filters(receiver, section, alerts, problems)


def _check_filter(
    wanted: WantedLabel,
    section: Section,
    alerts: Sequence[PossibleAlert],
    problems: Problems,
) -> None:
    """Check that some alert has the label, and that it can be as it is wanted."""
    label, text = wanted.label, wanted.text
    origin = section.origin("match", label)
    labelled = [alert for alert in alerts if label in alert]
    if not labelled:
        names = set[str]().union(*alerts)
        problems.add(origin, f"no alert has this label{near_miss(label, names)}")
        return
    known: set[str] = set()
    for alert in labelled:
        values = alert[label]
        if values is None or any(map(wanted.fits, values)):
            return
        known.update(values)
    problems.add(origin, f'no alert has it with "{text}"{near_miss(text, known)}')


def _check_all_filters(
    receiver: Receiver,
    section: Section,
    alerts: Sequence[PossibleAlert],
    problems: Problems,
) -> None:
    """Check that some alert gets through; a receiver of the watchdog may be for that alone."""
    if receiver.watchdog or is_reached(receiver, alerts):
        return
    keys = [key for key in ("match", "min_severity") if key in section.data]
    origin = section.origin(*keys[:1])
    problems.add(origin, f"no alert is let through by {' and '.join(keys)}")
