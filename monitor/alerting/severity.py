"""Compare how loudly alerts speak, and let that only rise while one is active; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from monitor.model.alerts import Alert, AlertState, Unended
from monitor.model.results import Sample
from monitor.model.settings import Labels, Rule, Severity

_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}

SUPERSEDED = "superseded"
"""Why an alert ended whose place a louder one took: who is notified of that one is not notified of this end."""


def rank(severity: Severity) -> int:
    """Return how loud it is, to be compared."""
    return _RANKS[severity]


def loudest(severities: Iterable[Severity]) -> Severity:
    """Return the loudest of some."""
    return max(severities, key=rank)


def with_worst_severity(rule: Rule, others: Iterable[Rule]) -> Rule:
    """Return the rule as loud as the loudest of those that it leaves without data."""
    severities = [rule.severity, *(other.loudest for other in others)]
    severity = loudest(severities)
    return rule if severity is rule.severity else replace(rule, severity=severity)


@dataclass(frozen=True, slots=True)
class Risen:
    """Findings by the labels of the alerts that they are, and what becomes of those of another severity."""

    found: Mapping[Labels, Sample]
    successors: Mapping[Labels, Alert] = field(default_factory=dict)
    """By their labels: what louder alerts begin with, whose labels differ in nothing but the severity."""
    superseded: Mapping[Labels, Alert] = field(default_factory=dict)
    """The quieter ones that end with them."""
    at_once: frozenset[Labels] = frozenset()
    """The louder ones whose quieter one fired: they fire without a `for` of their own, since who was notified
    of that one would else never hear of an end that comes before it has passed."""

    def rest_of(self, active: Mapping[Labels, Alert]) -> dict[Labels, Alert]:
        """Return the alerts that are active without those whose place a louder one takes."""
        return {
            labels: alert
            for labels, alert in active.items()
            if labels not in self.superseded
        }


def with_risen(found: Mapping[Labels, Sample], active: Mapping[Labels, Alert]) -> Risen:
    """Match what a rule found with the alerts that are active, where these are as loud or louder.

    A rule can get quieter by a reload, or because it leaves less unjudged: the alert keeps its name until it
    is over, else its end would be announced while it goes on. Louder it takes the quieter one's place.
    """
    # By their labels without the severity: of another severity it is another alert for Alertmanager.
    others = {
        without_severity(labels): alert
        for labels, alert in active.items()
        if labels not in found
    }
    if not others:
        return Risen(found)
    after: dict[Labels, Sample] = {}
    successors: dict[Labels, Alert] = {}
    superseded: dict[Labels, Alert] = {}
    at_once: set[Labels] = set()
    for labels, sample in found.items():
        other = others.get(without_severity(labels)) if labels not in active else None
        severity = severity_of(labels)
        if other is None:
            after[labels] = sample
        elif rank(other.severity) >= rank(severity):
            after[other.labels] = sample
        else:
            after[labels] = sample
            successors[labels] = _successor(other, labels, severity)
            superseded[other.labels] = other
            if other.state is AlertState.FIRING:
                at_once.add(labels)
    return Risen(after, successors, superseded, frozenset(at_once))


def _successor(alert: Alert, labels: Labels, severity: Severity) -> Alert:
    """Return an alert that begins where a quieter one was: as long ago, but notified again."""
    return replace(
        alert,
        labels=labels,
        severity=severity,
        state=AlertState.PENDING,
        fired_at=None,
        notified=(),
        # Who may not hear that it is louder, such as while it is muted, is to hear of an end when there is one.
        unended=_known_as(alert),
        fingerprint="",
        muted_by=None,
        cause=(),
        silence=None,
        unsilenced_at=None,
        acknowledged=None,
    )


def _known_as(alert: Alert) -> tuple[tuple[str, Unended], ...]:
    """Return as what each receiver knows an alert, which may be as a quieter one."""
    as_it_is = Unended(alert.severity, alert.fired_at or alert.active_at)
    known = {**dict(alert.unended), **dict.fromkeys(dict(alert.notified), as_it_is)}
    return tuple(sorted(known.items()))


def severity_of(labels: Labels) -> Severity:
    """Return how loud the alert with these labels is."""
    return Severity(dict(labels)["severity"])


def without_severity(labels: Labels) -> Labels:
    """Return what a louder alert has in common with the quieter one whose place it takes."""
    return tuple(pair for pair in labels if pair[0] != "severity")
