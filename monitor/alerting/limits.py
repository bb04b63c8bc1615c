"""Bound how many alerts a rule has, and count what was left out; between samples and alerts; pure."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.alerting.rule_input import own_sample
from monitor.model.alerts import Alert, Scope
from monitor.model.results import Sample, Success
from monitor.model.settings import Job, Labels, Rule, labels_of


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


def findings_left_out(
    rule: Rule, job: Job, left_out: Mapping[Scope, int]
) -> Success | None:
    """Return how many findings of each rule of a query are no alerts; None where none of them was evaluated.

    It says nothing of a rule that was not: one outside its hours, or without its columns.
    """
    samples: list[Sample] = []
    unevaluated: list[Labels] = []
    for judged in job.query.rules:
        labels = {"query": job.query.name, "rule": judged.name}
        count = left_out.get(Scope(judged.name, *job.key))
        if count is None:
            unevaluated.append(labels_of(labels))
            continue
        details = {"limit": str(judged.max_alerts)}
        samples.append(own_sample(rule, count, labels, details))
    if unevaluated and not samples:
        return None
    return Success(tuple(samples), len(samples), silent=tuple(unevaluated))
