"""Say which alerts there can be and whether one would reach a receiver, by the configuration alone; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

from monitor.model.settings import Config, Job, Receiver, Rule, Severity, Target

WATCHDOG: Final = "TokenMonitorWatchdog"
_RANKED: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
_ANYTHING: Final = None
_ONLY: Final = "alerts are only on the page and in the log"

PossibleAlert: TypeAlias = Mapping[str, frozenset[str] | None]
"""The labels that alerts of one rule on one target have, each with its possible values, or anything."""


def why_nobody_is_notified(config: Config) -> str:
    """Return why no receiver would ever be told of an alert; empty where one would.

    Labels that only the data can tell are taken to fit. The watchdog alone reaches nobody: it says that
    all is well.
    """
    if not config.receivers:
        return f"no receiver is configured (add [receivers.NAME]); {_ONLY}"
    for receiver in config.receivers:
        # Lazily: with many targets the first of thousands already fits.
        alerts = chain(_of_jobs(config.jobs), _of_own_rules(config.own_rules, config.targets))
        if is_reached(receiver, alerts):
            return ""
    names = ", ".join(receiver.name for receiver in config.receivers)
    return f"no alert can reach {names} (see min_severity and match); {_ONLY}"


def possible_alerts(
    jobs: Iterable[Job], own_rules: Iterable[Rule], targets: Sequence[Target]
) -> list[PossibleAlert]:
    """List what alerts there can be, one entry for each rule and target."""
    return [*_of_jobs(jobs), *_of_own_rules(own_rules, targets)]


def is_reached(receiver: Receiver, alerts: Iterable[PossibleAlert]) -> bool:
    """Tell whether some alert but the watchdog would be told to a receiver."""
    wanted = [severity.value for severity in _RANKED[_RANKED.index(receiver.min_severity) :]]
    for possible in alerts:
        if possible["alertname"] == frozenset({WATCHDOG}):
            continue  # it comes to those only that ask for it
        is_loud = any(admits(possible["severity"], severity) for severity in wanted)
        if is_loud and all(
            admits(possible.get(label, frozenset()), value) for label, value in receiver.match
        ):
            return True
    return False


def admits(values: frozenset[str] | None, value: str) -> bool:
    """Tell whether a label that has one of these values, or anything, may have this one."""
    return values is _ANYTHING or value in values


def _of_jobs(jobs: Iterable[Job]) -> Iterator[PossibleAlert]:
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


def _of_own_rules(rules: Iterable[Rule], targets: Sequence[Target]) -> Iterator[PossibleAlert]:
    """A rule about the monitor itself is of each target or of none, and as loud as what it stands for."""
    places = [{"target": target.name, **target.labels} for target in targets]
    for rule in rules:
        for place in [*places, {}]:
            labels: dict[str, frozenset[str] | None] = dict.fromkeys(("query", "receiver", "rule"), _ANYTHING)
            labels.update(_fixed({**place, **rule.labels, "alertname": rule.name}))
            yield {**labels, "severity": frozenset(severity.value for severity in Severity)}


def _fixed(labels: Mapping[str, str]) -> dict[str, frozenset[str] | None]:
    return {name: frozenset({value}) for name, value in labels.items()}
