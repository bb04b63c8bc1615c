"""Count what the monitor itself does: the counters that only go up, and live in no snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias, assert_never

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from monitor.model.alerts import Delivery
from monitor.model.results import Blocked, Failure, Kill, Result, Success
from monitor.model.settings import Config, Job
from monitor.model.shards import Shard
from monitor.telemetry.own_metrics import (
    BUILD_INFO,
    DURATION_BUCKETS,
    RUN_DURATION,
    Counted,
    CountedMetric,
    Key,
    Owner,
)
from monitor.timing.shift import moved

Family: TypeAlias = Counter | Histogram

_NOBODY: Mapping[Owner, frozenset[Key]] = MappingProxyType(
    dict.fromkeys(Owner, frozenset())
)


class Telemetry:
    """Our own counters, in a registry of their own; each may be called from any thread.

    `declare` makes the known series begin at 0, and forgets those of what a reload removed. What comes late
    of something that is removed is not counted: it would begin a series that nobody ends.
    """

    def __init__(self, version: str) -> None:
        # Each counter would have a second series, _created, that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types there
        self.registry = CollectorRegistry()
        build_info = Gauge(
            BUILD_INFO.name,
            BUILD_INFO.help,
            BUILD_INFO.labels,
            registry=self.registry,
        )
        build_info.labels(version).set(1)
        self._durations = Histogram(
            RUN_DURATION.name,
            RUN_DURATION.help,
            RUN_DURATION.labels,
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )
        self._counters = {one: self._counter(one.value) for one in Counted}
        self._families: dict[CountedMetric, Family] = {
            RUN_DURATION: self._durations,
            **{one.value: counter for one, counter in self._counters.items()},
        }
        self._owners = _NOBODY
        self._rules: frozenset[tuple[str, str]] = frozenset()
        self._heartbeat_at: datetime | None = None
        self._http_sd_at: datetime | None = None
        self._shard: Shard | None = None
        self._reload_ok: bool | None = None
        self._reloaded_at: datetime | None = None

    @property
    def reload_ok(self) -> bool | None:
        """Return whether the last load of the configuration succeeded; None before the first."""
        return self._reload_ok

    @property
    def reloaded_at(self) -> datetime | None:
        """Return when the configuration was last loaded with success."""
        return self._reloaded_at

    @property
    def heartbeat_at(self) -> datetime | None:
        """Return when a heartbeat was last taken."""
        return self._heartbeat_at

    @property
    def http_sd_at(self) -> datetime | None:
        """Return when the list of targets was last had."""
        return self._http_sd_at

    @property
    def shard(self) -> Shard | None:
        """Return which shard this is; None where it watches all targets."""
        return self._shard

    @property
    def rules(self) -> frozenset[tuple[str, str]]:
        """Return name and severity of each known rule."""
        return self._rules

    def declare(self, config: Config) -> None:
        """Begin the series of every job, target and receiver at 0; drop those that are no more."""
        before = self._owners
        self._owners = {owner: owner.keys_in(config) for owner in Owner}
        self._rules = _rules_in(config)
        self._shard = config.shard
        for metric, family in self._families.items():
            keys = self._owners[metric.owner]
            for key in before[metric.owner] - keys:
                _forget(metric, family, key)
            for key in keys:
                _begin(metric, family, key)

    def run_finished(self, result: Result) -> None:
        """Count a run and how it went; a blocked run was not made, and counts nowhere."""
        key = result.job.key
        outcome = result.outcome
        if isinstance(outcome, Blocked) or key not in self._owners[Owner.JOB]:
            return
        self._count(Counted.RUNS, *key)
        self._durations.labels(*key).observe(result.duration_seconds)
        match outcome:
            case Failure():
                self._count(Counted.FAILURES, *key, outcome.reason.value)
            case Success():
                failed = len(outcome.evidence_errors)
                self._count(Counted.EVIDENCE_FAILURES, *key, times=failed)
                for warning in outcome.warnings:
                    self._count(Counted.SERVER_WARNINGS, *key, str(warning.code))
            case _:
                assert_never(outcome)

    def unjudged(self, key: tuple[str, str]) -> None:
        """Count a result, of a target and query, that a rule could not judge."""
        if key in self._owners[Owner.JOB]:
            self._count(Counted.RULE_FAILURES, *key)

    def crashed(self) -> None:
        """Count a message of the pipe that was lost."""
        self._count(Counted.PIPELINE_FAILURES)

    def killed(self, kill: Kill) -> None:
        """Count an attempt to stop a statement on its server and how it went."""
        if (kill.target,) not in self._owners[Owner.TARGET]:
            return
        self._count(Counted.KILLS, kill.target)
        if kill.reason:
            self._count(Counted.KILL_FAILURES, kill.target, kill.reason)

    def missed(self, job: Job, count: int) -> None:
        """Count runs that were due and not made."""
        if job.key in self._owners[Owner.JOB]:
            self._count(Counted.MISSED, *job.key, times=count)

    def delivered(self, delivery: Delivery) -> None:
        """Count an attempt at a receiver and how it went."""
        receiver = delivery.receiver
        if (receiver,) not in self._owners[Owner.RECEIVER]:
            return
        self._count(Counted.DELIVERIES, receiver)
        if delivery.reason:
            self._count(Counted.DELIVERY_FAILURES, receiver, delivery.reason)

    def refused(self, receiver: str, count: int) -> None:
        """Count alerts that were not put in a receiver's outbox, since it is full."""
        if (receiver,) in self._owners[Owner.OUTBOX]:
            self._count(Counted.REFUSED, receiver, times=count)

    def heartbeat(self, delivery: Delivery) -> None:
        """Count an attempt at the heartbeat's address and how it went."""
        self._count(Counted.HEARTBEATS)
        if delivery.reason:
            self._count(Counted.HEARTBEAT_FAILURES, delivery.reason)
        else:
            self._heartbeat_at = delivery.at

    def http_sd(self, delivery: Delivery) -> None:
        """Count a request for the list of targets and how it went."""
        self._count(Counted.HTTP_SD)
        if delivery.reason:
            self._count(Counted.HTTP_SD_FAILURES, delivery.reason)
        else:
            self._http_sd_at = delivery.at

    def move(self, by: timedelta) -> None:
        """Move the instants that are kept: the clock was set by this much."""
        self._http_sd_at = moved(self._http_sd_at, by)
        self._heartbeat_at = moved(self._heartbeat_at, by)
        self._reloaded_at = moved(self._reloaded_at, by)

    def reloaded(self, ok: bool, at: datetime) -> None:  # noqa: FBT001 - the outcome is the argument
        """Record how a load of the configuration went, the first one included."""
        self._reload_ok = ok
        if ok:
            self._reloaded_at = at

    def _counter(self, metric: CountedMetric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _count(self, counted: Counted, *labels: str, times: int = 1) -> None:
        counter = self._counters[counted]
        series = counter.labels(*labels) if labels else counter
        series.inc(times)


def _begin(metric: CountedMetric, family: Family, key: Key) -> None:
    """Make the series of an owner that are known beforehand; those that are there keep their count."""
    # In a series that begins with its first event, increase() sees none.
    if not metric.is_divided:
        family.labels(*key)
    for value in metric.known:
        family.labels(*key, value)


def _forget(metric: CountedMetric, family: Family, key: Key) -> None:
    """Remove every series of an owner."""
    if not metric.is_divided:
        family.remove(*key)
    elif not metric.known:
        # It looks at every series of the family: for those alone of which there are few.
        family.remove_by_labels(dict(zip(metric.labels, key, strict=False)))
    for value in metric.known:
        family.remove(*key, value)


def _rules_in(config: Config) -> frozenset[tuple[str, str]]:
    rules = [*config.own_rules]
    for job in config.jobs:
        rules.extend(job.query.rules)
    return frozenset((rule.name, rule.severity.value) for rule in rules)
