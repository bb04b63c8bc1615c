"""Answer the page's first question, is all well, and never with yes where data is missing; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.shown import is_waiting, opens_at
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.schedules import Cron
from monitor.model.settings import Severity
from monitor.model.wording import counted
from monitor.web.words import age

Tone: TypeAlias = Literal["ok", "warn", "bad", "wait", "info"]
"""The colour of what is shown; a class of that name is in page.css."""
_WORST_LAST: Final[tuple[Tone, ...]] = ("ok", "info", "wait", "warn", "bad")
Said: TypeAlias = tuple[Sequence[Alert], str]
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
    """All that speaks against a yes, each kind in the order in which it was given."""

    firing: list[Said]
    pending: list[Said]
    down: list[str]
    """Targets that cannot be reached."""
    blind: list[QueryView]
    """Queries that have run and give no data now."""
    waiting: list[QueryView]
    """Queries that have not run yet."""
    failing: list[str]
    """Receivers that do not take what they are sent."""
    query_count: int

    @property
    def queries(self) -> str:
        return counted(self.query_count, "query", "queries")

    @property
    def pending_text(self) -> str:
        count = sum(len(_loud_in(one, AlertState.PENDING)) for one in self.pending)
        return f"{counted(count, 'alert')} pending"

    @property
    def blind_text(self) -> str:
        gives = "gives" if len(self.blind) == 1 else "give"
        return f"{len(self.blind)} of {self.queries} {gives} no data"

    @property
    def waiting_text(self) -> str:
        if not self.waiting:
            return ""
        return f"{counted(len(self.waiting), 'query', 'queries')} not run yet"

    def details(self, *, without: Sequence[object] = ()) -> str:
        """Join all that is to be said, save what the headline says already: `without` is that list."""
        parts = (
            (self.down, f"{', '.join(self.down)} cannot be reached"),
            (self.blind, self.blind_text),
            (self.pending, self.pending_text),
            (self.failing, f"alerts do not reach {', '.join(self.failing)}"),
            (self.waiting, self.waiting_text),
        )
        texts = [text for found, text in parts if found and found is not without]
        return "; ".join(texts)


def worst_tone(*tones: Tone) -> Tone:
    """Return the colour of what is worst among these."""
    return max(tones, key=_WORST_LAST.index)


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
        text = "Cannot tell: the monitor does not watch"
        return Verdict("bad", text, sick, is_sick=True)
    if situation.down:
        return Verdict("bad", "Cannot tell: no contact", situation.details())
    if situation.pending:
        return _of_pending(situation)
    return _of_silence(snapshot, situation, now)


def _of_firing(situation: _Situation, snapshot: Snapshot, now: datetime) -> Verdict:
    (worst, text), *others = situation.firing
    is_down_said = worst[0].name == TARGET_DOWN
    details = situation.details(without=situation.down if is_down_said else ())
    last = _last_seen(worst, snapshot, now)
    return Verdict(_firing_tone(situation), f"{text}{last}", details, _also(others))


def _firing_tone(situation: _Situation) -> Tone:
    for one in situation.firing:
        for alert in _loud_in(one, AlertState.FIRING):
            if alert.severity is Severity.CRITICAL:
                return "bad"
    return "warn"


def _last_seen(alerts: Sequence[Alert], snapshot: Snapshot, now: datetime) -> str:
    """Return what to add where all of these alerts are only as they were last seen."""
    if all(opens_at(alert, snapshot, now) is not None for alert in alerts):
        return "; as last seen, outside its hours"
    if all(is_waiting(alert, snapshot, now) for alert in alerts):
        return "; as last seen, it waits for its next run"
    if all(alert.held for alert in alerts):
        return "; no data now, as last seen"
    return ""


def _of_pending(situation: _Situation) -> Verdict:
    (_, text), *others = situation.pending
    details = situation.details(without=situation.pending)
    return Verdict("warn", f"Pending: {text}", details, _also(others))


def _of_silence(snapshot: Snapshot, situation: _Situation, now: datetime) -> Verdict:
    """Judge where nothing fires or is pending: silence is a yes only where everything was looked at."""
    details = situation.details()
    without_blind = situation.details(without=situation.blind)
    is_starting = not all(is_for_later(view, now) for view in situation.waiting)
    nothing_ran = len(situation.waiting) == len(snapshot.queries)
    nothing_known = "Nothing is known yet: no query was due since the start"
    seen = _all_seen(snapshot, now)
    if situation.waiting:
        seen = f"{seen}; {situation.waiting_text}"
    # What speaks against a yes, and what is said of it; the first that is so counts.
    cases: tuple[tuple[object, Verdict], ...] = (
        (
            situation.blind,
            Verdict("warn", f"Cannot tell: {situation.blind_text}", without_blind),
        ),
        (
            situation.failing,
            Verdict("warn", "Nobody would hear of an alert", details),
        ),
        (
            is_starting,
            Verdict("wait", "Starting: no full picture yet", details),
        ),
        (
            not snapshot.queries,
            Verdict("wait", "Nothing is watched", "no query runs on any target"),
        ),
        (nothing_ran, Verdict("wait", nothing_known, details)),
        (True, Verdict("ok", "All is well", seen)),
    )
    return next(verdict for is_so, verdict in cases if is_so)


def is_for_later(view: QueryView, now: datetime) -> bool:
    """Return whether it waits for its hour: what runs at night is not starting all day."""
    is_cron = isinstance(view.job.query.schedule, Cron)
    return is_cron and view.next_run_at is not None and view.next_run_at > now


def _also(others: Sequence[Said]) -> tuple[str, ...]:
    texts = [text for _, text in others[:MAX_ALSO]]
    if len(others) > MAX_ALSO:
        texts.append(f"and {len(others) - MAX_ALSO} more")
    return tuple(texts)


def _situation(snapshot: Snapshot, said: Iterable[Said], now: datetime) -> _Situation:
    groups = tuple(said)
    # A group with both states is in both.
    firing = [one for one in groups if _loud_in(one, AlertState.FIRING)]
    pending = [one for one in groups if _loud_in(one, AlertState.PENDING)]
    waiting: list[QueryView] = []
    blind: list[QueryView] = []
    for view in snapshot.queries.values():
        if view.status is QueryStatus.WAITING:
            waiting.append(view)
        elif not view.has_data_at(now):
            blind.append(view)
    return _Situation(
        firing,
        pending,
        down=_down(snapshot),
        blind=blind,
        waiting=waiting,
        failing=_failing(snapshot),
        query_count=len(snapshot.queries),
    )


def _down(snapshot: Snapshot) -> list[str]:
    return [view.target.name for view in snapshot.targets.values() if view.up is False]


def _failing(snapshot: Snapshot) -> list[str]:
    return [
        view.name
        for view in snapshot.receivers.values()
        if view.health.failing_since is not None
    ]


def _loud_in(said: Said, state: AlertState) -> list[Alert]:
    """Return the alerts in a state that are more than information."""
    return [
        alert
        for alert in said[0]
        if alert.state is state and alert.severity is not Severity.INFO
    ]


def _all_seen(snapshot: Snapshot, now: datetime) -> str:
    queries = counted(len(snapshot.queries), "query", "queries")
    seen = f"{queries} on {counted(len(snapshot.targets), 'target')}"
    ages = [
        now - view.data_at
        for view in snapshot.queries.values()
        if view.data_at is not None
    ]
    if not ages:
        return seen
    return f"{seen}; oldest data {age(max(ages))} old"
