"""Warn of a receiver that no alert could ever reach: it would be silent when it is needed; pure.

Not refused: who filters for nothing may mean it, and what a filter is for may come with tomorrow's queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.alerting.reach import WATCHDOG, PossibleAlert, admits, is_reached, possible_alerts
from monitor.catalog.document import Section
from monitor.catalog.problems import Problems, near_miss
from monitor.model.settings import Job, Receiver, Rule, Target

_NO_WATCHDOG = f"never comes: [rules.{WATCHDOG}] is switched off"
_ENDS_BY_ITSELF = "an Alertmanager ends by itself what is sent no more; its own receivers have send_resolved"


def warnings_of(
    config: Section,
    receivers: Iterable[Receiver],
    targets: Sequence[Target],
    jobs: Iterable[Job],
    own_rules: Sequence[Rule],
) -> tuple[str, ...]:
    """Compare the filters of every receiver with all alerts that there can be, and list each fault."""
    problems = Problems()
    alerts = possible_alerts(jobs, own_rules, targets)
    has_watchdog = any(rule.name == WATCHDOG for rule in own_rules)
    for receiver in receivers:
        section = config.at("receivers", receiver.name)
        if receiver.watchdog and not has_watchdog:
            problems.add(section.origin("watchdog"), _NO_WATCHDOG)
        if receiver.kind == "alertmanager" and not receiver.send_resolved:
            problems.add(section.origin("send_resolved"), _ENDS_BY_ITSELF)
        _check_filters(receiver, section, alerts, problems)
    return tuple(str(problem) for problem in problems.in_order())


def _check_filters(
    receiver: Receiver, section: Section, alerts: Sequence[PossibleAlert], problems: Problems
) -> None:
    before = len(problems)
    for label, value in receiver.match:
        values = [possible[label] for possible in alerts if label in possible]
        origin = section.origin("match", label)
        if not values:
            names = {name for possible in alerts for name in possible}
            problems.add(origin, f"no alert has this label{near_miss(label, names)}")
        elif not any(admits(one, value) for one in values):
            known = {name for one in values for name in one or ()}
            problems.add(origin, f'no alert has it with "{value}"{near_miss(value, known)}')
    if len(problems) == before and not receiver.watchdog and not is_reached(receiver, alerts):
        keys = [key for key in ("match", "min_severity") if key in section.data]
        problems.add(section.origin(*keys[:1]), f"no alert is let through by {' and '.join(keys)}")
