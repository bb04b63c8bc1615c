"""Follow run by run whether a target lets us in: up, lost, or refused beside one that lives; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.model.results import Blocked, Failure, Result, Server, Success
from monitor.model.settings import ColumnName, Target

RECOVERY_PAUSE = timedelta(seconds=30)
"""A target that answers again within this time of the last time has not recovered anew."""

MAX_PROOF = timedelta(seconds=30)
"""How long new connections must get in without a fault before one is over."""


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
    """What that run was told."""
    back_at: datetime | None = None
    """When it first let in a new connection after that, or at all."""
    refused_at: datetime | None = None
    """When the last run began that was refused a new connection while another of ours lived."""
    refusal: Failure | None = None
    """What it said then."""
    let_in_at: datetime | None = None
    """When it first let in a new connection after that."""

    @property
    def clock_offset_seconds(self) -> float | None:
        """Give how far the server's clock was ahead of ours at the last contact; None where unknown."""
        return (
            self.server.clock.seconds
            if self.up and self.server and self.server.clock
            else None
        )

    @property
    def replica_lag_seconds(self) -> float | None:
        """Give a replica's lag at the last contact; None where it stands or cannot be known."""
        if not self.up or not self.server or not self.server.replication:
            return None
        return self.server.replication.lag_seconds

    @property
    def replica_fault(self) -> str:
        """Say why its data is not judged, as a replica that is too far behind; empty where it is."""
        if not self.server or not self.server.replication:
            return ""
        return self.server.replication.fault(self.target.max_replica_lag)

    def is_out(self, now: datetime, *, proof: timedelta) -> bool | None:
        """Tell whether it is lost, or was and has not proved yet that it is back.

        What comes and goes is one fault: it ends after a new connection, and `proof` without a loss. None
        where that cannot be told yet: it was only just met, and nobody knows how it was before.
        """
        if self.up is None:
            return None
        if not self.up:
            return True
        if self.back_at is None or now - self.back_at >= proof:
            return False
        return None if self.lost_at is None else True

    def is_refusing(self, now: datetime, *, proof: timedelta) -> bool:
        """Tell whether new connections are refused beside one that lives, or were within `proof`."""
        if self.refused_at is None:
            return False
        return self.let_in_at is None or now - self.let_in_at < proof


def after_run(view: TargetView, result: Result) -> TargetView:
    """Learn from a run whether the target answers; a run that was not made says nothing about it."""
    if isinstance(result.outcome, Blocked):
        return view
    if result.refusal is not None and _is_news(result, view):
        view = replace(
            view, refused_at=result.started_at, refusal=result.refusal, let_in_at=None
        )
    if is_loss(result, view):
        return _lost(view, result)
    if result.server is None or not _is_contact(result, view):
        return view
    return _met(view, result, result.server)


def is_loss(result: Result, view: TargetView) -> bool:
    """Tell whether a result says that the target lets nobody in.

    Not when another connection got in after this one was tried.
    """
    outcome = result.outcome
    if not isinstance(outcome, Failure) or not outcome.lost:
        return False
    return view.met_at is None or result.started_at >= view.met_at


def _is_news(result: Result, view: TargetView) -> bool:
    """Tell whether no new connection got in after this run was refused one."""
    return view.let_in_at is None or result.started_at >= view.let_in_at


def _is_contact(result: Result, view: TargetView) -> bool:
    """Tell whether a run proves that the target lets us in.

    While it is lost only a connection that was let in since does: one from before may go on for long, to
    its own end, and with it a success that began before the loss.
    """
    if view.up is not False or view.lost_at is None:
        return True
    return result.entered_at is not None and result.entered_at >= view.lost_at


def _lost(view: TargetView, result: Result) -> TargetView:
    failure = result.outcome if isinstance(result.outcome, Failure) else None
    return replace(
        view,
        up=False,
        lost_since=view.lost_since or result.scheduled_at,
        last_failure=failure,
        lost_at=result.started_at,
        loss=failure,
        back_at=None,
    )


def _met(view: TargetView, result: Result, server: Server) -> TargetView:
    outcome, at, entered_at = result.outcome, result.finished_at, result.entered_at
    recovered_at = view.recovered_at
    if view.up is False and (
        recovered_at is None or at - recovered_at >= RECOVERY_PAUSE
    ):
        recovered_at = at
    let_in_at = view.let_in_at
    if (
        view.refused_at is not None
        and let_in_at is None
        and entered_at
        and entered_at >= view.refused_at
    ):
        let_in_at = entered_at
    met = replace(
        view,
        up=True,
        lost_since=None,
        server=server,
        met_at=at,
        recovered_at=recovered_at,
        back_at=view.back_at or entered_at,
        let_in_at=let_in_at,
    )
    if isinstance(outcome, Failure):
        return replace(met, last_failure=outcome)
    if not isinstance(outcome, Success) or outcome.missing is None:
        return met
    # a lost right brings no column back: what cannot be seen any more is as it was
    still = (view.missing or frozenset()) & outcome.unknown
    return replace(met, missing=outcome.missing | still, unknown=outcome.unknown)
