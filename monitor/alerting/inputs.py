"""Say what each rule has to judge, and by what data or by none: of a run, and of the monitor itself; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.alerting.blocking import missing_columns
from monitor.alerting.contact import TargetView
from monitor.alerting.denials import unheard
from monitor.alerting.evaluate import matching
from monitor.alerting.limits import left_out_samples
from monitor.alerting.ownership import (
    ACCESS_DENIED,
    CONNECTIONS_REFUSED,
    QUERY_FAILING,
    QUERY_STALE,
    REPLICA_LAGGING,
    TARGET_DOWN,
    AlertsOf,
    Known,
    Since,
    denied_tables,
    speaker_beside,
)
from monitor.alerting.self_monitoring import (
    access_denied,
    clock_skew,
    connections_refused,
    failing,
    replica_lagging,
    sessions_together,
    stale,
    target_lost,
    with_worst_severity,
)
from monitor.alerting.self_status import (
    SelfStatus,
    certificates_ending,
    config_rejected,
)
from monitor.alerting.snapshot import QueryView, Snapshot
from monitor.alerting.state_disk import Room, disk_low
from monitor.model.alerts import ReceiverHealth, Scope
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure, Result, Sample, Success
from monitor.model.settings import (
    ColumnName,
    Config,
    Job,
    Rule,
    Scalar,
    labels_of,
)

CLOCK_SKEW = "TokenMonitorClockSkew"
DELIVERY_FAILING = "TokenMonitorDeliveryFailing"
ALERTS_LIMITED = "TokenMonitorAlertsLimited"
STATE_DISK_LOW = "TokenMonitorStateDiskLow"
_FULL = (
    " Its outbox is full: what waits is merged to the last state of each alert, and what begins now is told"
    " when there is room."
)
CONFIG_REJECTED = "TokenMonitorConfigRejected"
CERTIFICATE_EXPIRING = "TokenMonitorCertificateExpiring"
WATCHDOG = "TokenMonitorWatchdog"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One rule to judge in one scope. No `success` means no data: its alerts are held.

    `needs` are the columns without which there is no verdict, for finding the root alert.
    """

    rule: Rule
    scope: Scope
    success: Success | None
    target_labels: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    needs: frozenset[ColumnName] = frozenset()
    root: str | None = None
    """Where there is no data: under which alert this is muted, empty for none; None: to be found."""


def of_result(result: Result, snapshot: Snapshot) -> Iterator[Judgement]:
    """Judge the rules of the query that ran."""
    unseen = missing_columns(
        snapshot, result.job.target.name, result.finished_at, or_unknown=True
    )
    success = result.outcome if isinstance(result.outcome, Success) else None
    for rule in result.job.query.rules:
        yield _of_rule(
            rule, result.job, success if unseen.isdisjoint(rule.needs) else None
        )


def held_by_schema(result: Result, snapshot: Snapshot) -> Iterator[Judgement]:
    """Hold the rules of other queries that a schema query has just shown to lack what they need."""
    if result.job.query.schema is None or not isinstance(result.outcome, Success):
        return
    unseen = missing_columns(
        snapshot, result.job.target.name, result.finished_at, or_unknown=True
    )
    for view in snapshot.views_of(result.job.target.name):
        for rule in view.job.query.rules:
            if not unseen.isdisjoint(rule.needs):
                yield _of_rule(rule, view.job, None)


def held_until_next_run(snapshot: Snapshot, now: datetime) -> Iterator[Judgement]:
    """Hold the rules of cron queries whose next run is not due for long: nobody looks meanwhile."""
    for view in snapshot.queries.values():
        if not view.is_news_at(now):
            for rule in view.job.query.rules:
                yield _of_rule(rule, view.job, None)


def of_target(
    config: Config, snapshot: Snapshot, name: str, now: datetime
) -> Iterator[Judgement]:
    """Judge the monitor's own rules about one target."""
    rules = {rule.name: rule for rule in config.own_rules}
    target = snapshot.targets[name]
    if TARGET_DOWN in rules:
        rule = rules[TARGET_DOWN]
        yield _own(rule, target, "", target_lost(rule, target, now))
    if CONNECTIONS_REFUSED in rules:
        rule = rules[CONNECTIONS_REFUSED]
        yield _own(rule, target, "", connections_refused(rule, target, now))
    if REPLICA_LAGGING in rules:
        rule = rules[REPLICA_LAGGING]
        yield _own(rule, target, "", replica_lagging(rule, target))
    if CLOCK_SKEW in rules:
        rule = rules[CLOCK_SKEW]
        yield _own(rule, target, "", clock_skew(rule, target))
    if CERTIFICATE_EXPIRING in rules:
        rule = rules[CERTIFICATE_EXPIRING]
        yield _own(rule, target, "", _certificates(rule, target, now))
    if ACCESS_DENIED in rules:
        yield _access_denied(rules[ACCESS_DENIED], target, snapshot.views_of(name))


def of_queries(
    config: Config, snapshot: Snapshot, name: str, since: Since, *, alerts_of: AlertsOf
) -> Iterator[Judgement]:
    """Judge the monitor's own rules about the queries of a target, after those about the target itself.

    `alerts_of` gives the alerts of a scope as those left them.
    """
    rules = {rule.name: rule for rule in config.own_rules}
    target = snapshot.targets[name]
    views = snapshot.views_of(name)
    schemas = [view for view in views if view.job.query.schema is not None]
    known = Known(target, schemas, alerts_of, rules, since)
    together = sessions_together(views)
    for view in views:
        query = view.job.query.name
        first, *others = together.get(query, (query,))
        speaker = speaker_beside(snapshot.queries[name, first], view, known)
        if QUERY_FAILING in rules:
            rule = with_worst_severity(rules[QUERY_FAILING], [view])
            yield _of_query(
                rule, view, target, failing(rule, view, speaker, others), speaker.root
            )
        if QUERY_STALE in rules:
            rule = with_worst_severity(rules[QUERY_STALE], [view])
            yield _of_query(
                rule, view, target, stale(rule, view, speaker), speaker.root
            )


def of_monitor(
    config: Config,
    receivers: Mapping[str, ReceiverHealth],
    now: datetime,
    room: Room | None = None,
) -> Iterator[Judgement]:
    """Judge the monitor's own rules about receivers, the disk of its state, and the watchdog.

    `room`: on that disk; None where there is no file or it could not be measured.
    """
    rules = {rule.name: rule for rule in config.own_rules}
    if DELIVERY_FAILING in rules:
        rule = rules[DELIVERY_FAILING]
        for name, health in receivers.items():
            # Only that it took something, or that nothing waits, says that it does not fail: not that nobody
            # tried since we began, and not that it has failed for less long than the rule allows.
            sample = _delivery_failing(rule, name, health, now)
            is_well = (
                health.failing_since is None
                and health.waiting == 0
                and health.full_since is None
            )
            success = (
                Success((sample,), 1) if is_well or matching(rule, [sample]) else None
            )
            yield Judgement(rule, Scope(rule.name, "", name), success)
    if STATE_DISK_LOW in rules:
        rule = rules[STATE_DISK_LOW]
        found = None if room is None else Success((disk_low(rule, room),), 1)
        yield Judgement(rule, Scope(rule.name, "", ""), found)
    if WATCHDOG in rules:
        rule = rules[WATCHDOG]
        yield Judgement(
            rule, Scope(rule.name, "", ""), Success((Sample(rule.metric, (), 1.0),), 1)
        )


def of_limits(
    config: Config, job: Job, left_out: Mapping[Scope, int]
) -> Iterator[Judgement]:
    """Judge whether rules of the query that ran have more findings than they may have alerts."""
    rule = next(
        (rule for rule in config.own_rules if rule.name == ALERTS_LIMITED), None
    )
    if rule is None:
        return
    found = left_out_samples(rule, job, left_out)
    success = None if found is None else Success(tuple(found), len(found))
    yield Judgement(
        rule,
        Scope(rule.name, *job.key),
        success,
        job.target.labels,
        {},
        frozenset(job.query.needs),
    )


def query_scopes(config: Config) -> set[Scope]:
    """List the scopes of the rules that belong to queries."""
    return {
        Scope(rule.name, *job.key) for job in config.jobs for rule in job.query.rules
    }


def scopes_of(config: Config) -> set[Scope]:
    """List every scope that this configuration can judge."""
    scopes = query_scopes(config)
    for rule in config.own_rules:
        scopes.add(Scope(rule.name, "", ""))
        scopes.update(Scope(rule.name, target.name, "") for target in config.targets)
        scopes.update(Scope(rule.name, *job.key) for job in config.jobs)
        scopes.update(
            Scope(rule.name, "", receiver.name) for receiver in config.receivers
        )
    return scopes


def wanted_after(result: Result, before: Snapshot, after: Snapshot) -> list[Job]:
    """Choose the jobs that this result makes worth running now, without waiting for their time.

    The schema queries after an unknown column or table; what was blocked or had a rule held when a
    column is back; everything that failed with the target when it answers again, but not each time
    that a target comes and goes; what was refused a table that this run was let see again.
    """
    name = result.job.target.name
    was, now = before.targets.get(name), after.targets.get(name)
    if was is None or now is None:
        return []
    views = [view for view in after.views_of(name) if view.job.key != result.job.key]
    if (
        isinstance(result.outcome, Failure)
        and result.outcome.reason is Reason.SCHEMA_MISSING
    ):
        return [view.job for view in views if view.job.query.schema is not None]
    if was.replica_fault and not now.replica_fault:
        return [view.job for view in views if _is_lagging(view)]
    if tables := denied_tables(before.queries[result.job.key]) - denied_tables(
        after.queries[result.job.key]
    ):
        return [
            view.job for view in views if not tables.isdisjoint(denied_tables(view))
        ]
    if was.recovered_at != now.recovered_at:
        return [view.job for view in views if isinstance(view.outcome, Failure)]
    back = (
        ((was.missing or frozenset()) | was.unknown)
        - (now.missing or frozenset())
        - now.unknown
    )
    return [view.job for view in views if back and _waits_for(view, back)]


def _is_lagging(view: QueryView) -> bool:
    return (
        isinstance(view.outcome, Failure)
        and view.outcome.reason is Reason.REPLICA_LAGGING
    )


def _waits_for(view: QueryView, back: frozenset[ColumnName]) -> bool:
    if isinstance(view.outcome, Failure):
        return view.outcome.reason in (Reason.SCHEMA_MISSING, Reason.ACCESS_DENIED)
    return isinstance(view.outcome, Blocked) or any(
        not back.isdisjoint(rule.needs) for rule in view.job.query.rules
    )


def _certificates(rule: Rule, target: TargetView, now: datetime) -> list[Sample] | None:
    """Judge the certificates of a target's connections; None while it lets nobody in."""
    if not target.up or target.server is None:
        return None
    return certificates_ending(
        rule, target.server.certificates, now, target=target.target.name
    )


def of_itself(config: Config, status: SelfStatus, now: datetime) -> Iterator[Judgement]:
    """Judge the monitor's own rules about its configuration and its page's certificate."""
    rules = {rule.name: rule for rule in config.own_rules}
    if CONFIG_REJECTED in rules:
        rule = rules[CONFIG_REJECTED]
        yield Judgement(
            rule, Scope(rule.name, "", ""), Success((config_rejected(rule, status),), 1)
        )
    if CERTIFICATE_EXPIRING in rules:
        rule = rules[CERTIFICATE_EXPIRING]
        found = tuple(certificates_ending(rule, status.certificates, now))
        yield Judgement(rule, Scope(rule.name, "", ""), Success(found, len(found)))


def _delivery_failing(
    rule: Rule, name: str, health: ReceiverHealth, now: datetime
) -> Sample:
    since = [at for at in (health.failing_since, health.full_since) if at is not None]
    seconds = (now - min(since)).total_seconds() if since else 0.0
    reason, message = health.reason, health.message
    if health.failing_since is None and health.full_since is not None:
        reason, message = "outbox_full", "it takes less than there is to tell"
    full = _FULL if health.full_since is not None else ""
    details = {
        "reason": reason,
        "message": message,
        "waiting": str(health.waiting),
        "full": full,
    }
    return Sample(
        rule.metric, labels_of({"receiver": name}), seconds, labels_of(details)
    )


def _of_rule(rule: Rule, job: Job, success: Success | None) -> Judgement:
    return Judgement(
        rule,
        Scope(rule.name, *job.key),
        success,
        job.target.labels,
        job.query.parameters,
        frozenset(job.query.needs) | frozenset(rule.needs),
    )


def _of_query(
    rule: Rule,
    view: QueryView,
    target: TargetView,
    samples: list[Sample] | None,
    root: str,
) -> Judgement:
    return replace(_own(rule, target, view.job.query.name, samples), root=root)


def _access_denied(
    rule: Rule, target: TargetView, views: Sequence[QueryView]
) -> Judgement:
    rule = with_worst_severity(rule, [view for view in views if view.denied])
    judgement = _own(rule, target, "", access_denied(rule, target, views))
    if judgement.success is None:
        return judgement
    return replace(judgement, success=replace(judgement.success, silent=unheard(views)))


def _own(
    rule: Rule,
    target: TargetView,
    subject: str,
    samples: list[Sample] | None,
    needs: frozenset[ColumnName] = frozenset(),
) -> Judgement:
    success = None if samples is None else Success(tuple(samples), len(samples))
    scope = Scope(rule.name, target.target.name, subject)
    return Judgement(rule, scope, success, target.target.labels, {}, needs)
