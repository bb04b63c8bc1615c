"""Find why a query gives no data: something of its target, something missing, or something of its own; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import assert_never

from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.denials import denied_table
from monitor.alerting.freshness import max_silence, run_ends_by
from monitor.alerting.query_view import QueryView
from monitor.model.alerts import Alert, Scope
from monitor.model.errors import Reason
from monitor.model.own_alerts import (
    ACCESS_DENIED,
    CONNECTIONS_REFUSED,
    REPLICA_LAGGING,
    TARGET_DOWN,
)
from monitor.model.results import Blocked, Failure
from monitor.model.settings import JobKey, Labels, Rule

AlertsOf = Callable[[Scope], Mapping[Labels, Alert]]
"""Returns the alerts of a scope as they stand."""

ROOTS = (TARGET_DOWN, CONNECTIONS_REFUSED, REPLICA_LAGGING, ACCESS_DENIED)
"""The monitor's own alerts that can be a root; those of schema queries can be one too."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class Cause(Enum):
    """Why a query gives no data."""

    LOST = auto()
    REFUSED = auto()
    LAGGING = auto()
    MISSING = auto()
    DENIED = auto()
    FAILING = auto()
    """Something of its own."""
    DEFERRED = auto()
    """Its runs are put off for the server's sake."""
    SILENT = auto()
    """None of its runs ends: it hangs, waits, or is not begun."""


@dataclass(frozen=True, slots=True)
class Since:
    """Now, and from when slots count."""

    now: datetime
    awake_at: datetime
    """When the process last began or woke: nothing is due from before that."""
    explained: Mapping[JobKey, datetime]
    """Until when the alert of a root last spoke for a query: its slots count from then on."""

    def latest(self, *instants: datetime | None) -> datetime:
        """Return the latest of some instants that are known, at least when the process began or woke."""
        return max([self.awake_at, *filter(None, instants)])


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

    @property
    def now(self) -> datetime:
        """Return the instant of the decision."""
        return self.since.now

    @property
    def slowest_root(self) -> timedelta:
        """Return how long the slowest of the alerts that can be a root takes to fire."""
        rules = [self.rules[name] for name in ROOTS if name in self.rules]
        for schema in self.schemas:
            rules += schema.job.query.rules
        return max([rule.hold for rule in rules], default=timedelta(0))

    def alerts(self, rule: str, target: str, subject: str = "") -> Iterable[Alert]:
        """Return the alerts of a rule, as they stand."""
        return self.alerts_of(Scope(rule, target, subject)).values()

    def alerts_of_query(self, view: QueryView) -> list[Alert]:
        """Return the alerts of all rules of a query, as they stand."""
        alerts: list[Alert] = []
        for rule in view.job.query.rules:
            alerts += self.alerts(rule.name, *view.job.key)
        return alerts


def cause_of(view: QueryView, known: Known) -> Cause | None:
    """Return why a query gives no data; None where its last run gave some, and the next is not overdue."""
    target = known.target
    if target.up is False:
        return Cause.LOST
    if isinstance(view.last_word, Blocked):
        return Cause.MISSING
    # A hang comes before a failure: the last word of a query that hangs may be hours old.
    own_cause = _own_cause(view, known)
    if own_cause is None:
        return None
    if target.is_out(known.now, proof=MAX_PROOF):
        # It comes and goes, which is one fault.
        return Cause.LOST
    if _waits_for_a_connection(view, known):
        return Cause.REFUSED
    return own_cause


def _own_cause(view: QueryView, known: Known) -> Cause | None:
    if is_silent(view, known.since):
        return Cause.SILENT
    if view.failure is not None:
        return _cause_of_failure(view.failure, known.target)
    return Cause.DEFERRED if view.is_put_off else None


def all_causes(cause: Cause, view: QueryView, known: Known) -> Iterator[Cause]:
    """Yield what may explain it: what is wrong with the target now, and what failures say themselves."""
    yield cause
    if view.denied:
        # Whatever came after, it has not been let see it since.
        yield Cause.DENIED
    if not known.target.up:
        return
    if _waits_for_a_connection(view, known):
        yield Cause.REFUSED
    if view.failure is not None:
        yield _cause_of_failure(view.failure, known.target)
    if view.waits_for(known.target.replica_fault):
        yield Cause.LAGGING


def _waits_for_a_connection(view: QueryView, known: Known) -> bool:
    """Return whether it waits for the one connection that lives while no other is had."""
    if not known.target.is_refusing(known.now, proof=MAX_PROOF):
        return False
    if is_silent(view, known.since):
        return True
    return view.failure is not None and view.failure.waited_for_connection


def _cause_of_failure(failure: Failure, target: TargetView) -> Cause:
    """Return what a failure is of, of a target that lets us in; of what is over it is not any more."""
    match failure.reason:
        case Reason.REPLICA_LAGGING:
            cause, is_known = Cause.LAGGING, bool(target.replica_fault)
        case Reason.SCHEMA_MISSING:
            # An error 1054 or 1146 that no schema query explains is a mistake in the query itself.
            lacked = failure.columns_lacked(target.known_missing)
            cause, is_known = Cause.MISSING, bool(lacked)
        case Reason.ACCESS_DENIED:
            cause, is_known = Cause.DENIED, bool(denied_table(failure))
        case (
            Reason.TARGET_DOWN
            | Reason.TIMEOUT
            | Reason.LOCK_WAIT
            | Reason.QUERY_ERROR
            | Reason.BAD_RESULT
            | Reason.KILLED
            | Reason.TOO_MANY_ROWS
            | Reason.INPUT_MISSING
            | Reason.INTERNAL
        ):
            return Cause.FAILING
        case _:
            assert_never(failure.reason)
    return cause if is_known else Cause.FAILING


def is_silent(view: QueryView, since: Since) -> bool:
    """Return whether no run of a query has ended, well or not, for as long as it may be without news."""
    return since.now > silent_after(view, since)


def silent_after(view: QueryView, since: Since) -> datetime:
    """Return after which instant a query of which no run ends is silent; never of a cron that is not planned."""
    allowed = max_silence(view.paced)
    if allowed is not None:
        return since.latest(view.since, view.last_run_at) + allowed
    if view.next_run_at is None:
        return _NEVER
    return run_ends_by(view.job, since.latest(view.next_run_at))
