"""Choose which rules a result or a tick has evaluated, and over what data or over none; pure.

Each function yields rule inputs in the order in which they are to be evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from types import MappingProxyType

from monitor.alerting.blocking import lacked_by, shows_columns
from monitor.alerting.causes import AlertsOf, Known, Since
from monitor.alerting.denials import unheard
from monitor.alerting.deploys import hold_of
from monitor.alerting.left_unjudged import rules_left_unjudged
from monitor.alerting.limits import findings_left_out
from monitor.alerting.ownership import speaker_beside
from monitor.alerting.populations import counts_in
from monitor.alerting.refused_tables import access_denied
from monitor.alerting.rule_input import BoundRule, RuleInput
from monitor.alerting.self_monitoring import (
    TARGET_CHECKS,
    failing,
    sessions_together,
    stale,
)
from monitor.alerting.self_status import SELF_CHECKS, SelfStatus
from monitor.alerting.severity import with_worst_severity
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, Scope
from monitor.model.deploys import NO_HOLD, DeployHold
from monitor.model.own_alerts import (
    ACCESS_DENIED,
    ALERTS_LIMITED,
    QUERY_FAILING,
    QUERY_STALE,
)
from monitor.model.results import Result, Sample, Success
from monitor.model.settings import Config, Job, Rule

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Facts:
    """What all rules of one evaluation cycle go by."""

    config: Config
    snapshot: Snapshot
    """As the message left it."""
    since: Since
    """Now, and from when it counts that a query gives no data."""
    own_rules: Mapping[str, Rule] = field(init=False)
    """The rules about the monitor itself that are enabled, by name."""

    def __post_init__(self) -> None:
        """Look the rules up once a cycle, not once a target."""
        rules = {rule.name: rule for rule in self.config.own_rules}
        object.__setattr__(self, "own_rules", rules)

    @property
    def now(self) -> datetime:
        """Return the instant of the cycle."""
        return self.since.now


def of_result(facts: Facts, result: Result) -> Iterator[RuleInput]:
    """Yield the rules of the query that ran; without data where it failed or a column of theirs is missing."""
    name, seen_at = result.job.target.name, result.finished_at
    missing = facts.snapshot.missing_columns(name, seen_at, or_unknown=True)
    success = result.outcome if isinstance(result.outcome, Success) else None
    causes = facts.config.causes
    # Causes first, so that what they explain is not announced by the same run.
    rules = sorted(result.job.query.rules, key=lambda rule: causes.rank(rule.name))
    for rule in rules:
        has_columns = missing.isdisjoint(rule.needs)
        # What a detector could not look at is no data: a window that is not read yet after a restart.
        judged = None
        if success is not None and has_columns and success.is_judged_for(rule):
            judged = success.as_seen_by(rule)
        deploy = hold_of(facts.config, facts.snapshot, rule, result)
        yield _of_rule(facts, rule, result.job, judged, deploy)


def held_by_schema(facts: Facts, result: Result) -> Iterator[RuleInput]:
    """Yield, to be held, the rules of other queries that lack what this schema query shows to be missing.

    Those of a query that was blocked already, too: what they were muted under may have come to an end meanwhile.
    """
    if not shows_columns(result):
        return
    name, seen_at = result.job.target.name, result.finished_at
    unseen = facts.snapshot.missing_columns(name, seen_at, or_unknown=True)
    missing = facts.snapshot.missing_columns(name, seen_at)
    for view in facts.snapshot.views_of(name):
        is_blocked = bool(lacked_by(view.job, missing))
        for rule in view.job.query.rules:
            if is_blocked or not unseen.isdisjoint(rule.needs):
                yield _of_rule(facts, rule, view.job, None)


def held_until_next_run(facts: Facts) -> Iterator[RuleInput]:
    """Yield, to be held, the rules of cron queries whose next run is not due for long: nobody looks meanwhile."""
    snapshot = facts.snapshot
    for view in [snapshot.queries[key] for key in snapshot.crons]:
        if not view.is_news_at(facts.now):
            for rule in view.job.query.rules:
                yield _of_rule(facts, rule, view.job, None)


def of_limits(
    facts: Facts, job: Job, left_out: Mapping[Scope, int]
) -> Iterator[RuleInput]:
    """Yield the rule about rules that find more than they may have alerts, for the query that ran."""
    # After the query's rules: by then it is known how much each of them leaves out.
    rule = facts.own_rules.get(ALERTS_LIMITED)
    if rule is None:
        return
    found = findings_left_out(rule, job, left_out)
    bound = _bound(facts, rule, Scope(rule.name, *job.key), job.target.labels)
    yield RuleInput(bound, found, frozenset(job.query.needs))


def of_target(facts: Facts, name: str) -> Iterator[RuleInput]:
    """Yield the monitor's own rules about one target."""
    rules, target = facts.own_rules, facts.snapshot.targets[name]
    for rule_name, check in TARGET_CHECKS.items():
        if rule_name in rules:
            rule = rules[rule_name]
            samples = check(rule, target, facts.now)
            yield _of_target(facts, rule, Scope(rule_name, name, ""), samples)
    if ACCESS_DENIED in rules:
        yield _access_denied(facts, rules[ACCESS_DENIED], name)


def _access_denied(facts: Facts, rule: Rule, name: str) -> RuleInput:
    views = facts.snapshot.views_of(name)
    refused = (view.job.query.rules for view in views if view.denied)
    rule = with_worst_severity(rule, chain.from_iterable(refused))
    samples = access_denied(rule, facts.snapshot.targets[name], views)
    found = _of_target(facts, rule, Scope(rule.name, name, ""), samples)
    if found.success is None:
        return found
    return replace(found, success=replace(found.success, silent=unheard(views)))


def of_queries(
    facts: Facts,
    name: str,
    alerts_of: AlertsOf,
    queries: Collection[str] | None = None,
) -> Iterator[RuleInput]:
    """Yield the monitor's own rules about the queries of a target, after those about the target itself.

    `alerts_of` returns the alerts of a scope as those left them. `queries`: only of these, by their names.
    """
    rules, target = facts.own_rules, facts.snapshot.targets[name]
    views = facts.snapshot.views_of(name)
    schemas = facts.snapshot.schemas_of(name)
    # Lazily, and in this order: who speaks for a query depends on the alerts that were evaluated before it.
    known = Known(target, schemas, alerts_of, rules, facts.since)
    together = sessions_together(views)
    for view in views:
        query = view.job.query.name
        if queries is not None and query not in queries:
            continue
        unjudged = tuple(rules_left_unjudged(facts.snapshot, view))
        first, *others = together.get(query, (query,))
        speaker = speaker_beside(facts.snapshot.queries[name, first], view, known)
        if QUERY_FAILING in rules:
            rule = with_worst_severity(rules[QUERY_FAILING], unjudged)
            samples = failing(rule, view, speaker, others)
            scope = Scope(rule.name, name, query)
            yield _of_target(facts, rule, scope, samples, root=speaker.root)
        if QUERY_STALE in rules:
            rule = with_worst_severity(rules[QUERY_STALE], unjudged)
            samples = stale(rule, view, speaker)
            scope = Scope(rule.name, name, query)
            yield _of_target(facts, rule, scope, samples, root=speaker.root)


def are_due_to_fire(facts: Facts, alerts: Iterable[Alert]) -> bool:
    """Return whether one of these alerts, if it is about the monitor itself, has been pending for its `for`."""
    for alert in alerts:
        rule = facts.own_rules.get(alert.name)
        if rule is None or not alert.is_pending():
            continue
        if facts.now - alert.active_at >= rule.hold:
            return True
    return False


def of_monitor(facts: Facts, status: SelfStatus) -> Iterator[RuleInput]:
    """Yield the monitor's own rules about its receivers, disk, configuration and page."""
    rules = facts.own_rules
    for rule_name, check in SELF_CHECKS.items():
        if rule_name not in rules:
            continue
        rule = rules[rule_name]
        for subject, samples in check(rule, status, facts.now).items():
            bound = _bound(facts, rule, Scope(rule_name, "", subject))
            yield RuleInput(bound, _success(samples))


def _of_rule(
    facts: Facts,
    rule: Rule,
    job: Job,
    success: Success | None,
    deploy: DeployHold = NO_HOLD,
) -> RuleInput:
    counts = counts_in(rule.population, facts.snapshot.samples_on(job.target.name))
    bound = BoundRule(
        rule,
        Scope(rule.name, *job.key),
        job.target.labels,
        job.query.parameters,
        facts.config.runbook_base_for(rule.runbook),
        counts=counts,
        deploy=deploy,
    )
    if counts.is_lacking:
        success = None
    needs = frozenset(job.query.needs) | frozenset(rule.needs)
    return RuleInput(bound, success, needs)


def _of_target(
    facts: Facts,
    rule: Rule,
    scope: Scope,
    samples: list[Sample] | None,
    *,
    root: str | None = None,
) -> RuleInput:
    labels = facts.snapshot.targets[scope.target].target.labels
    return RuleInput(_bound(facts, rule, scope, labels), _success(samples), root=root)


def _bound(
    facts: Facts,
    rule: Rule,
    scope: Scope,
    target_labels: Mapping[str, str] = _NOTHING,
) -> BoundRule:
    base_url = facts.config.runbook_base_for(rule.runbook)
    return BoundRule(rule, scope, target_labels, runbook_base_url=base_url)


def _success(samples: list[Sample] | None) -> Success | None:
    """Return samples as a run gives them; None where there is no data."""
    return None if samples is None else Success(tuple(samples), len(samples))
