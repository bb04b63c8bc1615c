"""Follow run by run whether a target lets us in: up, lost, or refusing new connections; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.alerting.load import LoadAccount
from monitor.model.certificates import Certificate
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure, Result, Server, Success
from monitor.model.settings import ColumnName, Flavor
from monitor.model.targets import Target

RECOVERY_PAUSE = timedelta(seconds=30)
"""A target that answers again within this time of the last time has not recovered again."""

MAX_PROOF = timedelta(seconds=30)
"""How long new connections must get in without a fault before one is over."""


_UNKNOWN_SERVER = Server(Flavor.MARIADB, "")


@dataclass(frozen=True, slots=True)
class Refusals:
    """The times that a target gave no new connection while another one of ours lived."""

    failure: Failure | None = None
    """What it said the last time; None as long as it never refused one."""
    last_at: datetime | None = None
    """When the last run began that met this."""
    let_in_at: datetime | None = None
    """When it first let in a new connection after that."""

    def after_refusal(self, failure: Failure, at: datetime) -> Refusals:
        """Return what is known after a run began that was refused a new connection."""
        # Another one that was tried later got in before this one was refused.
        is_old = not _is_since(at, self.let_in_at)
        return self if is_old else Refusals(failure, at)

    def after_entry(self, at: datetime) -> Refusals:
        """Return what is known after a new connection was let in."""
        is_open = self.last_at is not None and self.let_in_at is None
        if is_open and _is_since(at, self.last_at):
            return replace(self, let_in_at=at)
        return self

    def are_lasting(self, now: datetime, *, proof: timedelta) -> bool:
        """Return whether new connections are refused, or were within `proof`."""
        if self.let_in_at is None:
            return self.last_at is not None
        return now - self.let_in_at < proof


@dataclass(frozen=True, slots=True)
class TargetView:
    """What is known of one target; `up` and `missing` are None before the first contact.

    Up while any run succeeds. Lost where none can: no new connection is had, and none of ours lives. Refused,
    beside up, while one of ours lives and no new one is had; runs share it.
    """

    target: Target
    up: bool | None = None
    lost_since: datetime | None = None
    last_failure: Failure | None = None
    server: Server | None = None
    missing: frozenset[ColumnName] | None = None
    unknown: frozenset[ColumnName] = frozenset()
    """Columns that the schema query may not see; `missing` has those that were, when it last saw them."""
    met_at: datetime | None = None
    """When it last let us in."""
    recovered_at: datetime | None = None
    """When it last answered again after it had been lost; not each time that it comes and goes."""
    lost_at: datetime | None = None
    """When the last run that found it lost began."""
    loss: Failure | None = None
    """What the server answered then."""
    back_at: datetime | None = None
    """When it first let in a new connection after that, or at all."""
    refusals: Refusals = Refusals()
    """Of new connections, while one of ours lives."""
    took_writes: bool = False
    """Whether a server of it was seen that took writes."""
    load: LoadAccount = field(default_factory=LoadAccount)
    """What our queries cost the server, and how far their intervals are stretched for that."""
    deploys_open: int = 0
    """How many declared deployments of it go on."""

    @property
    def unseen(self) -> frozenset[ColumnName]:
        """Return the columns that are missing, and those that the schema query may not see."""
        return self.known_missing | self.unknown

    @property
    def lets_account_in(self) -> bool:
        """Return whether its server, where it answers, lets the monitor's account in."""
        failure = self.last_failure
        return failure is None or failure.reason is not Reason.ACCESS_DENIED

    @property
    def clock_offset_seconds(self) -> float | None:
        """Return how far the server's clock was ahead of ours at the last contact; None where unknown."""
        server = self.server_in_contact
        return None if server is None else server.clock_offset_seconds

    @property
    def proven_skew_seconds(self) -> float:
        """Return by how much the server's clock is off ours for certain; 0 where unknown."""
        server = self.server_in_contact
        if server is None or server.clock is None:
            return 0.0
        return server.clock.proven_seconds

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Return the certificates of its connections; none while it lets nobody in."""
        server = self.server_in_contact
        return () if server is None else server.certificates

    @property
    def replica_lag_seconds(self) -> float | None:
        """Return a replica's lag at the last contact; None where it stands or cannot be known."""
        server = self.server_in_contact
        return None if server is None else server.replica_lag_seconds

    @property
    def replica_fault(self) -> str:
        """Return why no rule is evaluated on its data, as a replica that is too far behind; empty where it is."""
        if self.server is None:
            return ""
        return self.server.replica_fault(self.target.max_replica_lag)

    @property
    def refuses_writes(self) -> bool | None:
        """Return whether it takes no writes although it is to; None where that cannot be known."""
        server = self.server_in_contact or _UNKNOWN_SERVER
        return server.refuses_writes(took_them=self.took_writes)

    @property
    def put_off_words(self) -> str:
        """Return why what is not critical waits there, as of the last contact; empty where it does not."""
        if self.server is None:
            return ""
        busy = self.target.load.busy_words(self.server.threads_running)
        return busy or self.replica_fault

    @property
    def known_missing(self) -> frozenset[ColumnName]:
        """Return the columns that were missing when a schema query last said; none before it did."""
        return self.missing or frozenset()

    @property
    def refusal(self) -> Failure | None:
        """Return what the server answered when it last refused a new connection."""
        return self.refusals.failure

    @property
    def server_in_contact(self) -> Server | None:
        """Return what is known of the server while the target is up; None while it is not."""
        return self.server if self.up else None

    def was_lost_by(self, result: Result) -> bool:
        """Return whether it was this run that found it lost, the last one that did."""
        return self.loss is not None and self.loss is result.outcome

    def is_out(self, now: datetime, *, proof: timedelta) -> bool:
        """Return whether it is lost, or was and has not proved yet that it is back.

        What comes and goes is one fault: it ends after a new connection, and `proof` without a loss.
        """
        return self.lost_at is not None and not self._is_in(now, proof)

    def is_newly_met(self, now: datetime, *, proof: timedelta) -> bool:
        """Return whether it was never lost, and has not let us in for `proof`: how it was before nobody knows."""
        return self.lost_at is None and not self._is_in(now, proof)

    def _is_in(self, now: datetime, proof: timedelta) -> bool:
        # docs/adr/0024: a fault is over as long after its end as its `for`, so that losses and recoveries
        # in turn do not restart `for` each time.
        return self.up is True and _is_since(now, self.back_at, by=proof)

    def is_refusing(self, now: datetime, *, proof: timedelta) -> bool:
        """Return whether new connections are refused beside one that lives, or were within `proof`."""
        return self.refusals.are_lasting(now, proof=proof)


def after_run(view: TargetView, result: Result) -> TargetView:
    """Return what is known after a run; one that was not made says nothing about the target."""
    if isinstance(result.outcome, Blocked):
        return view
    # Also a run that succeeds may have been refused: it ran on the connection that lived already.
    if result.refusal is not None:
        refusals = view.refusals.after_refusal(result.refusal, result.started_at)
        view = replace(view, refusals=refusals)
    if is_loss(result, view):
        return _after_loss(view, result)
    if result.server is None:
        return view
    if not _is_contact(result, view):
        # What it saw before the loss is no less true for that; its rules are evaluated too.
        return _with_columns(view, result.outcome)
    view = _after_contact(view, result, result.server)
    return _after_outcome(view, result.outcome)


def is_loss(result: Result, view: TargetView) -> bool:
    """Return whether a result says that the target lets nobody in.

    Not when another connection got in after this one was tried.
    """
    if result.loss is None:
        return False
    # Results come in any order: a run that timed out is about a time before others got in.
    return _is_since(result.started_at, view.met_at)


def _is_contact(result: Result, view: TargetView) -> bool:
    """Return whether a run on a connection proves that the target lets us in.

    While it is lost only a connection that was let in since does: one from before may go on for long, to
    its own end, and with it a success that began before the loss.
    """
    is_lost = view.up is False
    return not is_lost or _is_since(result.entered_at, view.lost_at)


def _is_since(
    at: datetime, event_at: datetime | None, *, by: timedelta = timedelta(0)
) -> bool:
    """Return whether an instant is this much after an event, or nobody knows of one."""
    return event_at is None or at - event_at >= by


def _after_loss(view: TargetView, result: Result) -> TargetView:
    return replace(
        view,
        up=False,
        lost_since=view.lost_since or result.scheduled_at,
        last_failure=result.loss,
        lost_at=result.started_at,
        loss=result.loss,
        back_at=None,
    )


def _after_contact(view: TargetView, result: Result, server: Server) -> TargetView:
    """Note that the target answered, and that it let in the connection of this run."""
    at = result.finished_at
    was_lost = view.up is False
    has_recovered = was_lost and _is_since(at, view.recovered_at, by=RECOVERY_PAUSE)
    return replace(
        view,
        up=True,
        lost_since=None,
        server=server,
        met_at=at,
        recovered_at=at if has_recovered else view.recovered_at,
        back_at=view.back_at or result.entered_at,
        took_writes=view.took_writes | (server.read_only is False),
        refusals=view.refusals.after_entry(result.entered_at),
    )


def _after_outcome(
    view: TargetView, outcome: Success | Failure | Deferred
) -> TargetView:
    """Note why the run gave no data, or what a schema query said of the target's columns."""
    if isinstance(outcome, Failure):
        return replace(view, last_failure=outcome)
    return _with_columns(view, outcome)


def _with_columns(
    view: TargetView, outcome: Success | Failure | Deferred
) -> TargetView:
    """Note what a schema query said of the target's columns, if it was one that succeeded."""
    if not isinstance(outcome, Success) or outcome.missing is None:
        return view
    return replace(
        view,
        missing=outcome.missing_after(view.missing),
        unknown=outcome.unknown,
    )
