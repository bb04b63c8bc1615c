"""Describe in words how targets, queries and receivers do: the tables of the page; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.freshness import max_silence
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.snapshot import ReceiverView, Snapshot
from monitor.model.results import Failure, Server
from monitor.model.settings import ColumnName
from monitor.model.walks import Sweep
from monitor.web.sweeps import sweep_cadence
from monitor.web.verdict import Tone
from monitor.web.words import When, duration, until, when, when_known

_MIN_OFFSET_SECONDS = 2.0
"""Less of a clock's offset changes nothing that is shown."""
_TONES: Final[Mapping[QueryStatus, Tone]] = {
    QueryStatus.OK: "ok",
    QueryStatus.WAITING: "wait",
    QueryStatus.SKIPPED: "warn",
    QueryStatus.BLOCKED: "warn",
    QueryStatus.DEFERRED: "warn",
    QueryStatus.FAILED: "bad",
}


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target: does it answer, since when not, who answered."""

    name: str
    tone: Tone
    status: str
    since: When | None
    contact: When | None
    server: str
    trouble: str


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query on one target: how its last run went."""

    query: str
    target: str
    summary: str
    tone: Tone
    status: str
    trouble: str
    last_run: When | None
    last_success: When | None
    duration: str
    cadence: str
    next_run: When | None
    is_current: bool
    is_short: bool
    """There is nothing to say of it but its status: on a narrow screen one line is enough."""


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """One receiver: does it take what it is sent, and what waits for it."""

    name: str
    tone: Tone
    status: str
    since: When | None
    last: When | None
    taken: When | None
    outbox: int
    oldest: When | None
    trouble: str


def target_row(view: TargetView, snapshot: Snapshot, now: datetime) -> TargetRow:
    """Describe a target: does it answer, since when not, what it lacks."""
    tone, status = _target_status(view, snapshot, now)
    return TargetRow(
        name=view.target.name,
        tone=tone,
        status=status,
        since=when_known(view.lost_since, now),
        contact=when_known(view.met_at, now),
        server=_server(view),
        trouble="; ".join(_target_troubles(view, snapshot, now)),
    )


def is_target_well(view: TargetView, snapshot: Snapshot, now: datetime) -> bool:
    """Return whether a target's row says that it answers."""
    tone, _ = _target_status(view, snapshot, now)
    return tone == "ok"


def is_query_well(view: QueryView, now: datetime) -> bool:
    """Return whether a query's row says that its last run went well, and of now."""
    return view.status is QueryStatus.OK and view.has_data_at(now)


def _target_status(
    view: TargetView, snapshot: Snapshot, now: datetime
) -> tuple[Tone, str]:
    is_silent = _is_silent(view, snapshot.views_of(view.target.name), now)
    is_out = view.is_out(now, proof=MAX_PROOF)
    is_refusing = view.is_refusing(now, proof=MAX_PROOF)
    # The first that is so counts.
    cases: tuple[tuple[bool | None, Tone, str], ...] = (
        (view.up is None, "wait", "not met yet"),
        (view.up is False and not view.lets_account_in, "bad", "refuses the account"),
        (view.up is False, "bad", "down"),
        # Up, by what was heard last: but that may be long ago.
        (is_silent, "warn", "not heard of"),
        (is_out, "warn", "coming back"),
        (is_refusing, "warn", "up, refuses new connections"),
        (True, "ok", "up"),
    )
    return next((tone, status) for is_so, tone, status in cases if is_so)


def _target_troubles(
    view: TargetView, snapshot: Snapshot, now: datetime
) -> Iterator[str]:
    if view.up is False:
        if view.last_failure is not None:
            yield _failure_text(view.last_failure)
        return
    if view.refusal is not None and view.is_refusing(now, proof=MAX_PROOF):
        yield _failure_text(view.refusal)
    missing = snapshot.missing_columns(view.target.name, now)
    if missing:
        yield f"missing: {_joined(missing)}"
    if view.unknown:
        yield f"may not be seen: {_joined(view.unknown)}"


def _failure_text(failure: Failure) -> str:
    detail = f" ({failure.detail})" if failure.detail else ""
    return f"{failure.reason.value}{detail}: {failure.message}"


def _joined(columns: Iterable[ColumnName]) -> str:
    names = sorted(str(column) for column in columns)
    return ", ".join(names)


def _is_silent(view: TargetView, queries: list[QueryView], now: datetime) -> bool:
    """Return whether it should have answered of late, by its most frequent query, and nobody knows."""
    if view.met_at is None:
        return False
    allowed = timedelta.max
    for query in queries:
        silence = max_silence(query.paced)
        if silence is not None:
            allowed = min(allowed, silence)
    return now - view.met_at > allowed


def _server(view: TargetView) -> str:
    """Describe who answered last, and what of it bears on its data."""
    if view.server is None:
        return ""
    server = view.server
    words = [server.flavor, server.version]
    if server.hostname:
        words += ["on", server.hostname]
    facts = "; ".join(_server_facts(view, server))
    if facts:
        words.append(f"({facts})")
    return " ".join(words)


def _server_facts(view: TargetView, server: Server) -> Iterator[str]:
    if server.read_only:
        yield "read-only"
    if view.replica_lag_seconds is not None:
        yield f"replica {view.replica_lag_seconds:g} s behind"
    offset = view.clock_offset_seconds
    if offset is not None and abs(offset) >= _MIN_OFFSET_SECONDS:
        side = "ahead" if offset > 0 else "behind"
        yield f"clock {abs(offset):.0f} s {side}"


def query_row(view: QueryView, now: datetime) -> QueryRow:
    """Describe a query on a target: how its last run went, and whether its data still holds."""
    target, name = view.job.key
    is_current = view.has_data_at(now)
    tone, status = _query_status(view, is_current=is_current)
    trouble = _query_trouble(view)
    return QueryRow(
        query=name,
        target=target,
        summary=view.job.query.summary,
        tone=tone,
        status=status,
        trouble=trouble,
        last_run=when_known(view.last_run_at, now),
        last_success=when_known(view.last_success_at, now),
        duration=_duration(view.duration_seconds),
        cadence=_cadence(view),
        next_run=None if view.next_run_at is None else until(view.next_run_at, now),
        is_current=is_current,
        is_short=tone == "ok" and not trouble,
    )


def _query_status(view: QueryView, *, is_current: bool) -> tuple[Tone, str]:
    """Return how the last run went; of what went well so long ago that nobody knows any more, stale."""
    if view.status is QueryStatus.OK and not is_current:
        return "bad", "stale"
    return _TONES[view.status], view.status.value


def _query_trouble(view: QueryView) -> str:
    """Return why there is no data, or no newer data, or what the server remarked on it."""
    return "" if view.last_word is None else view.last_word.remark


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _cadence(view: QueryView) -> str:
    query = view.job.query
    if isinstance(query.walk, Sweep):
        return sweep_cadence(query.walk, view.position)
    schedule = view.paced.query.schedule
    if query.derivation is not None:
        return f"{query.derivation.text}, {schedule.words}"
    if schedule == query.schedule:
        return schedule.words
    usual = query.schedule.words.removeprefix("every ")
    return f"{schedule.words} instead of {usual}, to spare the server"


def receiver_row(view: ReceiverView, now: datetime) -> ReceiverRow:
    """Describe a receiver: does it take what it is sent, and what waits for it."""
    health, last = view.health, view.last_delivery
    tone, status, trouble = _receiver_status(view)
    return ReceiverRow(
        name=view.name,
        tone=tone,
        status=status,
        since=when_known(health.failing_since, now),
        last=None if last is None else when(last.at, now),
        taken=when_known(view.taken_at, now),
        outbox=health.waiting,
        oldest=when_known(health.oldest_at if health.waiting else None, now),
        trouble=trouble,
    )


def _receiver_status(view: ReceiverView) -> tuple[Tone, str, str]:
    """Return colour, status, and what is wrong: the last that a failing receiver answered."""
    last = view.last_delivery
    if view.health.failing_since is not None:
        return "bad", "failing", f"{last.reason}: {last.message}" if last else ""
    if last is not None:
        return "ok", "ok", ""
    return "wait", "nothing sent yet", ""
