"""Compute which alerts there can be, and whether one would reach a receiver, from a Config alone; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Config, Job, Metric, Receiver, Rule, Severity
from monitor.model.targets import Target

_RANKED: Final = (
    Severity.INFO.value,
    Severity.WARNING.value,
    Severity.CRITICAL.value,
)
_ANYTHING: Final = None
_ONLY: Final = "alerts are only on the page and in the log"

PossibleAlert: TypeAlias = Mapping[str, frozenset[str] | None]
"""The labels that alerts of one rule on one target have, each with its possible values, or anything."""


def why_nobody_is_notified(config: Config) -> str:
    """Return why no receiver would ever be notified of an alert; empty where one would.

    Labels that only the data has are taken to fit. The watchdog alone reaches nobody: it says that
    all is well.
    """
    if not config.receivers:
        return f"no receiver is configured (add [receivers.NAME]); {_ONLY}"
    for receiver in config.receivers:
        # Lazily: with many targets the first of thousands already fits.
        alerts = chain(
            _of_jobs(config.all_jobs), _of_own_rules(config.own_rules, config.targets)
        )
        if is_reached(receiver, alerts):
            return ""
    names = ", ".join(receiver.name for receiver in config.receivers)
    return f"no alert can reach {names} (see min_severity and match); {_ONLY}"


def possible_alerts(
    jobs: Iterable[Job], own_rules: Iterable[Rule], targets: Sequence[Target]
) -> list[PossibleAlert]:
    """Return what alerts there can be, one entry for each rule and target."""
    return [*_of_jobs(jobs), *_of_own_rules(own_rules, targets)]


def is_reached(receiver: Receiver, alerts: Iterable[PossibleAlert]) -> bool:
    """Return whether a receiver would be notified of some alert but the watchdog."""
    lowest = _RANKED.index(receiver.min_severity.value)
    severities = frozenset(_RANKED[lowest:])
    return any(_fits(possible, receiver, severities) for possible in alerts)


def _fits(
    possible: PossibleAlert, receiver: Receiver, severities: frozenset[str]
) -> bool:
    if possible["alertname"] == frozenset({WATCHDOG}):
        # It comes to those only that ask for it.
        return False
    if not _may_be_one_of(possible["severity"], severities):
        return False
    # A label that the alert has not has no value: not even an empty one fits.
    no_value: frozenset[str] = frozenset()
    return all(
        is_possible(possible.get(label, no_value), value)
        for label, value in receiver.match
    )


def is_possible(values: frozenset[str] | None, value: str) -> bool:
    """Return whether a label that has one of these values, or anything, may have this one."""
    return _may_be_one_of(values, frozenset({value}))


def _may_be_one_of(values: frozenset[str] | None, wanted: frozenset[str]) -> bool:
    return values is _ANYTHING or not wanted.isdisjoint(values)


def _of_jobs(jobs: Iterable[Job]) -> Iterator[PossibleAlert]:
    for job in jobs:
        metrics = {metric.name: metric for metric in job.query.metrics}
        for rule in job.query.rules:
            yield _of_rule(rule, metrics[rule.metric], job.target)


def _of_rule(rule: Rule, metric: Metric, target: Target) -> PossibleAlert:
    own_labels = () if rule.is_of_total else metric.labels
    labels: dict[str, frozenset[str] | None] = dict.fromkeys(own_labels, _ANYTHING)
    if metric.values_label is not None and not rule.is_of_total:
        labels[metric.values_label] = frozenset(metric.values)
    # In the order in which later ones win, as in the alerts themselves.
    labels.update(_fixed(target.labels))
    labels.update(_fixed(rule.labels))
    labels.update(_fixed(dict(rule.where)))
    names = {
        "alertname": rule.name,
        "target": target.name,
    }
    labels.update(_fixed(names))
    labels["severity"] = frozenset(rule.severities)
    return labels


def _of_own_rules(
    rules: Iterable[Rule], targets: Sequence[Target]
) -> Iterator[PossibleAlert]:
    """Yield those about the monitor itself: of each target or of none, as loud as what they stand for."""
    without_target: dict[str, str] = {}
    of_targets = [{"target": target.name, **target.labels} for target in targets]
    unfixed: dict[str, frozenset[str] | None] = {
        "query": _ANYTHING,
        "receiver": _ANYTHING,
        "rule": _ANYTHING,
    }
    of_any_severity = {"severity": frozenset(_RANKED)}
    for rule in rules:
        for target_labels in [*of_targets, without_target]:
            names = {**target_labels, **rule.labels, "alertname": rule.name}
            yield {**unfixed, **_fixed(names), **of_any_severity}


def _fixed(labels: Mapping[str, str]) -> dict[str, frozenset[str] | None]:
    return {name: frozenset({value}) for name, value in labels.items()}
