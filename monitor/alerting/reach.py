"""Say whether anybody would be notified of an alert, from the configuration alone; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from monitor.model.settings import Config, Receiver, Rule, Severity, Target

_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_WATCHDOG = "TokenMonitorWatchdog"
_ONLY = "alerts are only on the page and in the log"


def why_nobody_is_notified(config: Config) -> str:
    """Return why no receiver would ever be told of an alert; empty where one would.

    A receiver counts as reached where some alert may fit what it filters: labels that only the data
    can tell are taken to fit. The watchdog alone reaches nobody: it says that all is well.
    """
    if not config.receivers:
        return f"no receiver is configured (add [receivers.NAME]); {_ONLY}"
    if any(_may_be_told(receiver, config) for receiver in config.receivers):
        return ""
    names = ", ".join(receiver.name for receiver in config.receivers)
    return f"no alert can reach {names} (see min_severity and match); {_ONLY}"


def _may_be_told(receiver: Receiver, config: Config) -> bool:
    for rule, labels, open_names in _possible(config):
        if _RANKS[rule.severity] >= _RANKS[receiver.min_severity] and _fits(receiver, labels, open_names):
            return True
    return False


def _possible(config: Config) -> Iterator[tuple[Rule, Mapping[str, str], Set[str]]]:
    """List every rule, the labels that are known of its alerts, and the names of those that data tells."""
    for job in config.jobs:
        named = {name for metric in job.query.metrics for name in metric.label_names}
        for rule in job.query.rules:
            where = dict(rule.where)
            yield rule, {**_known(rule, job.target), **where}, named - where.keys()
    for rule in config.own_rules:
        if rule.name != _WATCHDOG:
            for target in config.targets:
                yield rule, _known(rule, target), {"query", "receiver"}


def _known(rule: Rule, target: Target) -> dict[str, str]:
    fixed = {"target": target.name, "alertname": rule.name, "severity": rule.severity.value}
    return {**rule.labels, **target.labels, **fixed}


def _fits(receiver: Receiver, labels: Mapping[str, str], open_names: Set[str]) -> bool:
    wanted = {name: value for name, value in receiver.match if name not in open_names}
    return wanted.items() <= labels.items()
