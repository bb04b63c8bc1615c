"""Find what the rules about the monitor itself judge of a target and its queries, or no data at all; pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.denials import grant_for
from monitor.alerting.evaluate import matching
from monitor.alerting.ownership import Speaker, Voice, denied_table
from monitor.alerting.severity import loudest
from monitor.alerting.snapshot import QueryView
from monitor.model.results import ALTERED_SESSION, Blocked, Failure, Sample, Success
from monitor.model.settings import Every, Rule, labels_of
from monitor.model.wording import utc_second

_ACCOUNT = re.compile(r"'([^']*)'@'([^']*)'")


class _Refusal(NamedTuple):
    """What the server said of a query, and what it was asked."""

    message: str
    statement: str


def target_lost(rule: Rule, target: TargetView, now: datetime) -> list[Sample] | None:
    """Judge whether a target lets nobody in, or did not until a moment ago."""
    is_out = target.is_out(now, proof=proof_of(rule))
    if is_out is None:
        return None
    details = (
        {"reason": str(target.loss.reason), "message": target.loss.message}
        if target.loss
        else {}
    )
    return [Sample(rule.metric, (), float(is_out), labels_of(details))]


def connections_refused(
    rule: Rule, target: TargetView, now: datetime
) -> list[Sample] | None:
    """Judge whether a target refuses new connections while one of ours lives."""
    if not target.up:
        return None
    is_refusing = target.is_refusing(now, proof=proof_of(rule))
    if target.refused_at is None and target.is_out(now, proof=proof_of(rule)) is None:
        return None  # how it was before we met it will be known when it has let us in for a while
    refusal = target.refusal
    details = {}
    if refusal is not None:
        details = {
            "detail": refusal.detail,
            "reason": str(refusal.reason),
            "message": refusal.message,
        }
    return [Sample(rule.metric, (), float(is_refusing), labels_of(details))]


def proof_of(rule: Rule) -> timedelta:
    """Return how long a fault must be gone before it is over: as long as it must last, at most 30 s."""
    return min(rule.hold, MAX_PROOF)


def replica_lagging(rule: Rule, target: TargetView) -> list[Sample] | None:
    """Judge whether a target is a replica whose data is too old."""
    if not target.up or target.server is None:
        return None
    lag = target.replica_lag_seconds
    told = "" if lag is None else f" It was {lag:.0f} s behind at the last look."
    details = labels_of({"fault": target.replica_fault, "lag": told})
    return [Sample(rule.metric, (), float(bool(target.replica_fault)), details)]


def clock_skew(rule: Rule, target: TargetView) -> list[Sample] | None:
    """Judge by how much a server's clock is off ours for certain."""
    if not target.up or target.server is None or target.server.clock is None:
        return None
    clock = target.server.clock
    side = "ahead of" if clock.seconds > 0 else "behind"
    details = labels_of({"offset": f"{abs(clock.seconds):.1f} s {side}"})
    return [Sample(rule.metric, (), clock.proven_seconds, details)]


def sessions_together(views: Iterable[QueryView]) -> Mapping[str, tuple[str, ...]]:
    """Find the queries whose session cannot be believed: each with all of them, first the one that speaks."""
    groups: dict[str, list[QueryView]] = defaultdict(list)
    for view in views:
        outcome = view.outcome
        if isinstance(outcome, Failure) and outcome.detail == ALTERED_SESSION:
            groups[outcome.message].append(view)
    found = {}
    for group in groups.values():
        names = tuple(view.job.query.name for view in sorted(group, key=_period))
        found.update(dict.fromkeys(names, names))
    return found


def _period(view: QueryView) -> timedelta:
    schedule = view.job.query.schedule
    return schedule.interval if isinstance(schedule, Every) else timedelta.max


def failing(
    rule: Rule, view: QueryView, speaker: Speaker, others: Sequence[str]
) -> list[Sample] | None:
    """Judge a query's failures, where nobody else speaks for them; `others` fail in the same way."""
    if view.outcome is None or speaker.voice not in (Voice.FAILING, Voice.NOBODY):
        return None
    details = {}
    count = float(view.consecutive_failures)
    if speaker.voice is Voice.FAILING:
        since = _failing_since(view)
        details = {**_words(view), "failing_since": since}
        if others:
            details["others"] = (
                f" The same happens to {', '.join(others)}: their data is gone too."
            )
        if speaker.is_due:
            # What it failed of may be counted elsewhere, or differ each time: for long it gave no data.
            count = max(count, rule.condition.threshold + 1)
    labels = labels_of({"query": view.job.query.name})
    sample = Sample(rule.metric, labels, count, labels_of(details))
    if view.last_success_at is None and not matching(rule, [sample]):
        return None  # it never gave data since we began to look: too early for "it does not fail"
    return [sample]


def _failing_since(view: QueryView) -> str:
    if view.first_failure_at is None:
        return ""
    # Before the first success since we began to look, a restart say, it may have failed for long.
    at_least = "at least " if view.last_success_at is None else ""
    return f"{at_least}{utc_second(view.first_failure_at)}"


def _words(view: QueryView) -> dict[str, str]:
    match view.outcome:
        case Failure() as failure:
            return {"reason": str(failure.reason), "message": failure.message}
        case Blocked() as blocked:
            return {"reason": "blocked", "message": blocked.message}
        case Success() | None:
            return {
                "reason": "no run ends",
                "message": "none ended for three intervals",
            }
    assert_never(view.outcome)


def stale(rule: Rule, view: QueryView, speaker: Speaker) -> list[Sample] | None:
    """Judge whether none of a query's runs ended, well or not, for as long as it may be without news."""
    if speaker.voice is Voice.ROOT or isinstance(view.outcome, Blocked):
        return None
    is_stale = speaker.voice is Voice.STALE
    if view.last_run_at is None and not is_stale:
        return None
    since = (
        f"{view.last_success_at:%Y-%m-%d %H:%M:%S} UTC"
        if view.last_success_at
        else "never"
    )
    labels = labels_of({"query": view.job.query.name})
    return [
        Sample(rule.metric, labels, float(is_stale), labels_of({"last_success": since}))
    ]


def access_denied(
    rule: Rule, target: TargetView, views: Sequence[QueryView]
) -> list[Sample] | None:
    """Judge which tables are refused to queries: one finding for each, with all whom it concerns."""
    if not target.up:
        return None
    found: dict[str, dict[str, _Refusal]] = defaultdict(dict)
    for view in views:
        for failure in view.denied:
            table = denied_table(failure)
            if table and table not in view.regained:
                statement = view.job.query.statement.text
                found[table][view.job.query.name] = _Refusal(failure.message, statement)
    if not found and all(view.last_success_at is None for view in views):
        return None
    return [
        _denied(rule, target, table, refusals)
        for table, refusals in sorted(found.items())
    ]


def _denied(
    rule: Rule, target: TargetView, table: str, refusals: Mapping[str, _Refusal]
) -> Sample:
    message = next(iter(refusals.values())).message
    account = _ACCOUNT.search(message)
    to = (
        "@".join(f"'{part}'" for part in account.groups())
        if account
        else f"'{target.target.user}'"
    )
    database = target.target.database
    grants = {
        grant_for(one.message, statement=one.statement, database=database, account=to)
        for one in refusals.values()
    }
    details = {
        "account": to,
        "grant": " ".join(sorted(grants)),
        "message": message,
        "queries": ", ".join(sorted(refusals)),
    }
    return Sample(
        rule.metric,
        labels_of({"table": table}),
        float(len(refusals)),
        labels_of(details),
    )


def with_worst_severity(rule: Rule, views: Iterable[QueryView]) -> Rule:
    """Return the rule as loud as the loudest of those that it leaves without a verdict."""
    left = (judged.severity for view in views for judged in view.job.query.rules)
    return replace(rule, severity=loudest([rule.severity, *left]))
