"""Evaluate all rules that one message concerns, in order: one cycle, from what is known to what changes; pure.

A cycle gives `Changes`: nothing is in force before these are recorded. A rule whose findings cannot become
alerts has its alerts held and is named in `Changes.failed`; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from monitor.alerting.active import ActiveAlerts, Changes
from monitor.alerting.derived import missing_inputs
from monitor.alerting.evaluate import begun_anew, evaluate, hold, matching, retire
from monitor.alerting.explained import causes_of, settle_all, settle_changed
from monitor.alerting.inputs import (
    Facts,
    are_due_to_fire,
    held_by_schema,
    held_until_next_run,
    of_limits,
    of_monitor,
    of_queries,
    of_result,
    of_target,
)
from monitor.alerting.quiet import Quiet, quiet_after_run, quiet_of
from monitor.alerting.root_alerts import root_of
from monitor.alerting.rule_input import BoundRule, RuleInput
from monitor.alerting.scopes import Scopes
from monitor.alerting.self_status import SelfStatus
from monitor.model.alerts import Scope
from monitor.model.errors import SampleError
from monitor.model.results import Result
from monitor.model.settings import Config, Job

AfterResult: TypeAlias = Callable[[Facts, ActiveAlerts, Result], Changes]
"""Evaluates what a result bears on."""

_MANY = 100
"""So many targets in trouble are all looked at each second."""
_MAX_TURNS = 10
"""For so many seconds at most one that is in trouble is not looked at, where no result comes."""


def after_result(facts: Facts, active: ActiveAlerts, result: Result) -> Changes:
    """Evaluate what a run's result bears on: its target, the target's queries, and the rules of its query.

    The query's rules are evaluated at the instant for which the run was scheduled: a `for` of two minutes
    at an interval of one would else fire an interval late half of the time.
    """
    changes = Changes(active)
    name, at = result.job.target.name, result.scheduled_at
    # The target first: what is held is held under its alert.
    _evaluate_target(facts, changes, name, ran=result.job.query.name)
    _evaluate_all(facts, changes, of_result(facts, result), at)
    _evaluate_all(facts, changes, held_by_schema(facts, result), at)
    _evaluate_all(facts, changes, of_limits(facts, result.job, changes.left_out), at)
    _hold_all_of_lost_target(facts, changes, name)
    settle_changed(changes, facts.config.causes)
    return changes


def after_derived(facts: Facts, active: ActiveAlerts, result: Result) -> Changes:
    """Evaluate the rules of a derived value; without data they are held under what its inputs lack theirs for."""
    changes = Changes(active)
    root = _root_of_inputs(facts, changes, result.job)
    for rule_input in of_result(facts, result):
        # Of its own target, then, where none of the inputs says more.
        found = replace(rule_input, root=root or None)
        _evaluate(facts, changes, found, result.scheduled_at)
    limits = of_limits(facts, result.job, changes.left_out)
    _evaluate_all(facts, changes, limits, result.scheduled_at)
    settle_changed(changes, facts.config.causes)
    return changes


def due_targets(facts: Facts, active: ActiveAlerts) -> list[str]:
    """Return the targets to look at without a result: all but those that are quiet until later."""
    now = facts.now
    return [name for name in facts.snapshot.targets if active.is_to_look_at(name, now)]


def in_turn(facts: Facts, active: ActiveAlerts, due: Sequence[str]) -> Sequence[str]:
    """Return which of the targets that are due are looked at now: all, but of very many each every few seconds.

    What a tick takes must not grow with those that are in trouble, or the others wait. An alert whose `for` is
    over is never waited for.
    """
    turns = min(len(due) // _MANY + 1, _MAX_TURNS)
    turn = int(facts.now.timestamp()) % turns
    chosen = due[turn::turns]
    if turns > 1:
        now = Changes(active)
        firing = [name for name in due if are_due_to_fire(facts, now.alerts_on(name))]
        chosen = [*dict.fromkeys([*firing, *chosen])]
    return chosen


def at_tick(
    facts: Facts, active: ActiveAlerts, status: SelfStatus, targets: Iterable[str]
) -> Changes:
    """Evaluate what depends on time alone, of those targets that are due."""
    changes = Changes(active)
    changes.close_causes(facts.config.causes.hours.closed_at(facts.now))
    for name in targets:
        _evaluate_target(facts, changes, name)
    _evaluate_all(facts, changes, held_until_next_run(facts), facts.now)
    _evaluate_all(facts, changes, of_monitor(facts, status), facts.now)
    settle_changed(changes, facts.config.causes)
    return changes


def after_reload(config: Config, active: ActiveAlerts, now: datetime) -> Changes:
    """Resolve what the new configuration has no rule for; what did not change goes on untouched."""
    changes, scopes = Changes(active), Scopes(config)
    if gone := changes.scopes_outside(scopes):
        changes.rename(gone, scopes)
    for scope in changes.scopes_outside(scopes):
        reason = scopes.why_gone(scope)
        evaluation = retire(changes.of(scope), now=now, reason=reason)
        changes.apply(scope, evaluation)
    settle_all(changes, config.causes, now)
    return changes


def _evaluate_target(facts: Facts, changes: Changes, name: str, ran: str = "") -> None:
    """Evaluate the rules about a target and its queries, all but those that would find what they found last: nothing.

    `ran` is the query of which a run ended, where nothing else of the target has changed since it was last judged.
    """
    rules, known = facts.own_rules, changes.before.quiet.get(name)
    quiet = _quiet_now(facts, known, name, ran)
    if quiet is not None and changes.has_alerts_of(rules, name):
        quiet = None
    news = None if quiet is None else quiet.news_since(known, facts.now)
    if quiet is not None and news is not None:
        quiet = quiet.following(known)
        if not news:
            changes.quiet[name] = quiet
            return
    else:
        _evaluate_all(facts, changes, of_target(facts, name), facts.now)
    # After those about the target: these may speak for its queries.
    _evaluate_rules_of_queries(facts, changes, name, news)
    has_alerts = changes.has_alerts_of(rules, name)
    changes.quiet[name] = None if has_alerts else quiet


def _quiet_now(facts: Facts, known: Quiet | None, name: str, ran: str) -> Quiet | None:
    """Return how quiet a target is now."""
    snapshot, rules, since = facts.snapshot, facts.own_rules, facts.since
    target = snapshot.targets[name]
    if ran and known is not None:
        view = snapshot.queries[name, ran]
        quiet = quiet_after_run(known, target, view, rules, since)
        if quiet is None or quiet.until > facts.now:
            return quiet
    return quiet_of(target, snapshot.views_of(name), rules, since)


def _evaluate_rules_of_queries(
    facts: Facts, changes: Changes, name: str, queries: Collection[str] | None = None
) -> None:
    """Evaluate the monitor's own rules about these queries of a target; by default about all of them."""
    for rule_input in of_queries(facts, name, changes.of, queries):
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
    hours = rule_input.bound.rule.active
    if hours is not None:
        opened_at = hours.opened_at(at)
        if opened_at is None:
            changes.close(scope)
            return
        active = begun_anew(active, opened_at)
    judged = rule_input.bound.judged(rule_input.success)
    if not active and not matching(rule_input.bound.rule, judged):
        # So it is nearly always: there is nothing to find out about alerts that are not there.
        changes.note_nothing(scope)
        return
    is_first = changes.is_first(scope)
    try:
        bound = _with_causes(facts, changes, rule_input.bound)
        evaluation = evaluate(
            bound, active, rule_input.success, now=at, is_first=is_first
        )
    except SampleError as error:
        # Held, since a rule that cannot be evaluated is not a rule that finds nothing; as it was before its hours.
        changes.put(scope, hold(changes.of(scope), muted_by=None))
        changes.failed.append((scope, error))
        return
    if () not in rule_input.success.silent:
        changes.evaluated.add(scope)
    changes.apply(scope, evaluation)


def _with_causes(facts: Facts, changes: Changes, bound: BoundRule) -> BoundRule:
    """Return a rule with the alerts that may explain its own, and how long it waits for these to be heard first."""
    scope, graph = bound.scope, facts.config.causes
    causes = changes.judged(graph.causes_of(scope.rule), scope.target)
    if not causes:
        return bound
    wait = facts.snapshot.wait_for(scope.target, causes)
    return replace(bound, causes=causes_of(scope, changes, graph), wait=wait)


def _root_of(facts: Facts, changes: Changes, rule_input: RuleInput) -> str:
    """Return the fingerprint of the alert that mutes alerts without data; empty for none."""
    if rule_input.root is not None:
        return rule_input.root
    scope, needs = rule_input.scope, rule_input.needs
    return root_of(scope, needs, facts.snapshot, changes.alerts_on(scope.target))


def _root_of_inputs(facts: Facts, changes: Changes, job: Job) -> str:
    """Return the fingerprint of the alert of what keeps an input of a derived value from giving data; or empty."""
    derivation = job.query.derived_by
    for view in missing_inputs(derivation, facts.snapshot, facts.now):
        target, _ = view.job.key
        alerts = changes.alerts_on(target)
        scope, needs = Scope("", *view.job.key), frozenset(view.job.query.needs)
        root = root_of(scope, needs, facts.snapshot, alerts)
        if root:
            return root
    return ""


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
