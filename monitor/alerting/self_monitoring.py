"""Find what the rules about the monitor itself evaluate of a target and of its queries, or no data at all; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeAlias

from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.evaluate import matching
from monitor.alerting.failing_items import are_known_until_now, details_of, worst_count
from monitor.alerting.ownership import Speaker, Voice
from monitor.alerting.query_view import QueryView
from monitor.alerting.rule_input import own_sample
from monitor.alerting.self_status import certificates_ending
from monitor.model.errors import Reason
from monitor.model.own_alerts import (
    CERTIFICATE_EXPIRING,
    CLOCK_SKEW,
    CONNECTIONS_REFUSED,
    READ_ONLY,
    REPLICA_LAGGING,
    TARGET_DOWN,
)
from monitor.model.results import (
    ALTERED_SESSION,
    Blocked,
    Failure,
    Sample,
    reason_and_message,
)
from monitor.model.settings import Rule
from monitor.model.wording import utc_second

_HAS_OWN_WORDS = (Voice.FAILING, Voice.NOBODY)
"""Elsewhere the alert about the failures is frozen, or that of another speaks for them."""
_UNREACHABLE: Final = "cannot be reached"
_NO_ENTRY: Final = "refuses the monitor's account"
"""Who is woken looks at the server first, or at the account."""

TargetCheck: TypeAlias = Callable[[Rule, TargetView, datetime], "list[Sample] | None"]
"""Returns what one rule finds of a target at an instant; None where that cannot be known."""


def target_lost(rule: Rule, target: TargetView, now: datetime) -> list[Sample] | None:
    """Return whether a target lets nobody in, or did not until a moment ago."""
    proof = proof_of(rule)
    if target.is_newly_met(now, proof=proof):
        return None
    details = {"trouble": _UNREACHABLE}
    if target.loss is not None:
        reason, message = target.loss.reason, target.loss.message
        is_refused = reason is Reason.ACCESS_DENIED
        trouble = _NO_ENTRY if is_refused else _UNREACHABLE
        details = {"trouble": trouble, "reason": str(reason), "message": message}
    is_out = target.is_out(now, proof=proof)
    return [own_sample(rule, is_out, details=details)]


def connections_refused(
    rule: Rule, target: TargetView, now: datetime
) -> list[Sample] | None:
    """Return whether a target refuses new connections while one of ours lives."""
    if not target.up:
        return None
    proof = proof_of(rule)
    if target.refusal is None and target.is_newly_met(now, proof=proof):
        # How it was before we met it will be known when it has let us in for a while.
        return None
    details: dict[str, str] = {}
    if target.refusal is not None:
        details = {
            "detail": target.refusal.detail,
            "reason": str(target.refusal.reason),
            "message": target.refusal.message,
        }
    is_refusing = target.is_refusing(now, proof=proof)
    return [own_sample(rule, is_refusing, details=details)]


def proof_of(rule: Rule) -> timedelta:
    """Return how long a fault must be gone before it is over: as long as it must last, at most 30 s."""
    return min(rule.hold, MAX_PROOF)


def replica_lagging(
    rule: Rule, target: TargetView, _now: datetime
) -> list[Sample] | None:
    """Return whether a target is a replica whose data is too old."""
    if target.server_in_contact is None:
        return None
    fault = target.replica_fault
    seconds = target.replica_lag_seconds
    lag = "" if seconds is None else f" It was {seconds:.0f} s behind at the last look."
    return [own_sample(rule, bool(fault), details={"fault": fault, "lag": lag})]


def clock_skew(rule: Rule, target: TargetView, _now: datetime) -> list[Sample] | None:
    """Return by how many seconds a server's clock is off ours for certain."""
    server = target.server_in_contact
    if server is None or server.clock is None:
        return None
    clock = server.clock
    side = "ahead of" if clock.seconds > 0 else "behind"
    offset = f"{abs(clock.seconds):.1f} s {side}"
    return [own_sample(rule, clock.proven_seconds, details={"offset": offset})]


def read_only(rule: Rule, target: TargetView, _now: datetime) -> list[Sample] | None:
    """Return whether a target that is to take writes takes none; None where nobody knows whether it is to."""
    fault = target.refuses_writes
    return None if fault is None else [own_sample(rule, fault)]


def certificates_of_target(
    rule: Rule, target: TargetView, now: datetime
) -> list[Sample] | None:
    """Return when the certificates of a target's connections end; None while it lets nobody in."""
    server, name = target.server_in_contact, target.target.name
    if server is None:
        return None
    return certificates_ending(rule, server.certificates, now, target=name)


TARGET_CHECKS: Mapping[str, TargetCheck] = MappingProxyType(
    {
        TARGET_DOWN: target_lost,
        CONNECTIONS_REFUSED: connections_refused,
        REPLICA_LAGGING: replica_lagging,
        CLOCK_SKEW: clock_skew,
        READ_ONLY: read_only,
        CERTIFICATE_EXPIRING: certificates_of_target,
    }
)
"""By rule, in the order of evaluation: a lost target comes first, since others are held under its alert."""


def sessions_together(views: Iterable[QueryView]) -> Mapping[str, tuple[str, ...]]:
    """Return the queries whose session cannot be believed: each with all of them, first the one that speaks.

    They have one cause, which is somebody's change on the server: one alert says it, with the others' names.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for view in sorted(views, key=lambda view: view.job.query.schedule.period):
        outcome = view.outcome
        if isinstance(outcome, Failure) and outcome.detail == ALTERED_SESSION:
            groups[outcome.message].append(view.job.query.name)
    together: dict[str, tuple[str, ...]] = {}
    for names in groups.values():
        together.update(dict.fromkeys(names, tuple(names)))
    return together


def failing(
    rule: Rule, view: QueryView, speaker: Speaker, others: Sequence[str]
) -> list[Sample] | None:
    """Return how often a query has failed, where nobody else speaks for it; `others` fail as it does."""
    if view.outcome is None or speaker.voice not in _HAS_OWN_WORDS:
        return None
    # An item that fails alone says so by the alert of its query.
    count = float(max(view.consecutive_failures, worst_count(view.failing_items)))
    if speaker.is_due:
        # What it failed of may be counted elsewhere, or differ each time: for long it gave no data.
        count = max(count, rule.condition.threshold + 1)
    details = details_of(view.failing_items, rule.condition.threshold)
    if speaker.voice is Voice.FAILING:
        details = _details_of_failure(view, others)
    sample = own_sample(rule, count, {"query": view.job.query.name}, details)
    has_given_data = view.last_success_at is not None
    are_known = are_known_until_now(view.failing_items)
    # Too early for "it does not fail" while it, or an item, never gave data since we began to look.
    is_known = (has_given_data and are_known) or bool(matching(rule, [sample]))
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
    if speaker.voice is Voice.ROOT or isinstance(view.last_word, Blocked):
        return None
    is_stale = speaker.voice is Voice.STALE
    if view.last_run_at is None and not is_stale:
        return None
    last_success = "never"
    if view.last_success_at is not None:
        last_success = utc_second(view.last_success_at)
    details = {"last_success": last_success, "deferred": _deferral_words(view)}
    labels = {"query": view.job.query.name}
    return [own_sample(rule, is_stale, labels, details)]


def _deferral_words(view: QueryView) -> str:
    if view.deferral is None:
        return ""
    return f" Its runs are put off: {view.deferral.message}."
