"""Declare what the web server may ask of the rest of the program: it sees these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Transition
from monitor.model.declared import DeclareRequest
from monitor.model.settings import Config, Job
from monitor.model.silences import SilenceRefusal
from monitor.model.trends import TargetTrends
from monitor.storage import DeliveryAttempt
from monitor.storage.history_filter import EVERYTHING, HistoryFilter
from monitor.telemetry.exposition import Exposition


@dataclass(frozen=True, slots=True)
class LastReload:
    """How the last load of the configuration ended; the problems of one that was refused."""

    at: datetime
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What one answer shows: a snapshot, as it looks at an instant, to one client.

    `evaluated_at` is when the rules about the monitor itself were last judged. Evidence is shown only to who
    has given a password.
    """

    snapshot: Snapshot
    now: datetime
    evaluated_at: datetime
    shows_evidence: bool = False


class Past(Protocol):
    """What was: what the state has of the history, each the newest first."""

    def transitions(
        self, limit: int, wanted: HistoryFilter = EVERYTHING
    ) -> Sequence[Transition]:
        """Return the transitions that are wanted, at most `limit`."""

    def deliveries(
        self,
        limit: int,
        *,
        is_over: bool = False,
        wanted: HistoryFilter = EVERYTHING,
    ) -> Sequence[DeliveryAttempt]:
        """Return attempts at what was in the outbox; `is_over`: only the last of each."""

    def trends(self, target: str, span_seconds: int, since: datetime) -> TargetTrends:
        """Return what is kept of a target's series since an instant: of each minute, or of each hour."""

    def trend_times(
        self, target: str, span_seconds: int, since: datetime
    ) -> Sequence[int]:
        """Return of which of these something is kept, in Unix time."""

    def history_cut_at(self) -> datetime | None:
        """Return from when on all transitions are kept, where there were too many; None where there were not."""


@dataclass(frozen=True, slots=True)
class Views:
    """The web server's only way in. Called from its threads, several at once.

    `exposition` answers scrapes; `history(limit)` gives the newest transitions first,
    `past` those that are wanted; `sql` a job's statements as a person can run them;
    `check_health` and `check_readiness` a verdict and its words; `reload` None, or why the old configuration
    stays; `evaluated_at` when the rules about the monitor itself were last judged; `last_reload` how the last
    load of the configuration ended, None before the first; `notes` what its operator should know; `declare`
    whether what somebody declares was recorded in time; `on_refused_silence` hears why a silence was refused.
    """

    snapshot: Callable[[], Snapshot]
    now: Callable[[], datetime]
    config: Callable[[], Config]
    exposition: Exposition
    history: Callable[[int], Sequence[Transition]]
    past: Past
    sql: Callable[[Job], str]
    check_health: Callable[[], tuple[bool, str]]
    check_readiness: Callable[[], tuple[bool, str]]
    reload: Callable[[], str | None]
    evaluated_at: Callable[[], datetime]
    last_reload: Callable[[], LastReload | None] = lambda: None
    notes: Callable[[], tuple[str, ...]] = tuple
    declare: Callable[[DeclareRequest], bool] = lambda _request: False
    on_refused_silence: Callable[[SilenceRefusal], None] = lambda _reason: None
