"""Decide who speaks for a query that gives no data: itself, or the alert of what keeps it from it; pure.

After three slots without a success exactly one alert that is not muted says so. What has a cause beyond the
query (a root) is spoken for by the root's alert, as soon as that fires. A root that only ever begins to, as
where causes take turns, does not keep the query silent for longer than a root may take to fire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import assert_never

from monitor.alerting.blocking import is_outdated
from monitor.alerting.causes import Cause, Known, all_causes, cause_of
from monitor.alerting.freshness import due_by
from monitor.alerting.query_view import QueryView
from monitor.alerting.root_alerts import heard_root
from monitor.alerting.snapshot import RERUN_GRACE
from monitor.model.alerts import Alert
from monitor.model.own_alerts import QUERY_FAILING


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
class _Overdue:
    """For how long a success is overdue, beside what is waited for meanwhile; negative before it is due."""

    time: timedelta
    slowest_root: timedelta
    """How long the slowest root takes to fire."""
    longest_rerun: timedelta

    @property
    def is_due(self) -> bool:
        """Return whether it has had no success for three slots."""
        return self.time > timedelta(0)

    @property
    def is_past_root(self) -> bool:
        """Return whether a root that does not fire has been waited for long enough."""
        return self.time > self.slowest_root

    @property
    def is_past_rerun(self) -> bool:
        """Return whether it is excused no more that it is being run again."""
        return self.time > self.slowest_root + self.longest_rerun


def speaker_for(view: QueryView, known: Known) -> Speaker:
    """Decide who speaks for a query."""
    cause = cause_of(view, known)
    if cause is None:
        return Speaker(Voice.NOBODY)
    root = _heard_root(cause, view, known)
    if root is not None:
        return Speaker(Voice.ROOT, root.fingerprint)
    overdue = _overdue_of(view, known)
    voice = _voice_without_root(cause, view, known, overdue)
    return Speaker(voice, is_due=overdue.is_due)


def speaker_beside(first: QueryView, view: QueryView, known: Known) -> Speaker:
    """Decide who speaks for a query that fails as another one does, which speaks for both."""
    speaker = speaker_for(view, known)
    if speaker.voice is not Voice.FAILING or first is view:
        return speaker
    for alert in _alerts_that_it_fails(first, known):
        if alert.is_heard():
            return Speaker(Voice.ROOT, alert.fingerprint)
    if speaker.is_due:
        return speaker
    return Speaker(Voice.ROOT)


def _heard_root(cause: Cause, view: QueryView, known: Known) -> Alert | None:
    for possible_cause in all_causes(cause, view, known):
        root = heard_root(possible_cause, view, known)
        if root is not None:
            return root
    return None


def _voice_without_root(
    cause: Cause, view: QueryView, known: Known, overdue: _Overdue
) -> Voice:
    """Decide who speaks as long as no root's alert fires."""
    match cause:
        case Cause.SILENT:
            # What says already that it gives no data goes on: that it fails and then hangs is not an end.
            if _is_said_to_fail(view, known):
                return Voice.FROZEN
            return Voice.STALE
        case Cause.DEFERRED:
            return _voice_of_deferred(overdue, known)
        case Cause.FAILING:
            is_its_turn = overdue.is_due or not is_outdated(view, known.schemas)
        case Cause.LOST | Cause.REFUSED | Cause.LAGGING | Cause.MISSING | Cause.DENIED:
            is_its_turn = overdue.is_past_root
        case _:
            assert_never(cause)
    if not is_its_turn:
        return Voice.ROOT
    if view.is_excused_at(known.now) and not overdue.is_past_rerun:
        # It is being run again, since what it failed of is over; but not again and again.
        return Voice.ROOT
    return Voice.FAILING


def _voice_of_deferred(overdue: _Overdue, known: Known) -> Voice:
    """Decide who speaks for a query whose runs are put off, and which has not failed before that."""
    # A late replica has an alert of its own, which may be about to fire.
    is_lagging = bool(known.target.replica_fault)
    is_its_turn = overdue.is_past_root if is_lagging else overdue.is_due
    # Held until then: that a run was put off ends no alert.
    return Voice.STALE if is_its_turn else Voice.ROOT


def _alerts_that_it_fails(view: QueryView, known: Known) -> Iterable[Alert]:
    return known.alerts(QUERY_FAILING, *view.job.key)


def _is_said_to_fail(view: QueryView, known: Known) -> bool:
    alerts = _alerts_that_it_fails(view, known)
    return any(alert.is_firing() for alert in alerts)


def _overdue_of(view: QueryView, known: Known) -> _Overdue:
    explained_until = known.since.explained.get(view.job.key)
    counted_from = known.since.latest(view.since, view.data_at, explained_until)
    return _Overdue(
        time=known.now - due_by(view.paced, counted_from),
        slowest_root=known.slowest_root,
        longest_rerun=view.job.query.timeout + RERUN_GRACE,
    )
