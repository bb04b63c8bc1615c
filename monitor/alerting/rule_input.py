"""One rule in one place, and the data that it is evaluated over: what `inputs` gives and `evaluate` takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.alerting.cause_index import CauseIndex
from monitor.alerting.populations import NO_POPULATION, PopulationCounts
from monitor.model.alerts import Scope
from monitor.model.deploys import NO_HOLD, DeployHold
from monitor.model.results import Sample, Success
from monitor.model.settings import ColumnName, Labels, Rule, Scalar, Severity, labels_of


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule in one scope, with all that its alerts are labelled and annotated with."""

    rule: Rule
    scope: Scope
    target_labels: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    """Of the query, for the texts."""
    runbook_base_url: str = ""
    """The address below which the rule's runbook is found; empty where there is none to name."""
    causes: CauseIndex = field(default_factory=CauseIndex)
    """The alerts that fire and may explain those of the rule."""
    wait: timedelta = timedelta(0)
    """Beside its `for`: how long an alert that nothing explains waits for its cause to be heard first."""

    counts: PopulationCounts = NO_POPULATION
    """Of how many its findings are a part."""
    deploy: DeployHold = NO_HOLD
    """Whether its alerts wait for the end of a deployment, or did."""

    def hold_for(self, labels: Labels) -> timedelta:
        """Return for how long the condition must hold before an alert with these labels fires."""
        return self.rule.hold + self.wait_of(labels)

    def wait_of(self, labels: Labels) -> timedelta:
        """Return how long an alert with these labels waits for what may explain it; not where that fires."""
        return timedelta(0) if self.is_explained(labels) else self.wait

    def is_explained(self, labels: Labels) -> bool:
        """Return whether an alert that fires explains one with these labels."""
        return self.causes.over(labels) is not None

    def judged(self, success: Success) -> tuple[Sample, ...]:
        """Return the samples of a run that the rule judges.

        One that is proven to be more counts for `above`: whatever else the sweep finds, it stays above. Of a
        rule that remembers something, what its detector found.
        """
        return tuple(filter(self.counts.is_enough, self._samples_of(success)))

    def labels_unjudged(self, success: Success) -> Iterable[Labels]:
        """Yield the labels of alerts about what might be found, or go on, were it known of how many it is a part."""
        rule = self.rule
        for sample in self._samples_of(success):
            is_of_rule = sample.metric == rule.metric and rule.selects(sample.labels)
            holds = rule.condition.holds(sample.value, at_least=sample.at_least)
            may_be = holds or rule.condition.goes_on(sample.value)
            is_unknown = self.counts.is_unknown(sample.labels)
            if is_of_rule and may_be and is_unknown:
                yield self.alert_labels(sample.labels)

    def _samples_of(self, success: Success) -> Sequence[Sample]:
        if self.rule.detector is not None:
            return success.detected.get(self.rule.name, ())
        if not success.proven or self.rule.condition.kind != "above":
            return success.samples
        samples = (*success.samples, *success.proven)
        last_of_each = {(sample.metric, sample.labels): sample for sample in samples}
        return [*last_of_each.values()]

    def alert_labels(
        self, sample_labels: Labels, severity: Severity | None = None
    ) -> Labels:
        """Return the label set that is the identity of the alert about such a sample, as loud as the rule by default.

        A sample's label wins over the rule's and the target's of the same name, so that two samples
        never become one alert; alertname, severity and target win over all.
        """
        spoken = severity or self.rule.severity
        identity = {"alertname": self.rule.name, "severity": str(spoken)}
        if self.scope.target:
            identity["target"] = self.scope.target
        own = {**self.rule.labels, **self.target_labels}
        return labels_of({**own, **dict(sample_labels), **identity})


@dataclass(frozen=True, slots=True)
class RuleInput:
    """A rule to evaluate, and over what. Without `success` there is no data: its alerts are held."""

    bound: BoundRule
    success: Success | None
    needs: frozenset[ColumnName] = frozenset()
    """The columns without which there is no data, for finding the root alert."""
    root: str | None = None
    """Without data: the fingerprint of the alert that mutes these, empty for none; None: to be found."""

    @property
    def scope(self) -> Scope:
        """Return what is evaluated together."""
        return self.bound.scope


def own_sample(
    rule: Rule,
    value: float,
    labels: Mapping[str, str] | None = None,
    details: Mapping[str, str] | None = None,
) -> Sample:
    """Return a sample of a rule about the monitor itself; `details` are for the texts of its alert."""
    return Sample(
        rule.metric, labels_of(labels or {}), float(value), labels_of(details or {})
    )
