"""Answer the page's first question, is all well, and never with yes where data is missing; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from monitor.alerting.query_view import QueryView
from monitor.alerting.shown import is_waiting, opens_at
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.own_alerts import TARGET_DOWN
from monitor.model.schedules import Cron
from monitor.model.settings import Severity
from monitor.model.wording import counted
from monitor.web.situation import Said, Situation, loud_in, situation_of
from monitor.web.words import age

Tone: TypeAlias = Literal["ok", "warn", "bad", "wait", "info"]
"""The colour of what is shown; a class of that name is in page.css."""
_WORST_LAST: Final[tuple[Tone, ...]] = ("ok", "info", "wait", "warn", "bad")

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
    brief: str = ""
    """The answer in two or three words, for where there is no room."""


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
    situation = situation_of(snapshot, said, now)
    if situation.firing:
        return _of_firing(situation, snapshot, now)
    if sick:
        text = "Cannot tell: the monitor does not watch"
        return Verdict("bad", text, sick, is_sick=True, brief="not watching")
    if situation.down:
        text, details = "Cannot tell: no contact", situation.details()
        return Verdict("bad", text, details, brief="no contact")
    if situation.refusing:
        text = f"Cannot tell: {situation.refusing_text}"
        details = situation.details(situation.refusing)
        return Verdict("bad", text, details, brief="access refused")
    if situation.pending:
        return _of_pending(situation)
    return _of_silence(snapshot, situation, now)


def _of_firing(situation: Situation, snapshot: Snapshot, now: datetime) -> Verdict:
    (worst, text), *others = situation.firing
    is_down_said = worst[0].name == TARGET_DOWN
    said = (situation.down, situation.refusing) if is_down_said else ()
    details = situation.details(*said)
    last = _last_seen(worst, snapshot, now)
    return Verdict(
        _firing_tone(situation),
        f"{text}{last}",
        details,
        _also(others),
        brief=situation.firing_brief,
    )


def _firing_tone(situation: Situation) -> Tone:
    for one in situation.firing:
        for alert in loud_in(one, AlertState.FIRING):
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


def _of_pending(situation: Situation) -> Verdict:
    (_, text), *others = situation.pending
    details = situation.details(situation.pending)
    brief = f"{situation.pending_count} pending"
    return Verdict("warn", f"Pending: {text}", details, _also(others), brief=brief)


def _of_silence(snapshot: Snapshot, situation: Situation, now: datetime) -> Verdict:
    """Judge where nothing fires or is pending: silence is a yes only where everything was looked at."""
    details = situation.details()
    without_blind = situation.details(situation.blind)
    is_starting = not all(is_for_later(view, now) for view in situation.waiting)
    nothing_ran = len(situation.waiting) == len(snapshot.queries)
    blind = f"Cannot tell: {situation.blind_text}"
    nothing_known = "Nothing is known yet: no query was due since the start"
    nothing_runs = "no query runs on any target"
    seen = _all_seen(snapshot, now)
    if situation.waiting:
        seen = f"{seen}; {situation.waiting_text}"
    # What speaks against a yes, and what is said of it, also in brief; the first that is so counts.
    cases: tuple[tuple[object, Tone, str, str, str], ...] = (
        (situation.blind, "warn", blind, without_blind, "no data"),
        (
            situation.failing,
            "warn",
            "Nobody would hear of an alert",
            details,
            "nobody would hear",
        ),
        (is_starting, "wait", "Starting: no full picture yet", details, "starting"),
        (
            not snapshot.queries,
            "wait",
            "Nothing is watched",
            nothing_runs,
            "nothing watched",
        ),
        (nothing_ran, "wait", nothing_known, details, "nothing known yet"),
        (True, "ok", "All is well", seen, "all is well"),
    )
    return next(
        Verdict(tone, text, detail, brief=brief)
        for is_so, tone, text, detail, brief in cases
        if is_so
    )


def is_for_later(view: QueryView, now: datetime) -> bool:
    """Return whether it waits for its hour: what runs at night is not starting all day."""
    is_cron = isinstance(view.job.query.schedule, Cron)
    return is_cron and view.next_run_at is not None and view.next_run_at > now


def _also(others: Sequence[Said]) -> tuple[str, ...]:
    texts = [text for _, text in others[:MAX_ALSO]]
    if len(others) > MAX_ALSO:
        texts.append(f"and {len(others) - MAX_ALSO} more")
    return tuple(texts)


def _all_seen(snapshot: Snapshot, now: datetime) -> str:
    queries = counted(len(snapshot.queries), "query", "queries")
    seen = f"{queries} on {counted(len(snapshot.targets), 'target')}"
    ages = [
        now - view.data_at
        for view in snapshot.queries.values()
        if view.data_at is not None
    ]
    texts = [seen]
    if ages:
        texts.append(f"oldest data {age(max(ages))} old")
    stretched = sum(view.is_stretched for view in snapshot.queries.values())
    if stretched:
        queries = counted(stretched, "query runs", "queries run")
        texts.append(f"{queries} less often than configured, to spare the server")
    return "; ".join(texts)
