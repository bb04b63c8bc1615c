"""Answer the page's first question, is all well, and never with yes where data is missing; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor.ages import has_data
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from monitor.store import QueryStatus, QueryView, Snapshot
from monitor.web.words import age, count

Tone = Literal["ok", "warn", "bad", "wait", "info"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its colour, and what else is to be said with it."""

    tone: Tone
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """What speaks against a yes."""

    firing: list[Alert]
    pending: list[Alert]
    down: list[str]
    blind: list[QueryView]
    waiting: list[QueryView]
    unheard: list[str]
    of: str

    @property
    def blind_text(self) -> str:
        gives = "gives" if len(self.blind) == 1 else "give"
        return f"{len(self.blind)} of {self.of} {gives} no data"

    def details(self, *, without: str = "") -> str:
        """Join all that is to be said, save what the headline says already."""
        parts = {
            "down": f"{', '.join(self.down)} cannot be reached" if self.down else "",
            "blind": self.blind_text if self.blind else "",
            "pending": f"{count(len(self.pending), 'alert')} pending" if self.pending else "",
            "unheard": f"alerts do not reach {', '.join(self.unheard)}" if self.unheard else "",
            "waiting": f"{count(len(self.waiting), 'query', 'queries')} not run yet" if self.waiting else "",
        }
        return "; ".join(text for name, text in parts.items() if text and name != without)


def verdict_of(snapshot: Snapshot, alerts: Iterable[Alert], now: datetime) -> Verdict:
    """Judge by the alerts that are not muted, and by what we cannot see."""
    standing = _standing(snapshot, alerts, now)
    if standing.firing:
        is_critical = any(alert.severity is Severity.CRITICAL for alert in standing.firing)
        headline = f"{count(len(standing.firing), 'alert')} firing"
        return Verdict("bad" if is_critical else "warn", headline, standing.details())
    if standing.down:
        return Verdict("bad", "Cannot tell: no contact", standing.details())
    if standing.pending:
        headline = f"{count(len(standing.pending), 'alert')} pending"
        return Verdict("warn", headline, standing.details(without="pending"))
    if standing.blind:
        return Verdict("warn", f"Cannot tell: {standing.blind_text}", standing.details(without="blind"))
    if standing.unheard:
        return Verdict("warn", "Nobody would hear of an alert", standing.details())
    if standing.waiting:
        return Verdict("wait", "Starting: no full picture yet", standing.details())
    if not snapshot.queries:
        return Verdict("wait", "Nothing is watched", "no query runs on any target")
    return Verdict("ok", "All is well", _all_seen(snapshot, now, standing.of))


def sick_verdict(words: str) -> Verdict:
    """Say that the monitor itself does not do its work: what it last saw is no answer."""
    return Verdict("bad", "Cannot tell: the monitor does not watch", words)


def _standing(snapshot: Snapshot, alerts: Iterable[Alert], now: datetime) -> _Standing:
    serious = [alert for alert in alerts if alert.severity is not Severity.INFO]
    views = list(snapshot.queries.values())
    return _Standing(
        firing=[alert for alert in serious if alert.state is AlertState.FIRING],
        pending=[alert for alert in serious if alert.state is AlertState.PENDING],
        down=[view.target.name for view in snapshot.targets.values() if view.up is False],
        blind=[v for v in views if v.status is not QueryStatus.WAITING and not has_data(v, now)],
        waiting=[view for view in views if view.status is QueryStatus.WAITING],
        unheard=[view.name for view in snapshot.receivers.values() if view.health.failing_since is not None],
        of=count(len(views), "query", "queries"),
    )


def _all_seen(snapshot: Snapshot, now: datetime, queries: str) -> str:
    ages = [now - view.data_at for view in snapshot.queries.values() if view.data_at is not None]
    oldest = f"; oldest data {age(max(ages))} old" if ages else ""
    return f"{queries} on {count(len(snapshot.targets), 'target')}{oldest}"
