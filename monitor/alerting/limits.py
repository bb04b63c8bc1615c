"""Bound how many alerts a rule has, and count what was left out; between samples and alerts; pure."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.alerting.rule_input import own_sample
from monitor.model.alerts import Alert, Scope
from monitor.model.results import Sample
from monitor.model.settings import Job, Labels, Rule


def within_limit(
    found: Mapping[Labels, Sample], active: Mapping[Labels, Alert], *, room: int
) -> Mapping[Labels, Sample]:
    """Return the findings that are alerts: those that are already, then the first by their labels.

    What is active stays whatever the limit says, also after a reload that lowered it: to leave it out
    would resolve what is still wrong. A finding that was left out gets the place of one that cleared.
    """
    if len(found) <= room:
        return found
    chosen: dict[Labels, Sample] = {}
    new: list[Labels] = []
    for labels, sample in found.items():
        if labels in active:
            chosen[labels] = sample
        else:
            new.append(labels)
    # By their labels, so that the same ones are chosen at each run: docs/adr/0020.
    room_for_new = max(0, room - len(chosen))
    for labels in sorted(new)[:room_for_new]:
        chosen[labels] = found[labels]
    return chosen


def left_out_samples(
    rule: Rule, job: Job, left_out: Mapping[Scope, int]
) -> list[Sample] | None:
    """Return how many findings of each rule of a query are no alerts; None where one was not evaluated."""
    samples: list[Sample] = []
    for evaluated in job.query.rules:
        count = left_out.get(Scope(evaluated.name, *job.key))
        if count is None:
            return None
        labels = {"query": job.query.name, "rule": evaluated.name}
        details = {"limit": str(evaluated.max_alerts)}
        samples.append(own_sample(rule, count, labels, details))
    return samples
