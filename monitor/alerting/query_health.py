"""Find what the rules about queries without data evaluate: one that fails, one of which no run ends; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from monitor.alerting.evaluate import matching
from monitor.alerting.ownership import Speaker, Voice
from monitor.alerting.rule_input import own_sample
from monitor.alerting.severity import loudest
from monitor.alerting.snapshot import QueryView
from monitor.model.results import (
    ALTERED_SESSION,
    Blocked,
    Failure,
    Sample,
    reason_and_message,
)
from monitor.model.settings import Every, Rule
from monitor.model.wording import utc_second

_HAS_OWN_WORDS = (Voice.FAILING, Voice.NOBODY)
"""Elsewhere the alert about the failures is frozen, or that of another speaks for them."""


def sessions_together(views: Iterable[QueryView]) -> Mapping[str, tuple[str, ...]]:
    """Return the queries whose session cannot be believed: each with all of them, first the one that speaks.

    They have one cause, which is somebody's change on the server: one alert says it, with the others' names.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for view in sorted(views, key=_period):
        outcome = view.outcome
        if isinstance(outcome, Failure) and outcome.detail == ALTERED_SESSION:
            groups[outcome.message].append(view.job.query.name)
    together: dict[str, tuple[str, ...]] = {}
    for names in groups.values():
        together.update(dict.fromkeys(names, tuple(names)))
    return together


def _period(view: QueryView) -> timedelta:
    schedule = view.job.query.schedule
    return schedule.interval if isinstance(schedule, Every) else timedelta.max


def failing(
    rule: Rule, view: QueryView, speaker: Speaker, others: Sequence[str]
) -> list[Sample] | None:
    """Return how often a query has failed, where nobody else speaks for it; `others` fail as it does."""
    if view.outcome is None or speaker.voice not in _HAS_OWN_WORDS:
        return None
    count = float(view.consecutive_failures)
    if speaker.is_due:
        # What it failed of may be counted elsewhere, or differ each time: for long it gave no data.
        count = max(count, rule.condition.threshold + 1)
    details: dict[str, str] = {}
    if speaker.voice is Voice.FAILING:
        details = _details_of_failure(view, others)
    sample = own_sample(rule, count, {"query": view.job.query.name}, details)
    has_given_data = view.last_success_at is not None
    # Too early for "it does not fail" while it never gave data since we began to look.
    is_known = has_given_data or bool(matching(rule, [sample]))
    return [sample] if is_known else None


def _details_of_failure(view: QueryView, others: Sequence[str]) -> dict[str, str]:
    reason, message = reason_and_message(view.outcome)
    if not reason:
        reason, message = "no run ends", "none ended for three intervals"
    details = {
        "reason": reason,
        "message": message,
        "failing_since": _failing_since(view),
    }
    if others:
        names = ", ".join(others)
        details["others"] = f" The same happens to {names}: their data is gone too."
    return details


def _failing_since(view: QueryView) -> str:
    if view.first_failure_at is None:
        return ""
    # Before the first success since we began to look, a restart say, it may have failed for long.
    at_least = "at least " if view.last_success_at is None else ""
    return f"{at_least}{utc_second(view.first_failure_at)}"


def stale(rule: Rule, view: QueryView, speaker: Speaker) -> list[Sample] | None:
    """Return whether none of a query's runs ended, well or not, for as long as it may be without news."""
    if speaker.voice is Voice.ROOT or isinstance(view.outcome, Blocked):
        return None
    is_stale = speaker.voice is Voice.STALE
    if view.last_run_at is None and not is_stale:
        return None
    last_success = "never"
    if view.last_success_at is not None:
        last_success = utc_second(view.last_success_at)
    labels = {"query": view.job.query.name}
    return [own_sample(rule, is_stale, labels, {"last_success": last_success})]


def with_worst_severity(rule: Rule, views: Iterable[QueryView]) -> Rule:
    """Return the rule as loud as the loudest of those that it leaves without data."""
    severities = [rule.severity]
    for view in views:
        severities.extend(other.severity for other in view.job.query.rules)
    return replace(rule, severity=loudest(severities))
