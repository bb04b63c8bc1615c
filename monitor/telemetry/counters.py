"""Count what the monitor itself does: the counters that only go up, and live in no snapshot."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias, assert_never

from monitor.model.alerts import Delivery
from monitor.model.contract import ContractFiles
from monitor.model.deferral import Deferred
from monitor.model.for_each import ItemOutcomes
from monitor.model.kills import Kill
from monitor.model.results import Blocked, Failure, Result, Success
from monitor.model.settings import Config, Job
from monitor.model.shards import Shard
from monitor.model.silences import SilenceRefusal
from monitor.telemetry.counts import BucketsAndSum, CountedSeries, Counts, Histogram
from monitor.telemetry.own_metrics import Counted, Key, Owner
from monitor.timing.shift import moved

Changed: TypeAlias = Mapping[Owner, Set[Key]]
"""Whose counters have changed."""

_MONITOR_KEY: Key = ()
_NOBODY: frozenset[Key] = frozenset()
_AT_FIRST: Mapping[Owner, frozenset[Key]] = MappingProxyType(
    {**dict.fromkeys(Owner, _NOBODY), Owner.MONITOR: frozenset([_MONITOR_KEY])}
)


class Telemetry:
    """Our own counters; each method may be called from any thread.

    `declare` makes the known series begin at 0, and forgets those of what a reload removed. What comes late
    of something that is removed is not counted: it would begin a series that nobody ends.
    """

    def __init__(self, version: str) -> None:
        self.monitor_version = version
        self._lock = threading.Lock()
        self._counts = {one: Counts(one.value) for one in Counted}
        self._durations = Histogram()
        self._changed = _nobody_yet()
        self._changes = 0
        self._owners = _AT_FIRST
        self._rules: frozenset[tuple[str, str]] = frozenset()
        self._heartbeat_at: datetime | None = None
        self._http_sd_at: datetime | None = None
        self._contract_ok: bool | None = None
        self._shard: Shard | None = None
        self._reload_ok: bool | None = None
        self._reloaded_at: datetime | None = None
        self._begin(_AT_FIRST)

    @property
    def changes(self) -> int:
        """Return a number that is another one whenever a counter has changed."""
        return self._changes

    def take_changed(self) -> Changed:
        """Return whose counters have changed since the last call; there may be one caller."""
        with self._lock:
            changed = self._changed
            self._changed = _nobody_yet()
        return changed

    def series(self, counted: Counted) -> list[CountedSeries]:
        """Return all series of a counter."""
        with self._lock:
            return self._counts[counted].series()

    def put_back(self, changed: Changed) -> None:
        """Restore what was taken: whoever took it could not look at it."""
        with self._lock:
            for owner, keys in changed.items():
                for key in keys:
                    self._note(owner, key)

    def series_of(self, counted: Counted, key: Key) -> list[CountedSeries]:
        """Return the series of a counter that belong to one owner."""
        with self._lock:
            return self._counts[counted].series_of(key)

    def count_of(self, counted: Counted, key: Key) -> int | None:
        """Return what a counter that is not divided has of one owner; None where it has no such series."""
        return self._counts[counted].count_of(key)

    def durations_of(self, key: Key) -> BucketsAndSum | None:
        """Return how long the runs of a target and query took; None of one that is not known.

        The buckets come as their label `le`, and how many runs took no longer; the sum is in seconds.
        """
        # A reload may choose other bounds and forget owners.
        with self._lock:
            return self._durations.of(key)

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
    def contract_ok(self) -> bool | None:
        """Return whether the application's source was read at the last load; None where there is none to read."""
        return self._contract_ok

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
        owners = {owner: owner.keys_in(config) for owner in Owner}
        with self._lock:
            before, self._owners = self._owners, owners
            self._durations.use(config.web.duration_buckets)
            for owner, keys in before.items():
                for key in keys - owners[owner]:
                    self._forget(owner, key)
            self._begin(owners)
        self._rules = _rules_in(config)
        self._shard = config.shard

    def run_finished(self, result: Result) -> None:
        """Count a run and how it went; one that was not made is counted only where it was put off."""
        key = result.job.key
        outcome = result.outcome
        if isinstance(outcome, Blocked) or key not in self._owners[Owner.JOB]:
            return
        if isinstance(outcome, Deferred):
            self._count(Counted.DEFERRED, key[:1], outcome.reason)
            return
        with self._lock:
            if key in self._owners[Owner.JOB]:
                self._counts[Counted.RUNS].add(key)
                self._durations.observe(key, result.duration_seconds)
                # Also after the count: between the two the lines of this query may have been made anew.
                self._note(Owner.JOB, key)
        match outcome:
            case Failure():
                self._count(Counted.FAILED_RUNS, key)
                self._count(Counted.FAILURES, key, outcome.reason.value)
                self._count_items(key, outcome.items)
            case Success():
                failed = len(outcome.evidence_errors)
                self._count(Counted.EVIDENCE_FAILURES, key, times=failed)
                self._count_items(key, outcome.items)
                for warning in outcome.warnings:
                    self._count(Counted.SERVER_WARNINGS, key, str(warning.code))
            case _:
                assert_never(outcome)

    def _count_items(self, key: tuple[str, str], items: ItemOutcomes | None) -> None:
        """Count the items of a run that gave no data."""
        if items is None:
            return
        for failed in items.failed:
            self._count(Counted.ITEM_FAILURES, key, failed.reason.value)

    def unjudged(self, key: tuple[str, str]) -> None:
        """Count a result, of a target and query, that a rule could not judge."""
        self._count(Counted.RULE_FAILURES, key)

    def crashed(self) -> None:
        """Count a message of the pipe that was lost."""
        self._count(Counted.PIPELINE_FAILURES, _MONITOR_KEY)

    def killed(self, kill: Kill) -> None:
        """Count an attempt to stop a statement on its server and how it went."""
        self._count(Counted.KILLS, (kill.target,))
        if kill.reason:
            self._count(Counted.KILL_FAILURES, (kill.target,), kill.reason)

    def missed(self, job: Job, count: int) -> None:
        """Count runs that were due and not made."""
        self._count(Counted.MISSED, job.key, times=count)

    def delivered(self, delivery: Delivery) -> None:
        """Count an attempt at a receiver and how it went."""
        receiver = delivery.receiver
        self._count(Counted.DELIVERIES, (receiver,))
        if delivery.reason:
            self._count(Counted.DELIVERY_FAILURES, (receiver,), delivery.reason)

    def refused(self, receiver: str, count: int) -> None:
        """Count alerts that were not put in a receiver's outbox, since it is full."""
        self._count(Counted.REFUSED, (receiver,), times=count)

    def silence_refused(self, reason: SilenceRefusal) -> None:
        """Count something about silences that was asked for and refused."""
        self._count(Counted.SILENCE_REFUSALS, _MONITOR_KEY, reason)

    def heartbeat(self, delivery: Delivery) -> None:
        """Count an attempt at the heartbeat's address and how it went."""
        self._count(Counted.HEARTBEATS, _MONITOR_KEY)
        if delivery.reason:
            self._count(Counted.HEARTBEAT_FAILURES, _MONITOR_KEY, delivery.reason)
        else:
            self._heartbeat_at = delivery.at

    def http_sd(self, delivery: Delivery) -> None:
        """Count a request for the list of targets and how it went."""
        self._count(Counted.HTTP_SD, _MONITOR_KEY)
        if delivery.reason:
            self._count(Counted.HTTP_SD_FAILURES, _MONITOR_KEY, delivery.reason)
        else:
            self._http_sd_at = delivery.at

    def contract_read(self, files: ContractFiles | None) -> None:
        """Record whether a load could read the application's source; None: there is none to read."""
        self._contract_ok = None if files is None else not files.faults
        if self._contract_ok is False:
            self._count(Counted.CONTRACT_FAILURES, _MONITOR_KEY)

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

    def _count(self, counted: Counted, key: Key, *part: str, times: int = 1) -> None:
        """Count for an owner that there is; what comes late of one that is removed is left out."""
        if not times:
            return
        owner = counted.value.owner
        with self._lock:
            if key in self._owners[owner]:
                self._counts[counted].add(key, *part, times=times)
                self._note(owner, key)

    def _begin(self, owners: Mapping[Owner, frozenset[Key]]) -> None:
        for counted, counts in self._counts.items():
            for key in owners[counted.value.owner]:
                counts.begin(key)
        for key in owners[Owner.JOB]:
            self._durations.begin(key)
        for owner, keys in owners.items():
            for key in keys:
                self._note(owner, key)

    def _forget(self, owner: Owner, key: Key) -> None:
        for counted, counts in self._counts.items():
            if counted.value.owner is owner:
                counts.forget(key)
        if owner is Owner.JOB:
            self._durations.forget(key)
        self._note(owner, key)

    def _note(self, owner: Owner, key: Key) -> None:
        self._changed[owner].add(key)
        self._changes += 1


def _nobody_yet() -> dict[Owner, set[Key]]:
    return {owner: set() for owner in Owner}


def _rules_in(config: Config) -> frozenset[tuple[str, str]]:
    rules = [*config.own_rules]
    for job in config.all_jobs:
        rules.extend(job.query.rules)
    pairs: set[tuple[str, str]] = set()
    for rule in rules:
        pairs.update((rule.name, severity.value) for severity in rule.severities)
    return frozenset(pairs)
