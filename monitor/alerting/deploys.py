"""Begin, end and expire declared deployments, and say what they mean for a result; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, assert_never

from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert
from monitor.model.counted_from import counted_since
from monitor.model.deploys import (
    NO_HOLD,
    NOTHING_DECLARED,
    BeginDeploy,
    Deploy,
    DeployChange,
    DeployChanges,
    DeployHold,
    DeployLook,
    DeployNews,
    DeployRequest,
    Deploys,
    DeploySettings,
    DeploySource,
    EndDeploy,
    EndedDeploy,
    TargetDeploys,
    because,
)
from monitor.model.positions import first_read_at
from monitor.model.results import Result, Success
from monitor.model.settings import Config, Labels, Rule
from monitor.model.wording import utc_second

_STILL_READ: Final = (
    "held by a deployment that is over, until all data was read after it"
)
_STILL_COUNTED: Final = (
    "held by a deployment that is over, until nothing of before its end is counted"
)


def requested(deploys: Deploys, request: DeployRequest, now: datetime) -> DeployChanges:
    """Return what a request makes of what is declared."""
    changing = _Changing(dict(deploys))
    match request:
        case BeginDeploy():
            deploy = Deploy(
                DeploySource.REQUEST,
                now,
                now + request.length,
                request.reason,
                request.by,
            )
            for target in request.targets:
                changing.begin(target, deploy)
        case EndDeploy():
            for target in request.targets:
                changing.end(target, DeploySource.REQUEST, now, request.by)
                if request.accepts:
                    changing.accept(target, now, request.by)
        case _:
            assert_never(request)
    return changing.changes()


def signalled(
    deploys: Deploys,
    targets: Iterable[str],
    deploy: Deploy | None,
    source: DeploySource,
    now: datetime,
) -> DeployChanges:
    """Return what a look at a file or a metric makes of what is declared; `deploy`: what it declares, if anything.

    It may be told as often as it was looked: what goes on goes on, and what has expired does not begin again.
    """
    changing = _Changing(dict(deploys))
    for target in targets:
        known = changing.of(target).of(source)
        if deploy is None:
            changing.end(target, source, now)
        elif known is None:
            changing.begin(target, deploy)
    return changing.changes()


def by_file(
    config: Config, snapshot: Snapshot, reason: str | None, now: datetime
) -> DeployChanges:
    """Return what a look at the file makes of what is declared; `reason`: what it says, None where there is none."""
    source = DeploySource.FILE
    deploy = _signal(config, source, reason, now)
    return signalled(snapshot.deploys, snapshot.targets, deploy, source, now)


def by_result(
    config: Config, snapshot: Snapshot, result: Result, now: datetime
) -> DeployChanges:
    """Return what the metric of `[deploys]` makes of what is declared, where the result has it.

    A run without data says nothing of deployments.
    """
    name, metric = result.job.target.name, config.deploys.metric
    has_metric = metric in {one.name for one in result.job.query.metrics}
    if not has_metric or not isinstance(result.outcome, Success):
        return DeployChanges(snapshot.deploys)
    reason = None
    for sample in result.outcome.samples:
        if sample.metric == metric and sample.value > 0:
            reason = ", ".join(map(" ".join, sample.labels))
    source = DeploySource.METRIC
    deploy = _signal(config, source, reason, now)
    return signalled(snapshot.deploys, [name], deploy, source, now)


def _signal(
    config: Config, source: DeploySource, reason: str | None, now: datetime
) -> Deploy | None:
    """Return the deployment that a source declares; None where it declares none."""
    if reason is None:
        return None
    return Deploy(source, now, now + config.deploys.max, reason)


def at_tick(deploys: Deploys, settings: DeploySettings, now: datetime) -> DeployChanges:
    """Return what time alone, or a source that is no longer configured, makes of what is declared."""
    if not deploys:
        return DeployChanges(deploys)
    changing = _Changing(dict(deploys))
    for target, one in deploys.items():
        for deploy in one.declared:
            if not settings.has(deploy.source):
                changing.end(target, deploy.source, now)
            elif deploy.is_overdue(now):
                changing.expire(target, deploy, now)
    return changing.changes()


def of_targets(snapshot: Snapshot) -> DeployChanges:
    """Return what is declared of the targets that there are."""
    kept = snapshot.deploys.keys() & snapshot.targets.keys()
    return DeployChanges({name: snapshot.deploys[name] for name in kept})


def data_from(snapshot: Snapshot, result: Result) -> datetime:
    """Return the instant before which nothing was read of what a result says."""
    position = snapshot.position_of(result.job.key)
    return first_read_at(position, result.scheduled_at)


def look_of(config: Config, snapshot: Snapshot, result: Result) -> DeployLook:
    """Return what declared deployments mean for the detectors that look at a result."""
    declared = snapshot.deploys_of(result.job.target.name)
    data_at = data_from(snapshot, result)
    waits = [
        rule.name
        for rule in result.job.query.rules
        if rule.name in config.deploys.rules
        if declared.covers(_counted_from(rule, result, data_at))
    ]
    accepted_at = declared.accepted_at
    if accepted_at is None:
        return DeployLook(frozenset(waits))
    is_after = data_at >= accepted_at
    return DeployLook(frozenset(waits), accepted_at, is_after)


def _counted_from(rule: Rule, result: Result, data_at: datetime) -> datetime:
    """Return from when on was counted what a rule goes by, at the earliest; `data_at`: when that was read."""
    since: datetime | None = None
    if isinstance(result.outcome, Success):
        counted = result.outcome.counted_from
        since = counted_since(counted, rule.metric, rule.where)
    return min(data_at, since or data_at) - rule.reach


def hold_of(
    config: Config, snapshot: Snapshot, rule: Rule, result: Result
) -> DeployHold:
    """Return what declared deployments mean for the alerts of a rule at a result."""
    declared = snapshot.deploys_of(result.job.target.name)
    if rule.name not in config.deploys.rules:
        return NO_HOLD
    # Of what one of its samples counts alone that one's alert waits.
    data_at = data_from(snapshot, result) - rule.reach
    if declared.covers(data_at):
        return DeployHold(is_open=True, text=_text_of(declared))
    ended = declared.ended
    if ended is None:
        return NO_HOLD
    said = f"remained after the deployment that ended at {utc_second(ended.at)}"
    return DeployHold(ended_at=ended.at, text=f"{said}{because(ended.reason)}")


def waiting(
    deploy: DeployHold,
    alert: Alert,
    counted_from: datetime | None,
    *,
    is_at_once: bool,
) -> Alert:
    """Return an alert as it waits for a deployment, if one goes on, or if it was `counted_from` before its end.

    What fires goes on firing, and so does what takes its place at once (`is_at_once`).
    """
    may_wait = alert.is_pending() and not is_at_once
    if not may_wait:
        return alert
    if deploy.is_open:
        return replace(alert, is_in_deploy=True, deploy=deploy.text)
    if deploy.is_still_counted(counted_from):
        return replace(alert, is_in_deploy=True, deploy=_STILL_COUNTED)
    return alert


def out_of_deploy(
    deploy: DeployHold, active: Mapping[Labels, Alert]
) -> Mapping[Labels, Alert]:
    """Return the alerts of a rule, those free that waited for a deployment: what they wait for begins at its end."""
    if deploy.is_open:
        return active
    return {labels: _freed(deploy, alert) for labels, alert in active.items()}


def _freed(deploy: DeployHold, alert: Alert) -> Alert:
    ended_at = deploy.ended_at
    if not alert.is_in_deploy:
        return alert
    free = replace(alert, is_in_deploy=False, deploy=deploy.text)
    if ended_at is None:
        return free
    reached = [(name, max(since, ended_at)) for name, since in alert.reached]
    active_at = max(alert.active_at, ended_at)
    return replace(free, active_at=active_at, reached=tuple(reached))


def _text_of(declared: TargetDeploys) -> str:
    if declared.under_way:
        return f"held by a deployment {declared.under_way[0].words}"
    return _STILL_READ


@dataclass(slots=True)
class _Changing:
    """What is declared, while it is being changed."""

    deploys: dict[str, TargetDeploys]
    news: list[DeployNews] = field(default_factory=list)

    def of(self, target: str) -> TargetDeploys:
        """Return what is declared of a target."""
        return self.deploys.get(target, NOTHING_DECLARED)

    def begin(self, target: str, deploy: Deploy) -> None:
        """Begin a deployment; one of the same source that goes on has its end and its reason from now on."""
        declared = self.of(target)
        known = declared.of(deploy.source)
        if known is not None:
            deploy = replace(deploy, began_at=known.began_at)
        others = _without(declared, deploy.source)
        self.deploys[target] = replace(declared, declared=(*others, deploy))
        self._tell(DeployChange.BEGUN, target, deploy, deploy.began_at)

    def end(
        self, target: str, source: DeploySource, now: datetime, by: str = ""
    ) -> None:
        """End the deployment of a source, if there is one; `by`: who says so."""
        declared = self.of(target)
        deploy = declared.of(source)
        if deploy is None:
            return
        declared = replace(declared, declared=_without(declared, source))
        # Of one that has expired the end was told, and the time after it began.
        if not deploy.is_expired:
            declared = replace(declared, ended=EndedDeploy(now, deploy.reason))
            self._tell(DeployChange.ENDED, target, replace(deploy, by=by), now)
        self.deploys[target] = declared

    def accept(self, target: str, now: datetime, by: str) -> None:
        """Have what is there now be what it is compared with from now on."""
        self.deploys[target] = replace(self.of(target), accepted_at=now)
        accepted = Deploy(DeploySource.REQUEST, now, now, by=by)
        self._tell(DeployChange.ACCEPTED, target, accepted, now)

    def expire(self, target: str, deploy: Deploy, now: datetime) -> None:
        """End a deployment that has lasted for too long; one of a file or a metric is remembered until that ends."""
        declared = self.of(target)
        kept = _without(declared, deploy.source)
        if deploy.source is not DeploySource.REQUEST:
            kept = (*kept, replace(deploy, is_expired=True))
        ended = EndedDeploy(now, deploy.reason)
        self.deploys[target] = replace(declared, declared=kept, ended=ended)
        self._tell(DeployChange.EXPIRED, target, deploy, now)

    def changes(self) -> DeployChanges:
        """Return what is declared now, and what is to be told."""
        return DeployChanges(self.deploys, tuple(self.news))

    def _tell(
        self, change: DeployChange, target: str, deploy: Deploy, at: datetime
    ) -> None:
        self.news.append(DeployNews(change, target, deploy, at))


def _without(declared: TargetDeploys, source: DeploySource) -> tuple[Deploy, ...]:
    return tuple(one for one in declared.declared if one.source is not source)
