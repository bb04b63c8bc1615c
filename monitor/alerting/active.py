"""The alerts that stand, by scope, and those that resolved of late: what is known between runs; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain

from monitor.alerting.evaluate import Evaluation
from monitor.alerting.resolved import RecentlyResolved
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.settings import Labels
from monitor.timing.shift import moved


@dataclass(slots=True)
class Standing:
    """Pending and firing alerts of each scope; one thread's own. Others see what `everything` gave."""

    active: dict[Scope, dict[Labels, Alert]] = field(default_factory=dict)
    resolved: RecentlyResolved = field(default_factory=RecentlyResolved)
    judged: set[Scope] = field(default_factory=set)
    """Scopes that had data since the start: what they find next began since then."""
    _by_target: dict[str, set[Scope]] = field(default_factory=dict)

    def restore(
        self, active: Iterable[Alert], resolved: Iterable[Alert], gap: timedelta
    ) -> None:
        """Take up alerts of an earlier process: held until a run of theirs succeeds.

        `gap` is how long nobody looked: the clock of a pending alert stood still meanwhile.
        """
        for alert in active:
            back = replace(alert, held=True)
            if alert.state is AlertState.PENDING:
                back = replace(back, active_at=alert.active_at + max(gap, timedelta(0)))
            self.active.setdefault(alert.scope, {})[alert.labels] = back
            self._by_target.setdefault(alert.scope.target, set()).add(alert.scope)
        for alert in resolved:
            self.resolved.add(alert)

    def of(self, scope: Scope) -> Mapping[Labels, Alert]:
        """Give the alerts of one scope."""
        return self.active.get(scope, {})

    def accept(self, draft: Draft) -> None:
        """Take over what a draft changed; call when it is recorded."""
        for scope, alerts in draft.changed.items():
            if alerts:
                self.active[scope] = alerts
                self._by_target.setdefault(scope.target, set()).add(scope)
            else:
                self.active.pop(scope, None)
                self._by_target.get(scope.target, set()).discard(scope)
        self.judged |= draft.judged
        for transition in draft.transitions:
            if transition.change is Change.RESOLVED:
                self.resolved.add(transition.alert)
            elif transition.change is Change.FIRED:
                self.resolved.remove(transition.alert)

    def move(self, by: timedelta) -> None:
        """Move all instants: the clock that they were read from was wrong by this much."""
        self.active = {
            scope: moved(alerts, by) for scope, alerts in self.active.items()
        }
        self.resolved.move(by)

    def scopes_on(self, target: str) -> frozenset[Scope]:
        """Return the scopes of one target that have alerts: with many targets nobody may look at all."""
        return frozenset(self._by_target.get(target, ()))

    def active_alerts(self) -> tuple[Alert, ...]:
        """Give all pending and firing alerts."""
        return tuple(chain.from_iterable(map(dict.values, self.active.values())))

    def everything(self) -> tuple[Alert, ...]:
        """Give all alerts, the recently resolved last."""
        return (*self.active_alerts(), *self.resolved)


@dataclass(slots=True)
class Draft:
    """What one message would change: seen by what is judged after it, in force when it is recorded."""

    standing: Standing
    changed: dict[Scope, dict[Labels, Alert]] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    judged: set[Scope] = field(default_factory=set)
    left_out: dict[Scope, int] = field(default_factory=dict)
    """How many findings of each scope that was judged are no alerts, since its rule has too many."""

    def of(self, scope: Scope) -> Mapping[Labels, Alert]:
        """Give the alerts of one scope as they would be."""
        return self.changed.get(scope, self.standing.of(scope))

    def put(self, scope: Scope, alerts: dict[Labels, Alert]) -> None:
        """Replace the alerts of one scope."""
        if alerts != self.standing.of(scope):
            self.changed[scope] = alerts
        else:
            self.changed.pop(scope, None)

    def apply(self, scope: Scope, evaluation: Evaluation) -> None:
        """Take what an evaluation gave."""
        self.put(scope, evaluation.active)
        self.transitions.extend(evaluation.transitions)
        self.left_out[scope] = evaluation.left_out

    def rename(self, gone: Iterable[Scope], scopes: Iterable[Scope]) -> None:
        """Move alerts to the query that has their rule now: what they are is said by their labels.

        `scopes` are those of queries' rules, whose names are unique.
        """
        there = {(scope.rule, scope.target): scope for scope in scopes}
        for scope in sorted(gone):
            new, alerts = there.get((scope.rule, scope.target)), self.of(scope)
            if new is None or not alerts or self.of(new):
                continue
            self.put(scope, {})
            self.put(
                new,
                {labels: replace(alert, scope=new) for labels, alert in alerts.items()},
            )
            if not self.is_first(scope):
                self.judged.add(new)

    def is_first(self, scope: Scope) -> bool:
        """Tell whether the scope had no data since the start."""
        return scope not in self.standing.judged and scope not in self.judged

    def scopes(self) -> set[Scope]:
        """List the scopes that have alerts."""
        return self.standing.active.keys() | self.changed.keys()

    def scopes_on(self, target: str) -> set[Scope]:
        """List the scopes of one target that have alerts."""
        changed = (scope for scope in self.changed if scope.target == target)
        return {*self.standing.scopes_on(target), *changed}

    def alerts_on(self, target: str) -> Iterator[Alert]:
        """Give the pending and firing alerts about one target as they would be."""
        return chain.from_iterable(
            self.of(scope).values() for scope in self.scopes_on(target)
        )
