"""Answer the page's first question, is all well, and never with yes where data is missing; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor.alerting.data_age import has_data, is_waiting
from monitor.alerting.ownership import TARGET_DOWN
from monitor.alerting.snapshot import QueryStatus, QueryView, Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Cron, Severity
from monitor.model.wording import counted
from monitor.web.words import age

Tone = Literal["ok", "warn", "bad", "wait", "info"]
Said = tuple[Sequence[Alert], str]
"""Alerts of one rule, the worst first, and what they say together."""

MAX_ALSO = 3
"""So many further groups are named beside the headline; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its colour, and what else is to be said with it."""

    tone: Tone
    text: str
    detail: str = ""
    also: tuple[str, ...] = ()
    """What else fires, the worst first."""
    is_sick: bool = False
    """It says that the monitor itself does not do its work."""


@dataclass(frozen=True, slots=True)
class _Situation:
    """What speaks against a yes."""

    firing: list[Said]
    pending: list[Said]
    pending_alerts: int
    down: list[str]
    blind: list[QueryView]
    waiting: list[QueryView]
    unheard: list[str]
    of: str

    @property
    def blind_text(self) -> str:
        gives = "gives" if len(self.blind) == 1 else "give"
        return f"{len(self.blind)} of {self.of} {gives} no data"

    @property
    def waiting_text(self) -> str:
        return _said_of(
            self.waiting,
            f"{counted(len(self.waiting), 'query', 'queries')} not run yet",
        )

    def details(self, *, without: str = "") -> str:
        """Join all that is to be said, save what the headline says already."""
        parts = {
            "down": _said_of(self.down, f"{', '.join(self.down)} cannot be reached"),
            "blind": _said_of(self.blind, self.blind_text),
            "pending": _said_of(
                self.pending, f"{counted(self.pending_alerts, 'alert')} pending"
            ),
            "unheard": _said_of(
                self.unheard, f"alerts do not reach {', '.join(self.unheard)}"
            ),
            "waiting": self.waiting_text,
        }
        parts.pop(without, None)
        return "; ".join(filter(None, parts.values()))


def verdict_of(
    snapshot: Snapshot, said: Iterable[Said], now: datetime, *, sick: str = ""
) -> Verdict:
    """Judge by the alerts that are not muted, the worst first, and by what we cannot see.

    `sick`: why the monitor does not do its work. What fires is said all the same: it was seen, and it
    is what somebody is woken for.
    """
    situation = _situation(snapshot, said, now)
    if situation.firing:
        return _of_firing(situation, snapshot, now)
    if sick:
        return Verdict(
            "bad", "Cannot tell: the monitor does not watch", sick, is_sick=True
        )
    if situation.down:
        return Verdict("bad", "Cannot tell: no contact", situation.details())
    if situation.pending:
        (_, text), *others = situation.pending
        return Verdict(
            "warn",
            f"Pending: {text}",
            situation.details(without="pending"),
            _also(others),
        )
    return _of_silence(snapshot, situation, now)


def _of_firing(situation: _Situation, snapshot: Snapshot, now: datetime) -> Verdict:
    (worst, text), *others = situation.firing
    loud = [
        alert for one in situation.firing for alert in _loud_in(one, AlertState.FIRING)
    ]
    is_critical = any(alert.severity is Severity.CRITICAL for alert in loud)
    last = (
        "" if any(not alert.held for alert in worst) else "; no data now, as last seen"
    )
    if all(is_waiting(alert, snapshot, now) for alert in worst):
        last = "; as last seen, it is_waiting for its next run"
    told = "down" if worst[0].name == TARGET_DOWN else ""
    tone: Tone = "bad" if is_critical else "warn"
    return Verdict(
        tone, f"{text}{last}", situation.details(without=told), _also(others)
    )


def _of_silence(snapshot: Snapshot, situation: _Situation, now: datetime) -> Verdict:
    if situation.blind:
        return Verdict(
            "warn",
            f"Cannot tell: {situation.blind_text}",
            situation.details(without="blind"),
        )
    if situation.unheard:
        return Verdict("warn", "Nobody would hear of an alert", situation.details())
    if not all(_is_for_later(view, now) for view in situation.waiting):
        return Verdict("wait", "Starting: no full picture yet", situation.details())
    if not snapshot.queries:
        return Verdict("wait", "Nothing is watched", "no query runs on any target")
    if len(situation.waiting) == len(snapshot.queries):
        return Verdict(
            "wait",
            "Nothing is known yet: no query was due since the start",
            situation.details(),
        )
    seen = _all_seen(snapshot, now, situation.of)
    return Verdict(
        "ok", "All is well", "; ".join(filter(None, (seen, situation.waiting_text)))
    )


def _is_for_later(view: QueryView, now: datetime) -> bool:
    """Tell whether it is_waiting for its hour: what runs at night is not starting all day."""
    is_cron = isinstance(view.job.query.schedule, Cron)
    return is_cron and view.next_run_at is not None and view.next_run_at > now


def _also(others: Sequence[Said]) -> tuple[str, ...]:
    texts = [text for _, text in others[:MAX_ALSO]]
    if len(others) > MAX_ALSO:
        texts.append(f"and {len(others) - MAX_ALSO} more")
    return tuple(texts)


def _situation(snapshot: Snapshot, said: Iterable[Said], now: datetime) -> _Situation:
    said = list(said)
    pending = [one for one in said if _loud_in(one, AlertState.PENDING)]
    views = list(snapshot.queries.values())
    begun = [view for view in views if view.status is not QueryStatus.WAITING]
    return _Situation(
        firing=[one for one in said if _loud_in(one, AlertState.FIRING)],
        pending=pending,
        pending_alerts=sum(len(_loud_in(one, AlertState.PENDING)) for one in pending),
        down=[
            view.target.name for view in snapshot.targets.values() if view.up is False
        ],
        blind=[view for view in begun if not has_data(view, now)],
        waiting=[view for view in views if view.status is QueryStatus.WAITING],
        unheard=[
            view.name
            for view in snapshot.receivers.values()
            if view.health.failing_since is not None
        ],
        of=counted(len(views), "query", "queries"),
    )


def _loud_in(said: Said, state: AlertState) -> list[Alert]:
    """List the alerts in a state that are more than information."""
    return [
        alert
        for alert in said[0]
        if alert.state is state and alert.severity is not Severity.INFO
    ]


def _said_of(found: Sequence[object], text: str) -> str:
    return text if found else ""


def _all_seen(snapshot: Snapshot, now: datetime, queries: str) -> str:
    ages = [
        now - view.data_at
        for view in snapshot.queries.values()
        if view.data_at is not None
    ]
    oldest = f"; oldest data {age(max(ages))} old" if ages else ""
    return f"{queries} on {counted(len(snapshot.targets), 'target')}{oldest}"
