"""Gather all that speaks against a yes, each kind by itself, with what is said of it; for the verdict; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from monitor.model.wording import counted

Said: TypeAlias = tuple[Sequence[Alert], str]
"""Alerts of one rule, the worst first, and what they say together."""
_IN_BRIEF: Final[Mapping[Severity, tuple[str, str]]] = {
    Severity.CRITICAL: ("critical", "critical"),
    Severity.WARNING: ("warning", "warnings"),
}
"""One alert and several, of each severity that is more than information; sorted, the worst is first."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that speaks against a yes, each kind in the order in which it was given."""

    firing: list[Said]
    pending: list[Said]
    down: list[str]
    """Targets that cannot be reached."""
    refusing: list[str]
    """Targets whose server answers, and does not let the account of ours in."""
    blind: list[QueryView]
    """Queries that have run and give no data now."""
    waiting: list[QueryView]
    """Queries that have not run yet."""
    failing: list[str]
    """Receivers that do not take what they are sent."""
    query_count: int

    @property
    def queries(self) -> str:
        """Return how many queries there are."""
        return counted(self.query_count, "query", "queries")

    @property
    def pending_text(self) -> str:
        """Return how many alerts are pending."""
        return f"{counted(self.pending_count, 'alert')} pending"

    @property
    def pending_count(self) -> int:
        """Return the same as a number."""
        return sum(len(loud_in(one, AlertState.PENDING)) for one in self.pending)

    @property
    def firing_brief(self) -> str:
        """Return how many alerts fire of each severity, in brief."""
        counts: Counter[Severity] = Counter()
        for one in self.firing:
            counts.update(alert.severity for alert in loud_in(one, AlertState.FIRING))
        texts = [counted(counts[one], *_IN_BRIEF[one]) for one in sorted(counts)]
        return ", ".join(texts)

    @property
    def blind_text(self) -> str:
        """Return how many of all queries give no data."""
        gives = "gives" if len(self.blind) == 1 else "give"
        return f"{len(self.blind)} of {self.queries} {gives} no data"

    @property
    def refusing_text(self) -> str:
        """Return which targets do not let the monitor in."""
        verb = "refuses" if len(self.refusing) == 1 else "refuse"
        return f"{', '.join(self.refusing)} {verb} the monitor's account"

    @property
    def waiting_text(self) -> str:
        """Return how many queries have not run yet; empty where all have."""
        if not self.waiting:
            return ""
        return f"{counted(len(self.waiting), 'query', 'queries')} not run yet"

    @property
    def known_text(self) -> str:
        """Return of which alerts that fire people said that they know; empty of none."""
        firing = [
            alert for one in self.firing for alert in loud_in(one, AlertState.FIRING)
        ]
        if len(firing) == 1:
            return ", ".join(firing[0].known_by)
        known = sum(bool(alert.known_by) for alert in firing)
        if not known:
            return ""
        return f"{known} of {counted(len(firing), 'alert')} silenced or acknowledged"

    def details(self, *said: Sequence[object]) -> str:
        """Join all that is to be said, save what the headline has `said` already: lists of this."""
        known = self.known_text
        parts = (
            (known, known),
            (self.down, f"{', '.join(self.down)} cannot be reached"),
            (self.refusing, self.refusing_text),
            (self.blind, self.blind_text),
            (self.pending, self.pending_text),
            (self.failing, f"alerts do not reach {', '.join(self.failing)}"),
            (self.waiting, self.waiting_text),
        )
        texts = [
            text
            for found, text in parts
            if found and not any(found is one for one in said)
        ]
        return "; ".join(texts)


def situation_of(snapshot: Snapshot, said: Iterable[Said], now: datetime) -> Situation:
    """Gather what speaks against a yes, of alerts that are not muted, the worst first, and of what is not seen."""
    groups = tuple(said)
    # A group with both states is in both.
    firing = [one for one in groups if loud_in(one, AlertState.FIRING)]
    pending = [one for one in groups if loud_in(one, AlertState.PENDING)]
    waiting: list[QueryView] = []
    blind: list[QueryView] = []
    for view in snapshot.queries.values():
        if view.status is QueryStatus.WAITING:
            waiting.append(view)
        elif not view.has_data_at(now):
            blind.append(view)
    return Situation(
        firing,
        pending,
        down=_down(snapshot, is_refused=False),
        refusing=_down(snapshot, is_refused=True),
        blind=blind,
        waiting=waiting,
        failing=_failing(snapshot),
        query_count=len(snapshot.queries),
    )


def _down(snapshot: Snapshot, *, is_refused: bool) -> list[str]:
    """Return the targets that no run reaches; `is_refused`: those that refuse our account, or the others."""
    return [
        view.target.name
        for view in snapshot.targets.values()
        if view.up is False and view.lets_account_in is not is_refused
    ]


def _failing(snapshot: Snapshot) -> list[str]:
    return [
        view.name
        for view in snapshot.receivers.values()
        if view.health.failing_since is not None
    ]


def loud_in(said: Said, state: AlertState) -> list[Alert]:
    """Return the alerts in a state that are more than information."""
    return [
        alert
        for alert in said[0]
        if alert.state is state and alert.severity is not Severity.INFO
    ]
