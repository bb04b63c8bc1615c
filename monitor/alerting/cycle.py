"""Evaluate all rules that one message concerns, in order: one cycle, from what is known to what changes; pure.

A cycle gives `Changes`: nothing is in force before these are recorded. A rule whose findings cannot become
alerts has its alerts held and is named in `Changes.failed`; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.alerting.active import ActiveAlerts, Changes
from monitor.alerting.evaluate import evaluate, hold, retire
from monitor.alerting.inputs import (
    Facts,
    held_by_schema,
    held_until_next_run,
    of_limits,
    of_monitor,
    of_queries,
    of_result,
    of_target,
    query_scopes,
    scopes_of,
)
from monitor.alerting.root_alerts import root_of
from monitor.alerting.rule_input import RuleInput
from monitor.alerting.self_status import SelfStatus
from monitor.model.alerts import Scope
from monitor.model.errors import SampleError
from monitor.model.results import Result
from monitor.model.settings import Config


def after_result(facts: Facts, active: ActiveAlerts, result: Result) -> Changes:
    """Evaluate what a run's result bears on: its target, the target's queries, and the rules of its query.

    The query's rules are evaluated at the instant for which the run was scheduled: a `for` of two minutes
    at an interval of one would else fire an interval late half of the time.
    """
    changes = Changes(active)
    name, at = result.job.target.name, result.scheduled_at
    # The target first: what is held is held under its alert.
    _evaluate_target(facts, changes, name)
    _evaluate_all(facts, changes, of_result(facts, result), at)
    _evaluate_all(facts, changes, held_by_schema(facts, result), at)
    _evaluate_all(facts, changes, of_limits(facts, result.job, changes.left_out), at)
    _hold_all_of_lost_target(facts, changes, name)
    return changes


def at_tick(facts: Facts, active: ActiveAlerts, status: SelfStatus) -> Changes:
    """Evaluate what depends on time alone."""
    changes = Changes(active)
    for name in facts.snapshot.targets:
        _evaluate_target(facts, changes, name)
    _evaluate_all(facts, changes, held_until_next_run(facts), facts.now)
    _evaluate_all(facts, changes, of_monitor(facts, status), facts.now)
    return changes


def after_reload(config: Config, active: ActiveAlerts, now: datetime) -> Changes:
    """Resolve what the new configuration has no rule for; what did not change goes on untouched."""
    changes = Changes(active)
    scopes = scopes_of(config)
    changes.rename(changes.scopes() - scopes, query_scopes(config))
    for scope in changes.scopes() - scopes:
        gone = retire(changes.of(scope), now=now, reason="rule_removed")
        changes.apply(scope, gone)
    return changes


def _evaluate_target(facts: Facts, changes: Changes, name: str) -> None:
    """Evaluate the rules about a target, and then those about its queries: the first may speak for these."""
    _evaluate_all(facts, changes, of_target(facts, name), facts.now)
    for rule_input in of_queries(facts, name, changes.of):
        if rule_input.root:
            changes.explained[name, rule_input.scope.subject] = facts.now
        _evaluate(facts, changes, rule_input, facts.now)


def _evaluate_all(
    facts: Facts, changes: Changes, inputs: Iterable[RuleInput], at: datetime
) -> None:
    for rule_input in inputs:
        _evaluate(facts, changes, rule_input, at)


def _evaluate(
    facts: Facts, changes: Changes, rule_input: RuleInput, at: datetime
) -> None:
    scope, active = rule_input.scope, changes.of(rule_input.scope)
    if rule_input.success is None:
        if active:
            root = _root_of(facts, changes, rule_input)
            changes.put(scope, hold(active, muted_by=root or None))
        return
    is_first = changes.is_first(scope)
    try:
        evaluation = evaluate(
            rule_input.bound, active, rule_input.success, now=at, is_first=is_first
        )
    except SampleError as error:
        # Held, since a rule that cannot be evaluated is not a rule that finds nothing.
        changes.put(scope, hold(active, muted_by=None))
        changes.failed.append((scope, error))
        return
    changes.evaluated.add(scope)
    changes.apply(scope, evaluation)


def _root_of(facts: Facts, changes: Changes, rule_input: RuleInput) -> str:
    """Return the fingerprint of the alert that mutes alerts without data; empty for none."""
    if rule_input.root is not None:
        return rule_input.root
    scope, needs = rule_input.scope, rule_input.needs
    return root_of(scope, needs, facts.snapshot, changes.alerts_on(scope.target))


def _hold_all_of_lost_target(facts: Facts, changes: Changes, target: str) -> None:
    """Hold every alert whose data went with the target, not only those of the query that noticed."""
    if facts.snapshot.targets[target].up is not False:
        return
    about_target = Scope("", target, "")
    alerts = changes.alerts_on(target)
    root = root_of(about_target, frozenset(), facts.snapshot, alerts) or None
    own_rules = facts.own_rules
    # Rules about the monitor have been evaluated already, and speak for those that are held.
    for scope in changes.scopes_on(target):
        if scope.rule not in own_rules:
            changes.put(scope, hold(changes.of(scope), muted_by=root))
