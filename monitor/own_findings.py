"""Find what the rules about the monitor itself judge of a target and its queries, or no data at all; pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.errors import Reason
from monitor.model.results import ALTERED_SESSION, Blocked, Failure, Sample
from monitor.model.settings import ColumnName, Every, Rule, labels_of
from monitor.patience import CRON_GRACE, patience
from monitor.rules import matching
from monitor.store import QueryView

_QUOTED = re.compile(r"'([^']+)'")
_DENIED = re.compile(r"\b(?:table|routine) (\S+)")


def target_lost(rule: Rule, target: TargetView, now: datetime) -> list[Sample] | None:
    """Judge whether a target lets nobody in, or did not until a moment ago."""
    is_out = target.is_out(now, proof=proof_of(rule))
    if is_out is None:
        return None
    details = {"reason": str(target.loss.reason), "message": target.loss.message} if target.loss else {}
    return [Sample(rule.metric, (), float(is_out), labels_of(details))]


def connections_refused(rule: Rule, target: TargetView, now: datetime) -> list[Sample] | None:
    """Judge whether a target refuses new connections while one of ours lives."""
    if not target.up:
        return None
    is_refusing = target.is_refusing(now, proof=proof_of(rule))
    if target.refused_at is None and target.is_out(now, proof=proof_of(rule)) is None:
        return None  # how it was before we met it will be known when it has let us in for a while
    refusal = target.refusal
    details = {}
    if refusal is not None:
        details = {"detail": refusal.detail, "reason": str(refusal.reason), "message": refusal.message}
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


def denied_together(views: Iterable[QueryView]) -> Mapping[str, tuple[str, ...]]:
    """Find the queries that are refused the same table: each with all of them, first the one that speaks.

    One REVOKE on a table fails every query that reads it, and one alert says it: of the most frequent one.
    """
    groups: dict[str, list[QueryView]] = defaultdict(list)
    for view in views:
        table = _denied_table(view)
        if table:
            groups[table].append(view)
    found = {}
    for group in groups.values():
        names = tuple(view.job.query.name for view in sorted(group, key=_period))
        found.update(dict.fromkeys(names, names))
    return found


def _denied_table(view: QueryView) -> str:
    """Return what a query's failure shares with others: the table, or the session that cannot be believed."""
    outcome = view.outcome
    if not isinstance(outcome, Failure) or outcome.lost:
        return ""
    if outcome.reason is Reason.BAD_RESULT and outcome.detail == ALTERED_SESSION:
        return f"session: {outcome.message}"
    if outcome.reason is not Reason.ACCESS_DENIED:
        return ""
    named = _DENIED.findall(outcome.message)
    # `app`.`users` on one server, 'users' on the other
    return named[-1].rpartition(".")[2].strip("`'\"") if named else ""


def _period(view: QueryView) -> timedelta:
    schedule = view.job.query.schedule
    return schedule.interval if isinstance(schedule, Every) else timedelta.max


def failing(
    rule: Rule,
    view: QueryView,
    target: TargetView,
    denied: Mapping[str, tuple[str, ...]],
    schemas: Sequence[QueryView],
) -> list[Sample] | None:
    """Judge a query's failures.

    Blocked, of a lost target, of a late replica, or refused a table that another query is refused too, they
    have another alert that speaks for them; one of a column that a schema query has seen since says nothing
    any more. `denied` is of `denied_together`, `schemas` are the target's schema queries.
    """
    outcome = view.outcome
    if target.up is False or isinstance(outcome, Blocked) or outcome is None:
        return None
    details = {}
    if isinstance(outcome, Failure):
        if outcome.lost or outcome.reason is Reason.REPLICA_LAGGING:
            return None
        if _is_of(outcome, target.missing or frozenset()) or _is_outdated(view, outcome, schemas):
            return None
        speaker, *others = denied.get(view.job.query.name, (view.job.query.name,))
        if speaker != view.job.query.name:
            return None
        since = f"{view.first_failure_at:%Y-%m-%d %H:%M:%S} UTC" if view.first_failure_at else ""
        details = {"reason": str(outcome.reason), "message": outcome.message, "failing_since": since}
        if others:
            is_refused = outcome.reason is Reason.ACCESS_DENIED
            verb = "is refused to" if is_refused else "happens to"
            details["others"] = f" The same {verb} {', '.join(others)}: their data is gone too."
    labels = labels_of({"query": view.job.query.name})
    sample = Sample(rule.metric, labels, float(view.consecutive_failures), labels_of(details))
    if view.last_success_at is None and not matching(rule, [sample]):
        return None  # it never gave data since we began to look: too early for "it does not fail"
    return [sample]


def _is_of(failure: Failure, missing: frozenset[ColumnName]) -> bool:
    """Tell whether an error of the schema speaks of a column or table that is known to be missing."""
    if failure.reason is not Reason.SCHEMA_MISSING:
        return False
    named = {quoted.rpartition(".")[2].lower() for quoted in _QUOTED.findall(failure.message)}
    return any(column.column.lower() in named or column.table.lower() in named for column in missing)


def _is_outdated(view: QueryView, failure: Failure, schemas: Sequence[QueryView]) -> bool:
    """Tell whether a schema query has looked since at what the failure says is missing."""
    if view.last_run_at is None:
        return False
    return any(
        one.last_success_at is not None
        and one.last_success_at > view.last_run_at
        and _is_of(failure, _looked_at(one))
        for one in schemas
    )


def _looked_at(view: QueryView) -> frozenset[ColumnName]:
    schema = view.job.query.schema
    found = (dict(sample.labels) for sample in view.samples)
    return frozenset(
        ColumnName(labels[schema.table], labels[schema.column])
        for labels in found
        if schema is not None and schema.table in labels and schema.column in labels
    )


def stale(
    rule: Rule, view: QueryView, target: TargetView, now: datetime, awake_since: datetime
) -> list[Sample] | None:
    """A query is stale when none of its runs ended, well or not, for three intervals and its time limit."""
    if target.up is False or isinstance(view.outcome, Blocked):
        return None
    due_at = _due_at(view, awake_since)
    is_stale = due_at is not None and now > due_at
    if view.last_run_at is None and not is_stale:
        return None
    since = f"{view.last_success_at:%Y-%m-%d %H:%M:%S} UTC" if view.last_success_at else "never"
    labels = labels_of({"query": view.job.query.name})
    return [Sample(rule.metric, labels, float(is_stale), labels_of({"last_success": since}))]


def _due_at(view: QueryView, awake_since: datetime) -> datetime | None:
    """Tell by when a run should have ended at the latest; None when that is not known."""
    allowed = patience(view.job)
    if allowed is None:
        return view.next_run_at and max(view.next_run_at, awake_since) + CRON_GRACE + view.job.query.timeout
    return max(view.last_run_at or view.since or awake_since, awake_since) + allowed
