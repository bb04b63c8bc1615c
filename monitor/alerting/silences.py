"""Add, end and expire silences, and note in an alert that somebody knows of it; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from monitor.alerting.active import Changes
from monitor.model.silences import (
    EXPIRED_KEPT,
    MAX_EXPIRED,
    Acknowledge,
    Acknowledgement,
    AddSilence,
    EndSilence,
    Silence,
    SilenceChange,
    SilenceChanges,
    SilenceNews,
    Silences,
)


def requested(
    silences: Silences, request: AddSilence | EndSilence, now: datetime
) -> SilenceChanges:
    """Return what a request makes of the silences; one that is over, or that nobody knows, cannot be ended."""
    changing = _SilenceKeeper(dict(silences))
    match request:
        case AddSilence():
            changing.end(request.replaces, request.silence.by, now)
            changing.put(SilenceChange.ADDED, request.silence)
        case EndSilence():
            changing.end(request.id, request.by, now)
        case _:
            assert_never(request)
    return changing.changes()


def at_tick(silences: Silences, now: datetime) -> SilenceChanges:
    """Return what time alone makes of the silences: some have started, some are over, and the oldest forgotten."""
    changing = _SilenceKeeper(dict(silences))
    for silence in silences.values():
        if not silence.is_started and silence.starts_at <= now:
            silence = replace(silence, is_started=True)
            changing.put(SilenceChange.STARTED, silence)
        if not silence.is_over and silence.is_expired(now):
            changing.put(SilenceChange.EXPIRED, replace(silence, is_over=True))
    changing.forget(now)
    return changing.changes()


def acknowledge(changes: Changes, request: Acknowledge, now: datetime) -> None:
    """Note in an alert that fires that somebody knows of it, or does not after all; nothing where there is none."""
    alert = changes.alert_with(request.fingerprint)
    if alert is None or not alert.is_firing():
        return
    known = Acknowledgement(now, request.by, request.comment)
    alert = replace(alert, acknowledged=None if request.withdraws else known)
    beside = changes.of(alert.scope)
    changes.put(alert.scope, {**beside, alert.labels: alert})
    changes.acknowledged.append((alert, request))


@dataclass(slots=True)
class _SilenceKeeper:
    """The silences, while they are being changed."""

    silences: dict[str, Silence]
    news: list[SilenceNews] = field(default_factory=list)

    def put(self, change: SilenceChange, silence: Silence, by: str = "") -> None:
        """Keep a silence as it is now."""
        self.silences[silence.id] = silence
        self.news.append(SilenceNews(change, silence, by))

    def end(self, id_: str, by: str, now: datetime) -> None:
        """End a silence now, if there is one that is not over."""
        known = self.silences.get(id_)
        if known is None or known.is_expired(now):
            return
        ended = replace(
            known,
            starts_at=min(known.starts_at, now),
            ends_at=now,
            updated_at=now,
            is_started=True,
            is_over=True,
        )
        self.put(SilenceChange.ENDED, ended, by)

    def forget(self, now: datetime) -> None:
        """Forget those that were over for long, and the oldest of very many."""
        over = [one for one in self.silences.values() if one.is_over]
        over.sort(key=lambda one: one.ends_at, reverse=True)
        for place, silence in enumerate(over):
            if place >= MAX_EXPIRED or silence.ends_at <= now - EXPIRED_KEPT:
                del self.silences[silence.id]

    def changes(self) -> SilenceChanges:
        """Return the silences as they are now, and what is to be told of them."""
        return SilenceChanges(self.silences, tuple(self.news))
