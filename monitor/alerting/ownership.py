"""Decide who speaks for a query that gives no data: itself, or the alert of what keeps it from it; pure.

After three slots without a success exactly one alert that is not muted says so. What has a cause beyond the
query (a root) is spoken for by the root's alert, as soon as that fires. A root that only ever begins to, as
where causes take turns, does not keep the query silent for longer than a root may take to fire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.freshness import due_by, max_silence, run_ends_by
from monitor.alerting.snapshot import RERUN_GRACE, JobKey, QueryView, Snapshot
from monitor.model.alerts import Alert, AlertState, Scope
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure
from monitor.model.settings import ColumnName, Labels, Rule, SchemaColumns

TARGET_DOWN = "TokenMonitorTargetDown"
CONNECTIONS_REFUSED = "TokenMonitorConnectionsRefused"
REPLICA_LAGGING = "TokenMonitorReplicaLagging"
ACCESS_DENIED = "TokenMonitorAccessDenied"
QUERY_FAILING = "TokenMonitorQueryFailing"
QUERY_STALE = "TokenMonitorQueryStale"

AlertsOf = Callable[[Scope], Mapping[Labels, Alert]]
"""Gives the alerts of a scope as they stand."""

_QUOTED = re.compile(r"'([^']+)'")
_OBJECT = re.compile(r"\b(?:table|routine) (\S+)")


class Cause(Enum):
    """Why a query gives no data."""

    LOST = auto()
    REFUSED = auto()
    LAGGING = auto()
    MISSING = auto()
    DENIED = auto()
    FAILING = auto()
    """Something of its own."""
    SILENT = auto()
    """None of its runs ends: it hangs, waits, or is not begun."""


class Voice(Enum):
    """Who speaks for a query."""

    NOBODY = auto()
    """There is nothing to say."""
    FAILING = auto()
    FROZEN = auto()
    """The alert that it fails, as it was: since then none of its runs ends."""
    STALE = auto()
    ROOT = auto()
    """The alert of what keeps it from giving data, now or as soon as it fires; its own are held."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks for a query; `root` is the fingerprint of the root's alert where that fires."""

    voice: Voice
    root: str = ""
    is_due: bool = False
    """It has had no success for three slots."""


@dataclass(frozen=True, slots=True)
class Since:
    """Now, and from when slots count."""

    now: datetime
    awake_at: datetime
    """When the process last began or woke: nothing is due from before that."""
    explained: Mapping[JobKey, datetime]
    """Until when the alert of a root last spoke for a query: its slots count from then on."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the decision goes by, of one target."""

    target: TargetView
    schemas: Sequence[QueryView]
    """The views of its schema queries."""
    alerts_of: AlertsOf
    rules: Mapping[str, Rule]
    """The rules about the monitor itself that there are."""
    since: Since


def speaker_for(view: QueryView, known: Known) -> Speaker:
    """Decide who speaks for a query."""
    cause = cause_of(view, known)
    if cause is None:
        return Speaker(Voice.NOBODY)
    is_due = known.since.now > due_by(view.job, _success_at(view, known))
    roots = (root_alert(one, view, known) for one in _causes(cause, view, known))
    if root := next(
        (root for root in roots if root is not None and is_heard(root)), None
    ):
        return Speaker(Voice.ROOT, root.fingerprint)
    if cause is Cause.SILENT:
        # What says already that it gives no data goes on, frozen: that it fails and then hangs is no end.
        told = (alert.state for alert in _own_alerts(QUERY_FAILING, view, known))
        return Speaker(
            Voice.FROZEN if AlertState.FIRING in told else Voice.STALE, is_due=is_due
        )
    if _is_excused(view, known):
        return Speaker(Voice.ROOT)
    if cause is Cause.FAILING:
        is_old = not is_due and is_outdated(view, known.schemas)
        return Speaker(Voice.ROOT if is_old else Voice.FAILING, is_due=is_due)
    if is_due and known.since.now > _waited_for(view, known):
        return Speaker(Voice.FAILING, is_due=True)
    return Speaker(Voice.ROOT)


def speaker_beside(first: QueryView, view: QueryView, known: Known) -> Speaker:
    """Decide who speaks for a query that fails as another one does, which speaks for both."""
    speaker = speaker_for(view, known)
    if speaker.voice is not Voice.FAILING or first is view:
        return speaker
    told = next(
        (
            alert
            for alert in _own_alerts(QUERY_FAILING, first, known)
            if is_heard(alert)
        ),
        None,
    )
    if told is not None:
        return Speaker(Voice.ROOT, told.fingerprint)
    return speaker if speaker.is_due else Speaker(Voice.ROOT)


def is_heard(alert: Alert) -> bool:
    """Tell whether an alert speaks: it fires, and under no other one."""
    return alert.state is AlertState.FIRING and alert.muted_by is None


def cause_of(view: QueryView, known: Known) -> Cause | None:
    """Find why a query gives no data; None where its last run gave some, and the next is not overdue."""
    target = known.target
    if target.up is False:
        return Cause.LOST
    if isinstance(view.outcome, Blocked):
        return Cause.MISSING
    is_hung = is_silent(view, known.since.now, known.since.awake_at)
    if not is_hung and not isinstance(view.outcome, Failure):
        return None
    if target.is_out(known.since.now, proof=MAX_PROOF):
        return Cause.LOST  # it comes and goes, which is one fault
    if _waits_for_a_connection(view, known, is_hung=is_hung):
        return Cause.REFUSED
    if is_hung or not isinstance(view.outcome, Failure):
        return Cause.SILENT
    return _cause_of_failure(view.outcome, target)


def _waits_for_a_connection(view: QueryView, known: Known, *, is_hung: bool) -> bool:
    """Tell whether it waits for the one connection that lives while no other is had."""
    if not known.target.is_refusing(known.since.now, proof=MAX_PROOF):
        return False
    failure = view.outcome
    return is_hung or (
        isinstance(failure, Failure) and (failure.refused or failure.detail == "busy")
    )


def _causes(cause: Cause, view: QueryView, known: Known) -> Iterator[Cause]:
    """List what may explain it: what is wrong with the target now, and what failures say themselves."""
    yield cause
    if view.denied:
        yield Cause.DENIED  # whatever came after, it has not been let see it since
    if not known.target.up:
        return
    is_hung = is_silent(view, known.since.now, known.since.awake_at)
    if _waits_for_a_connection(view, known, is_hung=is_hung):
        yield Cause.REFUSED
    if isinstance(view.outcome, Failure):
        yield _cause_of_failure(view.outcome, known.target)


def _cause_of_failure(failure: Failure, target: TargetView) -> Cause:
    """Find what a failure is of, of a target that lets us in; of what is over it is not any more."""
    if failure.reason is Reason.REPLICA_LAGGING and target.replica_fault:
        return Cause.LAGGING
    if names_one_of(failure, target.missing or frozenset()):
        return Cause.MISSING
    return Cause.DENIED if denied_table(failure) else Cause.FAILING


def root_alert(cause: Cause, view: QueryView, known: Known) -> Alert | None:
    """Find the alert that speaks for all that have this cause."""
    name = view.job.target.name
    match cause:
        case Cause.LOST:
            alerts = _alerts(known, Scope(TARGET_DOWN, name, ""))
        case Cause.REFUSED:
            alerts = _alerts(known, Scope(CONNECTIONS_REFUSED, name, ""))
        case Cause.LAGGING:
            alerts = _alerts(known, Scope(REPLICA_LAGGING, name, ""))
        case Cause.DENIED:
            tables = denied_tables(view)
            denied = _alerts(known, Scope(ACCESS_DENIED, name, ""))
            alerts = (
                alert for alert in denied if dict(alert.labels).get("table") in tables
            )
        case Cause.MISSING:
            alerts = _about_missing(view, known)
        case Cause.FAILING | Cause.SILENT:
            return None
    return min(
        alerts, key=lambda alert: (not is_heard(alert), alert.labels), default=None
    )


def root_of(
    scope: Scope,
    needs: frozenset[ColumnName],
    snapshot: Snapshot,
    alerts: Iterable[Alert],
) -> str:
    """Return the fingerprint of the alert under which one that has no data is muted; empty for none."""
    target = snapshot.targets.get(scope.target)
    if target is None:
        return ""
    here = [alert for alert in alerts if alert.scope.target == scope.target]
    if target.up is False:
        return _named(TARGET_DOWN, here)
    if target.replica_fault:
        return _named(REPLICA_LAGGING, here)
    view = snapshot.queries.get((scope.target, scope.subject))
    if view is not None and isinstance(view.outcome, Failure) and view.outcome.refused:
        return _named(CONNECTIONS_REFUSED, here)
    if view is not None and (table := denied_table(view.outcome)):
        return _named(
            ACCESS_DENIED,
            [alert for alert in here if dict(alert.labels).get("table") == table],
        )
    wanted = (target.missing or frozenset()) & needs
    schemas = {
        one.job.query.name: one.job.query.schema
        for one in snapshot.views_of(scope.target)
    }
    for alert in here:
        schema = schemas.get(alert.scope.subject)
        if schema is not None and _is_about(alert.labels, schema, wanted):
            return alert.fingerprint
    return ""


def _named(name: str, alerts: Iterable[Alert]) -> str:
    return next((alert.fingerprint for alert in alerts if alert.name == name), "")


def _is_about(
    labels: Labels, schema: SchemaColumns, missing: Iterable[ColumnName]
) -> bool:
    """Tell whether an alert of a schema query speaks of one of these columns, or of a whole table."""
    named = dict(labels)
    table, column = named.get(schema.table), named.get(schema.column)
    return any(
        table == gone.table and column in (None, gone.column) for gone in missing
    )


def _about_missing(view: QueryView, known: Known) -> Iterator[Alert]:
    """List the alerts of schema queries about a column that the query lacks, or about its whole table."""
    missing = known.target.missing or frozenset()
    if isinstance(view.outcome, Blocked):
        wanted = frozenset(view.outcome.missing)
    elif isinstance(view.outcome, Failure):
        failure = view.outcome
        wanted = frozenset(
            column for column in missing if names_one_of(failure, frozenset({column}))
        )
    else:
        return
    for schema in known.schemas:
        columns = schema.job.query.schema
        if columns is None:
            continue
        for rule in schema.job.query.rules:
            alerts = _alerts(known, Scope(rule.name, *schema.job.key))
            yield from (
                alert for alert in alerts if _is_about(alert.labels, columns, wanted)
            )


def _alerts(known: Known, scope: Scope) -> Iterable[Alert]:
    return known.alerts_of(scope).values()


def _own_alerts(rule: str, view: QueryView, known: Known) -> Iterable[Alert]:
    return _alerts(known, Scope(rule, *view.job.key))


def _is_excused(view: QueryView, known: Known) -> bool:
    """Tell whether it is being run again, since what it failed of is over; not again and again."""
    if view.excused_until is None or known.since.now >= view.excused_until:
        return False
    return (
        known.since.now
        <= _waited_for(view, known) + view.job.query.timeout + RERUN_GRACE
    )


def _success_at(view: QueryView, known: Known) -> datetime:
    """Return when it last had data, could first have had any, or was last spoken for by another alert."""
    at = max(view.data_at or view.since or known.since.awake_at, known.since.awake_at)
    return max(at, known.since.explained.get(view.job.key, at))


def _waited_for(view: QueryView, known: Known) -> datetime:
    """Tell until when a root is waited for that does not fire: as long as the slowest takes to."""
    roots = (TARGET_DOWN, CONNECTIONS_REFUSED, REPLICA_LAGGING, ACCESS_DENIED)
    holds = [known.rules[name].hold for name in roots if name in known.rules]
    holds += [rule.hold for schema in known.schemas for rule in schema.job.query.rules]
    return due_by(view.job, _success_at(view, known)) + max(holds, default=timedelta(0))


def is_silent(view: QueryView, now: datetime, awake_since: datetime) -> bool:
    """Tell whether no run of a query has ended, well or not, for as long as it may be without news."""
    allowed = max_silence(view.job)
    if allowed is not None:
        return (
            now
            > max(view.last_run_at or view.since or awake_since, awake_since) + allowed
        )
    if view.next_run_at is None:
        return False
    return now > run_ends_by(view.job, max(view.next_run_at, awake_since))


def denied_table(outcome: object) -> str:
    """Return the table or routine that a failure says is refused; empty where it says none."""
    if not isinstance(outcome, Failure) or outcome.lost or outcome.refused:
        return ""
    if outcome.reason is not Reason.ACCESS_DENIED:
        return ""
    named = _OBJECT.findall(outcome.message)
    # `app`.`users` on one server, 'users' on the other
    return named[-1].rpartition(".")[2].strip("`'\"") if named else ""


def denied_tables(view: QueryView) -> frozenset[str]:
    """Return the tables that are refused to a query, as far as its runs could tell."""
    return frozenset(filter(None, map(denied_table, view.denied)))


def names_one_of(failure: Failure, missing: frozenset[ColumnName]) -> bool:
    """Tell whether an error of the schema speaks of a column or table that is known to be missing."""
    if failure.reason is not Reason.SCHEMA_MISSING:
        return False
    named = {
        quoted.rpartition(".")[2].lower() for quoted in _QUOTED.findall(failure.message)
    }
    return any(
        column.column.lower() in named or column.table.lower() in named
        for column in missing
    )


def is_outdated(view: QueryView, schemas: Iterable[QueryView]) -> bool:
    """Tell whether a schema query has seen since what the last failure says is missing."""
    failure = view.outcome
    if view.last_run_at is None or not isinstance(failure, Failure):
        return False
    return any(
        one.last_success_at is not None
        and one.last_success_at > view.last_run_at
        and names_one_of(failure, _looked_at(one))
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
