"""The active alerts by scope, those that resolved of late, and what a message changes of them; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from monitor.alerting.evaluate import Evaluation
from monitor.alerting.quiet import Quiet
from monitor.alerting.resolved import RecentlyResolved
from monitor.alerting.scopes import Scopes
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.cause_graph import CauseRule
from monitor.model.cause_hours import CauseOnTarget
from monitor.model.errors import SampleError
from monitor.model.settings import Labels
from monitor.model.silences import Acknowledge
from monitor.timing.shift import moved


@dataclass(slots=True)
class ActiveAlerts:
    """Pending and firing alerts of each scope; owned by one thread. Others see what `everything` gave."""

    active: dict[Scope, dict[Labels, Alert]] = field(default_factory=dict)
    resolved: RecentlyResolved = field(default_factory=RecentlyResolved)
    evaluated: set[Scope] = field(default_factory=set)
    """Scopes that had data since the start: what they find next began since then."""
    quiet: dict[str, Quiet] = field(default_factory=dict)
    """The targets about which there is nothing to say, as they were when that was last evaluated."""
    closed_causes: frozenset[CauseOnTarget] = frozenset()
    """The causes that were not judged at the last tick, for the hour: these mute nothing."""
    _by_target: dict[str, set[Scope]] = field(default_factory=dict)

    def restore(
        self, active: Iterable[Alert], resolved: Iterable[Alert], gap: timedelta
    ) -> None:
        """Restore alerts of an earlier process: held until a run of theirs succeeds.

        `gap` is how long nobody looked: the clock of a pending alert stood still meanwhile.
        """
        for alert in active:
            gap = max(gap, timedelta(0))
            reached = moved(alert.reached, gap)
            back = replace(alert, held=True, reached=reached)
            if alert.state is AlertState.PENDING:
                # Else a `for` would pass while nobody looked, and a restart would fire alerts.
                back = replace(back, active_at=alert.active_at + gap)
            self.active.setdefault(alert.scope, {})[alert.labels] = back
            self._by_target.setdefault(alert.scope.target, set()).add(alert.scope)
        for alert in resolved:
            self.resolved.add(alert)

    def of(self, scope: Scope) -> Mapping[Labels, Alert]:
        """Return the alerts of one scope."""
        return self.active.get(scope, {})

    def keep_scopes(self, scopes: Scopes) -> None:
        """Forget what had data, and who is quiet, by the configuration of before."""
        self.evaluated = {scope for scope in self.evaluated if scopes.has(scope)}
        self.quiet.clear()

    def accept(self, changes: Changes) -> None:
        """Put in force what changed; call when it is recorded."""
        for scope, alerts in changes.changed.items():
            if alerts:
                self.active[scope] = alerts
                self._by_target.setdefault(scope.target, set()).add(scope)
            else:
                self.active.pop(scope, None)
                self._forget_on_target(scope)
        self.closed_causes = changes.closed_causes
        self.evaluated -= changes.closed
        self.evaluated |= changes.evaluated
        for name, quiet in changes.quiet.items():
            if quiet is not None:
                self.quiet[name] = quiet
            else:
                self.quiet.pop(name, None)
        for transition in changes.transitions:
            if transition.change is Change.RESOLVED:
                self.resolved.add(transition.alert)
            elif transition.change is Change.FIRED:
                # Else it would be shown twice, and an Alertmanager would get its end with it.
                self.resolved.remove(transition.alert)

    def _forget_on_target(self, scope: Scope) -> None:
        scopes = self._by_target.get(scope.target, set())
        scopes.discard(scope)
        if not scopes:
            self._by_target.pop(scope.target, None)

    @contextmanager
    def judged_again_after_a_failure(self) -> Iterator[None]:
        """Take nobody for quiet by what was known before, where something within is raised.

        What is shown may be newer then than what was judged.
        """
        try:
            yield
        except BaseException:
            self.quiet.clear()
            raise

    def move(self, by: timedelta) -> None:
        """Move all instants: the clock that they were read from was wrong by this much."""
        self.active = {
            scope: moved(alerts, by) for scope, alerts in self.active.items()
        }
        self.resolved.move(by)
        self.quiet.clear()

    def is_to_look_at(self, target: str, now: datetime) -> bool:
        """Return whether a target is to be looked at without a result: all but those that are quiet until later."""
        quiet = self.quiet.get(target)
        return quiet is None or quiet.is_over(now)

    def scopes_on(self, target: str) -> frozenset[Scope]:
        """Return the scopes of one target that have alerts: with many targets nobody may look at all."""
        return frozenset(self._by_target.get(target, ()))

    def active_alerts(self) -> tuple[Alert, ...]:
        """Return all pending and firing alerts."""
        active: list[Alert] = []
        for alerts in self.active.values():
            active += alerts.values()
        return tuple(active)

    def everything(self) -> tuple[Alert, ...]:
        """Return all alerts, the recently resolved last."""
        return (*self.active_alerts(), *self.resolved)


@dataclass(slots=True)
class Changes:
    """What one message changes: seen by what is evaluated after it, in force when it is recorded.

    Owned by the cycle that makes it, and by the pipeline from then on.
    """

    before: ActiveAlerts
    closed_causes: frozenset[CauseOnTarget] = field(init=False)
    """The causes that are not judged, for the hour."""
    changed: dict[Scope, dict[Labels, Alert]] = field(default_factory=dict)
    """All alerts of each scope that is not as it was before."""
    transitions: list[Transition] = field(default_factory=list)
    evaluated: set[Scope] = field(default_factory=set)
    """Scopes that had data."""
    closed: set[Scope] = field(default_factory=set)
    """Scopes that are not judged at this hour."""
    failed: list[tuple[Scope, SampleError]] = field(default_factory=list)
    """Scopes whose findings could not become alerts; their alerts are held."""
    left_out: dict[Scope, int] = field(default_factory=dict)
    """How many findings of each scope that was evaluated are no alerts, since its rule has too many."""
    quiet: dict[str, Quiet | None] = field(default_factory=dict)
    """The targets that were looked at, and how quiet each is; None of one that is not."""
    touched: set[str] = field(default_factory=set)
    """The targets of which alerts were replaced, be it by equal ones."""
    acknowledged: list[tuple[Alert, Acknowledge]] = field(default_factory=list)
    """The alerts that somebody says to know of, or not after all."""
    explained: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """The queries for which the alert of a root speaks, and since when that was last so."""

    def __post_init__(self) -> None:
        """Begin with the hours as they were."""
        self.closed_causes = self.before.closed_causes

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to record and nothing to announce."""
        return not self.changed and not self.transitions

    def of(self, scope: Scope) -> Mapping[Labels, Alert]:
        """Return the alerts of one scope as they would be."""
        return self.changed.get(scope, self.before.of(scope))

    def put(self, scope: Scope, alerts: dict[Labels, Alert]) -> None:
        """Replace the alerts of one scope."""
        self.touched.add(scope.target)
        # What comes and goes within one message has not changed, and is not written.
        if alerts != self.before.of(scope):
            self.changed[scope] = alerts
        else:
            self.changed.pop(scope, None)

    def change_each(self, scope: Scope, change: Callable[[Alert], Alert]) -> None:
        """Replace each alert of one scope by what becomes of it; its labels stay."""
        alerts = self.of(scope)
        self.put(scope, {labels: change(alert) for labels, alert in alerts.items()})

    def correct_transitions(self) -> None:
        """Have the transitions carry the alerts as they are now; those that ended are as they were."""
        for position, transition in enumerate(self.transitions):
            alerts = self.of(transition.alert.scope)
            alert = alerts.get(transition.alert.labels, transition.alert)
            self.transitions[position] = replace(transition, alert=alert)

    def apply(self, scope: Scope, evaluation: Evaluation) -> None:
        """Add what an evaluation gave."""
        self.put(scope, evaluation.active)
        self.transitions.extend(evaluation.transitions)
        self.left_out[scope] = evaluation.left_out

    def close(self, scope: Scope) -> None:
        """Hold the alerts of a scope that is not judged now; what is found next may have been so for long."""
        self.closed.add(scope)
        self.change_each(scope, _held)

    def close_causes(self, closed: frozenset[CauseOnTarget]) -> None:
        """Note which causes are not judged at this hour; what those explain whose hours began or ended is settled."""
        for target, _ in closed ^ self.closed_causes:
            self.touched.add(target)
        self.closed_causes = closed

    def note_nothing(self, scope: Scope) -> None:
        """Note that a scope without alerts was evaluated, and that nothing was found."""
        self.evaluated.add(scope)
        self.left_out[scope] = 0

    def rename(self, gone: Iterable[Scope], scopes: Scopes) -> None:
        """Move alerts to the query that has their rule now: what they are is said by their labels."""
        successors = scopes.by_rule_and_target()
        for scope in sorted(gone):
            new = successors.get((scope.rule, scope.target))
            alerts = self.of(scope)
            if new is None or not alerts or self.of(new):
                continue
            renamed = {
                labels: replace(alert, scope=new) for labels, alert in alerts.items()
            }
            self.put(scope, {})
            self.put(new, renamed)
            if not self.is_first(scope):
                self.evaluated.add(new)

    def judged(self, causes: Iterable[CauseRule], target: str) -> list[CauseRule]:
        """Return those of some causes that are judged on a target at this hour."""
        closed = self.closed_causes
        return [cause for cause in causes if (target, cause.name) not in closed]

    def is_first(self, scope: Scope) -> bool:
        """Return whether the scope had no data since the start."""
        return scope not in self.before.evaluated and scope not in self.evaluated

    def scopes(self) -> set[Scope]:
        """Return the scopes that have alerts."""
        return self.before.active.keys() | self.changed.keys()

    def scopes_outside(self, scopes: Scopes) -> set[Scope]:
        """Return the scopes that have alerts and are none of these."""
        return {scope for scope in self.scopes() if not scopes.has(scope)}

    def scopes_on(self, target: str) -> set[Scope]:
        """Return the scopes of one target that have alerts."""
        changed = (scope for scope in self.changed if scope.target == target)
        return {*self.before.scopes_on(target), *changed}

    def alert_with(self, fingerprint: str) -> Alert | None:
        """Return the alert that a fingerprint names, pending or firing; None where there is none."""
        for scope in self.scopes():
            for alert in self.of(scope).values():
                if alert.fingerprint == fingerprint:
                    return alert
        return None

    def has_alerts_of(self, rules: Collection[str], target: str) -> bool:
        """Return whether one of these rules has an alert on a target."""
        scopes = self.scopes_on(target)
        return any(scope.rule in rules and self.of(scope) for scope in scopes)

    def alerts_on(self, target: str) -> Iterator[Alert]:
        """Return the pending and firing alerts about one target as they would be."""
        return chain.from_iterable(
            self.of(scope).values() for scope in self.scopes_on(target)
        )


def _held(alert: Alert) -> Alert:
    return replace(alert, held=True, muted_by=None, cause=())
