"""Decide who speaks for a query that gives no data: itself, or the alert of what keeps it from it; pure.

After three slots without a success exactly one alert that is not muted says so. What has a cause beyond the
query (a root) is spoken for by the root's alert, as soon as that fires. A root that only ever begins to, as
where causes take turns, does not keep the query silent for longer than a root may take to fire.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import assert_never

from monitor.alerting.alert_names import QUERY_FAILING
from monitor.alerting.causes import Cause, Known, all_causes, cause_of, is_outdated
from monitor.alerting.freshness import due_by
from monitor.alerting.query_view import QueryView
from monitor.alerting.root_alerts import heard_root
from monitor.alerting.snapshot import RERUN_GRACE
from monitor.model.alerts import Alert


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


def speaker_for(view: QueryView, known: Known) -> Speaker:
    """Decide who speaks for a query."""
    cause = cause_of(view, known)
    if cause is None:
        return Speaker(Voice.NOBODY)
    root = _heard_root(cause, view, known)
    if root is not None:
        return Speaker(Voice.ROOT, root.fingerprint)
    is_due = known.now > _due_by(view, known)
    voice = _voice_without_root(cause, view, known, is_due=is_due)
    return Speaker(voice, is_due=is_due)


def speaker_beside(first: QueryView, view: QueryView, known: Known) -> Speaker:
    """Decide who speaks for a query that fails as another one does, which speaks for both."""
    speaker = speaker_for(view, known)
    if speaker.voice is not Voice.FAILING or first is view:
        return speaker
    heard = next(filter(Alert.is_heard, _alerts_that_it_fails(first, known)), None)
    if heard is not None:
        return Speaker(Voice.ROOT, heard.fingerprint)
    if speaker.is_due:
        return speaker
    return Speaker(Voice.ROOT)


def _heard_root(cause: Cause, view: QueryView, known: Known) -> Alert | None:
    causes = all_causes(cause, view, known)
    roots = (heard_root(one, view, known) for one in causes)
    return next(filter(None, roots), None)


def _voice_without_root(
    cause: Cause, view: QueryView, known: Known, *, is_due: bool
) -> Voice:
    """Decide who speaks as long as no root's alert fires."""
    match cause:
        case Cause.SILENT:
            # What says already that it gives no data goes on: that it fails and then hangs is not an end.
            if _is_said_to_fail(view, known):
                return Voice.FROZEN
            return Voice.STALE
        case Cause.FAILING:
            is_its_turn = is_due or not is_outdated(view, known.schemas)
        case Cause.LOST | Cause.REFUSED | Cause.LAGGING | Cause.MISSING | Cause.DENIED:
            # A root is waited for, once, as long as the slowest takes to fire.
            is_its_turn = is_due and known.now > _waited_for(view, known)
        case _:
            assert_never(cause)
    if is_its_turn and not _is_excused(view, known):
        return Voice.FAILING
    return Voice.ROOT


def _alerts_that_it_fails(view: QueryView, known: Known) -> list[Alert]:
    return list(known.alerts(QUERY_FAILING, *view.job.key))


def _is_said_to_fail(view: QueryView, known: Known) -> bool:
    return any(map(Alert.is_firing, _alerts_that_it_fails(view, known)))


def _is_excused(view: QueryView, known: Known) -> bool:
    """Return whether it is being run again, since what it failed of is over; not again and again."""
    if not view.is_excused_at(known.now):
        return False
    longest_rerun = view.job.query.timeout + RERUN_GRACE
    return known.now <= _waited_for(view, known) + longest_rerun


def _due_by(view: QueryView, known: Known) -> datetime:
    """Return by when it must have had a success, counted from when it had data, or was spoken for."""
    explained_until = known.since.explained.get(view.job.key)
    counted_from = known.since.latest(view.since, view.data_at, explained_until)
    return due_by(view.job, counted_from)


def _waited_for(view: QueryView, known: Known) -> datetime:
    """Return until when a root is waited for that does not fire: as long as the slowest takes to."""
    return _due_by(view, known) + known.slowest_root
