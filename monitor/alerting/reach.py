"""Say whether anybody would be notified of an alert, from the configuration alone; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitor.model.settings import Config, Receiver, Rule, Severity

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
    target_labels: dict[str, Mapping[str, str]] = {t.name: t.labels for t in config.targets}
    for job in config.jobs:
        names = {name for metric in job.query.metrics for name in metric.label_names}
        fixed = {**job.target.labels, "target": job.target.name}
        if any(_fits(receiver, rule, fixed, names) for rule in job.query.rules):
            return True
    # Rules about the monitor itself: of each target, with names of queries and receivers.
    own = [rule for rule in config.own_rules if rule.name != _WATCHDOG]
    places = [{**labels, "target": name} for name, labels in target_labels.items()]
    return any(_fits(receiver, rule, place, {"query", "receiver"}) for rule in own for place in places)


def _fits(receiver: Receiver, rule: Rule, fixed: Mapping[str, str], open_names: Iterable[str]) -> bool:
    if _RANKS[rule.severity] < _RANKS[receiver.min_severity]:
        return False
    known = {
        **rule.labels,
        **fixed,
        "alertname": rule.name,
        "severity": rule.severity.value,
        **dict(rule.where),
    }
    return all(_may_be(pair, known, set(open_names) - set(dict(rule.where))) for pair in receiver.match)


def _may_be(pair: tuple[str, str], known: Mapping[str, str], open_names: set[str]) -> bool:
    name, value = pair
    return name in open_names or known.get(name) == value
