"""Count what the monitor itself does: the counters that only go up, and live in no snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from monitor.model.alerts import Delivery
from monitor.model.errors import Reason
from monitor.model.results import KILL_REASONS, Blocked, Failure, Kill, Result, Success
from monitor.model.settings import Config, Job
from monitor.timing.shift import moved

DURATION_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class _Declared:
    """What has series: jobs by target and query, rules by name and severity."""

    jobs: frozenset[tuple[str, str]] = frozenset()
    receivers: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    rules: frozenset[tuple[str, str]] = frozenset()


class Telemetry:
    """Our own counters, in a registry of their own; each may be called from any thread.

    `declare` makes the known series begin at 0, and forgets those of what a reload removed.
    """

    def __init__(self, version: str) -> None:
        # Each counter would have a second series that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types there
        self.registry = CollectorRegistry()
        job = ("target", "query")
        self._show_version(version)
        self._runs = self._counter(
            "query_runs_total", "Runs of the query on the target", job
        )
        self._failures = self._counter(
            "query_failures_total",
            "Runs that gave no data, by reason",
            (*job, "reason"),
        )
        self._durations = self._duration_histogram(job)
        self._missed = self._counter(
            "query_missed_total",
            "Runs that were due and not made, since the last one was not over",
            job,
        )
        self._rule_failures = self._counter(
            "rule_failures_total",
            "How often a rule of the query could not judge its result",
            job,
        )
        self._evidence_failures = self._counter(
            "evidence_failures_total",
            "Look-ups of examples for an alert of the query that failed",
            job,
        )
        self._server_warnings = self._counter(
            "server_warnings_total",
            "Answers on which the server remarked something that spoils no result, by its code",
            (*job, "code"),
        )
        self._pipeline_failures = self._counter(
            "pipeline_failures_total",
            "Results and other messages that were lost by a defect or a lock",
            (),
        )
        self._kills = self._counter(
            "kills_total", "Attempts to stop a statement on the server", ("target",)
        )
        self._kill_failures = self._counter(
            "kill_failures_total",
            "Statements that could not be stopped, by reason",
            ("target", "reason"),
        )
        self._deliveries = self._counter(
            "deliveries_total", "Attempts at the receiver", ("receiver",)
        )
        self._delivery_failures = self._counter(
            "delivery_failures_total",
            "Attempts that the receiver did not take, by reason",
            ("receiver", "reason"),
        )
        self._refused = self._counter(
            "outbox_refused_total",
            "Alerts that began while the receiver's outbox was full",
            ("receiver",),
        )
        self._heartbeats = self._counter(
            "heartbeats_total", "Attempts at the heartbeat's address", ()
        )
        self._heartbeat_failures = self._counter(
            "heartbeat_failures_total",
            "Heartbeats that were not taken, by reason",
            ("reason",),
        )
        self._heartbeat_at: datetime | None = None
        self._reload_ok: bool | None = None
        self._reloaded_at: datetime | None = None
        self._declared = _Declared()

    def _show_version(self, version: str) -> None:
        name, what = "token_monitor_build_info", "The version of the monitor"
        Gauge(name, what, ("version",), registry=self.registry).labels(version).set(1)

    def _duration_histogram(self, labels: tuple[str, ...]) -> Histogram:
        return Histogram(
            "token_monitor_query_duration_seconds",
            "How long runs took: waiting for a connection, the statement, its evidence",
            labels,
            registry=self.registry,
            buckets=DURATION_BUCKETS,
        )

    @property
    def reload_ok(self) -> bool | None:
        """Tell whether the last load of the configuration succeeded; None before the first."""
        return self._reload_ok

    @property
    def reloaded_at(self) -> datetime | None:
        """Tell when the configuration was last loaded with success."""
        return self._reloaded_at

    @property
    def heartbeat_at(self) -> datetime | None:
        """Tell when a heartbeat was last taken."""
        return self._heartbeat_at

    @property
    def rules(self) -> frozenset[tuple[str, str]]:
        """Give name and severity of each known rule."""
        return self._declared.rules

    def declare(self, config: Config) -> None:
        """Begin the series of every job, receiver and rule at 0; drop those that are no more."""
        before, self._declared = self._declared, _declared_by(config)
        self._forget(before)
        for target in self._declared.targets:
            self._kills.labels(target)
            for reason in KILL_REASONS:
                self._kill_failures.labels(target, reason)
        for job in config.jobs:
            self._begin_job(*job.key)
        for receiver in config.receivers:
            self._deliveries.labels(receiver.name)
            if receiver.kind != "alertmanager":
                self._refused.labels(receiver.name)

    def _forget(self, before: _Declared) -> None:
        for job in before.jobs - self._declared.jobs:
            self._forget_job(job)
        for receiver in before.receivers - self._declared.receivers:
            for family in (self._deliveries, self._refused, self._delivery_failures):
                family.remove_by_labels({"receiver": receiver})
        for target in before.targets - self._declared.targets:
            for family in (self._kills, self._kill_failures):
                family.remove_by_labels({"target": target})

    def run_finished(self, result: Result) -> None:
        """Count a run and how it went; a blocked run was not made, and counts nowhere."""
        outcome = result.outcome
        if isinstance(outcome, Blocked) or result.job.key not in self._declared.jobs:
            return
        self._runs.labels(*result.job.key).inc()
        self._durations.labels(*result.job.key).observe(result.duration_seconds)
        if isinstance(outcome, Failure):
            self._failures.labels(*result.job.key, outcome.reason.value).inc()
        if isinstance(outcome, Success):
            self._evidence_failures.labels(*result.job.key).inc(
                len(outcome.evidence_errors)
            )
            for warning in outcome.warnings:
                self._server_warnings.labels(*result.job.key, str(warning.code)).inc()

    def unjudged(self, key: tuple[str, str]) -> None:
        """Count a result, of a target and query, that a rule could not judge."""
        if key in self._declared.jobs:
            self._rule_failures.labels(*key).inc()

    def crashed(self) -> None:
        """Count a message of the pipe that was lost."""
        self._pipeline_failures.inc()

    def killed(self, kill: Kill) -> None:
        """Count an attempt to stop a statement on its server and how it went."""
        if kill.target not in self._declared.targets:
            return
        self._kills.labels(kill.target).inc()
        if kill.reason:
            self._kill_failures.labels(kill.target, kill.reason).inc()

    def missed(self, job: Job, count: int) -> None:
        """Count runs that were due and not made."""
        if job.key in self._declared.jobs:
            self._missed.labels(*job.key).inc(count)

    def delivered(self, delivery: Delivery) -> None:
        """Count an attempt at a receiver and how it went."""
        if delivery.receiver not in self._declared.receivers:
            return
        self._deliveries.labels(delivery.receiver).inc()
        if delivery.reason:
            self._delivery_failures.labels(delivery.receiver, delivery.reason).inc()

    def refused(self, receiver: str, count: int) -> None:
        """Count alerts that were not put in a receiver's outbox, since it is full."""
        if receiver in self._declared.receivers:
            self._refused.labels(receiver).inc(count)

    def heartbeat(self, delivery: Delivery) -> None:
        """Count an attempt at the heartbeat's address and how it went."""
        self._heartbeats.inc()
        if delivery.reason:
            self._heartbeat_failures.labels(delivery.reason).inc()
        else:
            self._heartbeat_at = delivery.at

    def move(self, by: timedelta) -> None:
        """Move the instants that are kept: the clock was set by this much."""
        self._heartbeat_at = moved(self._heartbeat_at, by)
        self._reloaded_at = moved(self._reloaded_at, by)

    def reloaded(self, ok: bool, at: datetime) -> None:  # noqa: FBT001 - the outcome is the argument
        """Record how a load of the configuration went, the first one included."""
        self._reload_ok = ok
        if ok:
            self._reloaded_at = at

    def _begin_job(self, target: str, query: str) -> None:
        self._runs.labels(target, query)
        self._durations.labels(target, query)
        for family in (self._missed, self._rule_failures, self._evidence_failures):
            family.labels(target, query)
        for reason in Reason:
            self._failures.labels(target, query, reason.value)

    def _forget_job(self, key: tuple[str, str]) -> None:
        for family in (
            self._runs,
            self._missed,
            self._rule_failures,
            self._evidence_failures,
        ):
            family.remove(*key)
        self._durations.remove(*key)
        self._server_warnings.remove_by_labels({"target": key[0], "query": key[1]})
        for reason in Reason:
            self._failures.remove(*key, reason.value)

    def _counter(self, name: str, documentation: str, labels: Iterable[str]) -> Counter:
        return Counter(
            f"token_monitor_{name}",
            documentation,
            tuple(labels),
            registry=self.registry,
        )


def _declared_by(config: Config) -> _Declared:
    rules = [*config.own_rules]
    for job in config.jobs:
        rules.extend(job.query.rules)
    return _Declared(
        jobs=frozenset(job.key for job in config.jobs),
        receivers=frozenset(receiver.name for receiver in config.receivers),
        targets=frozenset(target.name for target in config.targets),
        rules=frozenset((rule.name, rule.severity.value) for rule in rules),
    )
