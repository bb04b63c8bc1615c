"""Warn of a receiver that no alert could ever reach: it would be silent when it is needed; pure.

Not refused: who filters for nothing may mean it, and what a filter is for may come with tomorrow's queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from monitor.catalog.document import Section
from monitor.catalog.problems import Problems, near_miss
from monitor.model.settings import Job, Receiver, Rule, Severity, Target

_WATCHDOG: Final = "TokenMonitorWatchdog"
_RANKED: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
_ANYTHING: Final = None

_Possible: TypeAlias = Mapping[str, frozenset[str] | None]
"""The labels that alerts of one rule on one target have, each with its possible values, or anything."""


def warnings_of(
    config: Section,
    receivers: Iterable[Receiver],
    targets: Sequence[Target],
    jobs: Iterable[Job],
    own_rules: Sequence[Rule],
) -> tuple[str, ...]:
    """Compare the filters of every receiver with all alerts that there can be, and list each fault."""
    problems = Problems()
    alerts = [*_of_jobs(jobs), *_of_own_rules(own_rules, targets)]
    has_watchdog = any(rule.name == _WATCHDOG for rule in own_rules)
    for receiver in receivers:
        section = config.at("receivers", receiver.name)
        if receiver.watchdog and not has_watchdog:
            message = f"never comes: [rules.{_WATCHDOG}] is switched off"
            problems.add(section.origin("watchdog"), message)
        _check_filters(receiver, section, alerts, problems)
    return tuple(str(problem) for problem in problems.in_order())


def _check_filters(
    receiver: Receiver, section: Section, alerts: Sequence[_Possible], problems: Problems
) -> None:
    before = len(problems)
    for label, value in receiver.match:
        values = [possible[label] for possible in alerts if label in possible]
        origin = section.origin("match", label)
        if not values:
            names = {name for possible in alerts for name in possible}
            problems.add(origin, f"no alert has this label{near_miss(label, names)}")
        elif not any(_admits(one, value) for one in values):
            known = {name for one in values for name in one or ()}
            problems.add(origin, f'no alert has it with "{value}"{near_miss(value, known)}')
    if len(problems) == before and not receiver.watchdog and not _is_reached(receiver, alerts):
        keys = [key for key in ("match", "min_severity") if key in section.data]
        problems.add(section.origin(*keys[:1]), f"no alert is let through by {' and '.join(keys)}")


def _is_reached(receiver: Receiver, alerts: Iterable[_Possible]) -> bool:
    wanted = [severity.value for severity in _RANKED[_RANKED.index(receiver.min_severity) :]]
    for possible in alerts:
        if possible["alertname"] == frozenset({_WATCHDOG}):
            continue  # it comes to those only that ask for it
        is_loud = any(_admits(possible["severity"], severity) for severity in wanted)
        if is_loud and all(
            _admits(possible.get(label, frozenset()), value) for label, value in receiver.match
        ):
            return True
    return False


def _admits(values: frozenset[str] | None, value: str) -> bool:
    return values is _ANYTHING or value in values


def _of_jobs(jobs: Iterable[Job]) -> Iterator[_Possible]:
    for job in jobs:
        metrics = {metric.name: metric for metric in job.query.metrics}
        for rule in job.query.rules:
            metric = metrics[rule.metric]
            labels: dict[str, frozenset[str] | None] = dict.fromkeys(metric.labels, _ANYTHING)
            if metric.values_label is not None:
                labels[metric.values_label] = frozenset(metric.values)
            labels.update(_fixed({**job.target.labels, **rule.labels, **dict(rule.where)}))
            labels.update(_fixed({"alertname": rule.name, "target": job.target.name}))
            labels["severity"] = frozenset({rule.severity.value})
            yield labels


def _of_own_rules(rules: Iterable[Rule], targets: Sequence[Target]) -> Iterator[_Possible]:
    """A rule about the monitor itself is of each target or of none, and as loud as what it stands for."""
    places = [{"target": target.name, **target.labels} for target in targets]
    for rule in rules:
        for place in [*places, {}]:
            labels: dict[str, frozenset[str] | None] = dict.fromkeys(("query", "receiver", "rule"), _ANYTHING)
            labels.update(_fixed({**place, **rule.labels, "alertname": rule.name}))
            yield {**labels, "severity": frozenset(severity.value for severity in Severity)}


def _fixed(labels: Mapping[str, str]) -> dict[str, frozenset[str] | None]:
    return {name: frozenset({value}) for name, value in labels.items()}
