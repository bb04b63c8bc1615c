"""Find what the rules about queries without data evaluate: one that fails, one of which no run ends; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from monitor.alerting.evaluate import matching
from monitor.alerting.ownership import Speaker, Voice
from monitor.alerting.rule_input import own_sample
from monitor.alerting.severity import loudest
from monitor.alerting.snapshot import QueryView
from monitor.model.results import ALTERED_SESSION, Blocked, Failure, Sample, Success
from monitor.model.settings import Every, Rule
from monitor.model.wording import utc_second


def sessions_together(views: Iterable[QueryView]) -> Mapping[str, tuple[str, ...]]:
    """Return the queries whose session cannot be believed: each with all of them, first the one that speaks."""
    groups: dict[str, list[QueryView]] = defaultdict(list)
    for view in views:
        outcome = view.outcome
        if isinstance(outcome, Failure) and outcome.detail == ALTERED_SESSION:
            groups[outcome.message].append(view)
    together: dict[str, tuple[str, ...]] = {}
    for group in groups.values():
        names = tuple(view.job.query.name for view in sorted(group, key=_period))
        together.update(dict.fromkeys(names, names))
    return together


def _period(view: QueryView) -> timedelta:
    schedule = view.job.query.schedule
    return schedule.interval if isinstance(schedule, Every) else timedelta.max


def failing(
    rule: Rule, view: QueryView, speaker: Speaker, others: Sequence[str]
) -> list[Sample] | None:
    """Return how often a query has failed, where nobody else speaks for it; `others` fail as it does."""
    if view.outcome is None or speaker.voice not in (Voice.FAILING, Voice.NOBODY):
        return None
    details: dict[str, str] = {}
    count = float(view.consecutive_failures)
    if speaker.voice is Voice.FAILING:
        details = {**_reason_of(view), "failing_since": _failing_since(view)}
        if others:
            names = ", ".join(others)
            details["others"] = f" The same happens to {names}: their data is gone too."
        if speaker.is_due:
            # What it failed of may be counted elsewhere, or differ each time: for long it gave no data.
            count = max(count, rule.condition.threshold + 1)
    sample = own_sample(rule, count, {"query": view.job.query.name}, details)
    if view.last_success_at is None and not matching(rule, [sample]):
        # It never gave data since we began to look: too early for "it does not fail".
        return None
    return [sample]


def _failing_since(view: QueryView) -> str:
    if view.first_failure_at is None:
        return ""
    # Before the first success since we began to look, a restart say, it may have failed for long.
    at_least = "at least " if view.last_success_at is None else ""
    return f"{at_least}{utc_second(view.first_failure_at)}"


def _reason_of(view: QueryView) -> dict[str, str]:
    match view.outcome:
        case Failure() as failure:
            return {"reason": str(failure.reason), "message": failure.message}
        case Blocked() as blocked:
            return {"reason": "blocked", "message": blocked.message}
        case Success() | None:
            message = "none ended for three intervals"
            return {"reason": "no run ends", "message": message}
        case _:
            assert_never(view.outcome)


def stale(rule: Rule, view: QueryView, speaker: Speaker) -> list[Sample] | None:
    """Return whether none of a query's runs ended, well or not, for as long as it may be without news."""
    if speaker.voice is Voice.ROOT or isinstance(view.outcome, Blocked):
        return None
    is_stale = speaker.voice is Voice.STALE
    if view.last_run_at is None and not is_stale:
        return None
    last_success = "never"
    if view.last_success_at is not None:
        last_success = f"{view.last_success_at:%Y-%m-%d %H:%M:%S} UTC"
    labels = {"query": view.job.query.name}
    return [own_sample(rule, is_stale, labels, {"last_success": last_success})]


def with_worst_severity(rule: Rule, views: Iterable[QueryView]) -> Rule:
    """Return the rule as loud as the loudest of those that it leaves without data."""
    left = (other.severity for view in views for other in view.job.query.rules)
    return replace(rule, severity=loudest([rule.severity, *left]))
