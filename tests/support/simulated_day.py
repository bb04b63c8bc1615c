"""A day of operation on a driven clock, with faults from a seeded list, and a simple oracle beside it."""

from __future__ import annotations

import gc
import random
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from monitor.alerting.blocking import blocked_run
from monitor.alerting.resolved import RESOLVED_KEPT
from monitor.alerting.severity import rank
from monitor.collector.slots import (
    grid_offset,
    next_slot,
    slot_at,
    slot_index,
    slot_of_tick,
)
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import Missed, NewConfig
from monitor.model.alerts import Alert, AlertState, Change, Notification, Transition
from monitor.model.conditions import Condition
from monitor.model.errors import DeliveryError
from monitor.model.results import Failure, Outcome, Result, Success
from monitor.model.schedules import Every
from monitor.model.settings import Config, Job, Query, Receiver, Rule, Severity
from monitor.notify.context import DeliveryContext
from monitor.notify.outbox import OutboxWorker
from monitor.notify.transport import Transport
from monitor.storage import State, StateLimits
from monitor.timing.deadlines import Watchdog
from tests.support import harness
from tests.support.disks import let_files_grow
from tests.support.harness import MINUTE, SECOND, START

HOUR = timedelta(hours=1)
TICK = 2 * SECOND
SETTLES = 6 * MINUTE
"""Longer than any `for` and `keep_firing_for` with three intervals: then what fires is what is wrong."""
PLANS = ("free", "pro", "business")
HISTORY = 100
BOUNDS = {
    "transitions": HISTORY,
    "deliveries": HISTORY,
    "alerts": 30,
    "scopes": 30,
    "shown": 90,
    "outbox": 200,
    "empty scopes": 0,
    "long resolved": 0,
    "kilobytes": 5000,  # SQLite keeps a WAL of up to 4 MB
    "bytes": 300_000,
}
"""What faults drive up and down has a bound; the rest must not grow at all."""

PRODUCT = tracemalloc.Filter(inclusive=True, filename_pattern="*/monitor/*")

SCHEMA = replace(harness.COLUMNS, schedule=Every(30 * SECOND))
BALANCE_RULE = replace(harness.BALANCES.rules[0], keep_firing_for=MINUTE)
BALANCE_QUERY = replace(harness.BALANCES, rules=(BALANCE_RULE,))
USAGE_QUERY = replace(harness.USAGE, schedule=Every(20 * SECOND))
TARGETS = tuple(
    replace(harness.TARGET, name=name, labels={"region": name[:2]})
    for name in ("eu1", "us1", "ap1")
)
RECEIVERS = (harness.HOOK, replace(harness.HOOK, name="other"))


def config_with(
    balance_query: Query = BALANCE_QUERY, usage_query: Query | None = USAGE_QUERY
) -> Config:
    """Make the configuration of three targets with these queries."""
    queries = [SCHEMA, balance_query, *([usage_query] if usage_query else [])]
    jobs = tuple(Job(target, query) for target in TARGETS for query in queries)
    return replace(harness.a_config(), targets=TARGETS, jobs=jobs, receivers=RECEIVERS)


CONFIGS = {
    "as it was": config_with(),
    "no rule for usage": config_with(usage_query=replace(USAGE_QUERY, rules=())),
    "no query for usage": config_with(usage_query=None),
    "another threshold": config_with(
        usage_query=replace(
            USAGE_QUERY,
            rules=(replace(USAGE_QUERY.rules[0], condition=Condition("above", 9.0)),),
        )
    ),
    "another severity": config_with(
        replace(
            BALANCE_QUERY, rules=(replace(BALANCE_RULE, severity=Severity.WARNING),)
        )
    ),
    "another interval": config_with(
        replace(BALANCE_QUERY, schedule=Every(40 * SECOND))
    ),
}


@dataclass
class Truth:
    """How it really is with one target."""

    is_lost: bool = False
    is_missing: bool = False
    failing: str = ""
    """A query that fails."""
    plans: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PLANS, 0.0))
    age: float = 0.0
    wrong_since: dict[str, datetime] = field(default_factory=dict)
    """Since when every run that saw a plan found something."""
    good_since: dict[str, datetime] = field(default_factory=dict)
    """Since when every run that saw a plan found nothing."""
    since: datetime = START
    """When any of this, or what looks at it, last changed."""

    @property
    def is_well(self) -> bool:
        """Return whether nothing is wrong with the target."""
        return not self.is_lost and not self.is_missing and not self.failing

    def outcome(self, query: str) -> Outcome:
        """Return what a run of the query ends with now."""
        if self.is_lost:
            return harness.LOST
        if self.failing == query:
            return harness.TIMEOUT
        if query == "missing_columns":
            return harness.columns(*([harness.BALANCE] if self.is_missing else []))
        if query == "balances":
            return (
                harness.NO_COLUMN if self.is_missing else harness.balances(**self.plans)
            )
        return harness.usage(self.age)

    def findings(self, query: str, rule: Rule) -> set[str]:
        """Return in the simplest words which plans (or "" for the whole) a rule has to find."""
        above = rule.condition.threshold
        if query == "missing_columns":
            return {""} if self.is_missing else set()
        if query == "balances":
            return {plan for plan, number in self.plans.items() if number > above}
        return {""} if self.age > above else set()


class Wire:
    """A sender whose far end the test has in its hand."""

    def __init__(self) -> None:
        self.is_down = False
        self.keys: list[int] = []
        self.came: list[str] = []
        self.unfounded: list[str] = []
        """What was sent again, and never sent before."""

    def send(self, notification: Notification, now: datetime) -> None:
        """Take a notification, or refuse it where the receiver is down."""
        if self.is_down:
            raise DeliveryError("refused", "connection refused", recoverable=True)
        self.keys.append(int(notification.key, 16))
        came = [_announced(alert) for alert in notification.alerts]
        if notification.is_repeat:
            self.unfounded += [one for one in came if one not in self.came]
        else:
            self.came.extend(came)

    def abort(self) -> None:
        """Cut nothing: nothing waits."""

    def close(self) -> None:
        """Close nothing: nothing is open."""


class DrivenWorker(OutboxWorker):
    """The worker of a receiver without its thread: takes its turn when it would have woken."""

    def __init__(self, receiver: Receiver, process: Process, wire: Wire) -> None:
        context = DeliveryContext(
            clock=process,
            outbox=process.state,
            snapshot=tuple,
            on_delivery=process.take,
            transport=Transport(Watchdog()),
            jitter=lambda: 0.5,
        )
        super().__init__(receiver, wire, context)
        self._woken_at: datetime | None = process.at

    def wake(self) -> None:
        """Take a turn at the next opportunity."""
        self._woken_at = START

    def turn(self, now: datetime) -> None:
        """Take every turn that is due."""
        while self._woken_at is not None and self._woken_at <= now:
            seconds = self._turn(self._work)
            self._woken_at = (
                None if seconds is None else now + timedelta(seconds=seconds)
            )


class Process(harness.Harness):
    """One life of the daemon: the pipeline, the workers of receivers, what it wants to run at once."""

    def __init__(self, config: Config, state: State, at: datetime, day: Day) -> None:
        self.day = day
        self.soon: list[Job] = []
        super().__init__(config, state=state, at=at)
        self.workers = [
            DrivenWorker(receiver, self, day.wires[receiver.name])
            for receiver in config.receivers
        ]
        self.take(NewConfig(config))

    def look_at_receivers(self) -> None:
        """Note how each receiver does."""
        waiting = self.state.outbox()
        for worker in self.workers:
            name = worker.receiver.name
            self.health[name] = worker.status(waiting.get(name))

    def on_wanted(self, jobs: list[Job]) -> None:
        """Hear of runs that are wanted at once."""
        self.soon.extend(jobs)

    def on_transitions(self, transitions: tuple[Transition, ...]) -> None:
        """Hear of what alerts became."""
        for transition in transitions:
            self.day.hear(transition)

    def poke(self) -> None:
        """Wake the receivers' workers."""
        for worker in self.workers:
            worker.wake()


class Day:
    """What surrounds the processes: truth, faults, the grid; and what is held against what they say."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.path = directory / "state.sqlite"
        self.choose = random.Random(seed)
        self.truths = {target.name: Truth() for target in TARGETS}
        self.wires = {receiver.name: Wire() for receiver in RECEIVERS}
        self.announced: list[str] = []
        self.firing: set[str] = set()
        self.faults: list[str] = []
        self.done: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self.slots: dict[tuple[str, str], tuple[Every, datetime]] = {}
        self.plan: list[tuple[datetime, Callable[[], None]]] = []
        self.config = CONFIGS["as it was"]
        self.disk_messages: list[str] = []
        self.is_disk_full = False
        self.slept_at = START
        self.downs: list[tuple[datetime, datetime]] = []
        self.process = self._born(START)

    # the processes

    def _born(self, at: datetime) -> Process:
        state = State(
            str(self.path),
            limits=StateLimits(history_rows=HISTORY),
            on_lost_disk=self.disk_messages.append,
        )
        self.process = Process(self.config, state, at, self)
        self.slots = {}
        self._schedule()
        return self.process

    def restart(self, *, is_kill: bool, after: timedelta) -> None:
        """End the process, by a signal or by a kill, and begin another one later."""
        process = self.process
        if self.is_disk_full:
            return  # what is only in memory goes with the process: known, and said aloud
        self.done["killed" if is_kill else "restarted"] += 1
        if not is_kill:
            process.state.write_mark(ALIVE, process.at)
        process.state.close()
        self.downs.append((process.at, process.at + after))
        self._born(process.at + after)
        self._unsettle()

    def reload(self, name: str) -> None:
        """Put another configuration in force."""
        self.config = self.process.config = CONFIGS[name]
        self.process.take(NewConfig(self.config))
        self._schedule()
        self._unsettle()

    def _schedule(self) -> None:
        """Run what is new at once, schema queries first; the rest goes on on its grid."""
        jobs = {job.key: job for job in self.config.jobs}
        self.slots = {key: slot for key, slot in self.slots.items() if key in jobs}
        for key, job in jobs.items():
            schedule = job.query.schedule
            assert isinstance(schedule, Every)
            if key not in self.slots or self.slots[key][0] != schedule:
                self.run(job, self.process.at)
                self._plan_next(job, schedule)

    def _plan_next(self, job: Job, schedule: Every) -> None:
        offset = grid_offset(job.key, schedule.interval)
        self.slots[job.key] = (
            schedule,
            next_slot(self.process.at, schedule.interval, offset),
        )

    # time

    def live(self, until: datetime) -> None:
        """Let time pass: due runs at their slots, a tick every two seconds, faults as planned."""
        while self.process.at < until:
            to = self.process.at + TICK
            while self.plan and min(at for at, _ in self.plan) <= self.process.at:
                self.plan.sort(key=lambda entry: entry[0])
                self.plan.pop(0)[1]()
            self._run_due(max(to, self.process.at))
            process = self.process
            process.at = max(to, process.at)
            process.tick()
            self._run_wanted()
            for worker in process.workers:
                worker.turn(process.at)
            process.look_at_receivers()
            self.check()

    def _run_due(self, to: datetime) -> None:
        jobs = {job.key: job for job in self.config.jobs}
        due = sorted((at, key) for key, (_, at) in self.slots.items() if at <= to)
        for at, key in due:
            self.process.at = max(self.process.at, at)
            schedule = self.slots[key][0]
            offset = grid_offset(key, schedule.interval)
            index = slot_of_tick(self.process.at, schedule.interval, offset)
            if missed := index - slot_index(at, schedule.interval, offset):
                self.process.take(Missed(jobs[key], missed))
            self.run(jobs[key], slot_at(index, schedule.interval, offset))
            self._run_wanted()
            self._plan_next(jobs[key], schedule)

    def _run_wanted(self) -> None:
        while self.process.soon:
            wanted, self.process.soon = self.process.soon, []
            for job in wanted:
                self.run(job, self.process.at)

    def run(self, job: Job, scheduled_at: datetime) -> None:
        """Let one run end as the simulation has it."""
        process = self.process
        snapshot = process.pipeline.snapshot
        blocked = blocked_run(job, scheduled_at, snapshot, process.at)
        if blocked is not None:
            process.take(blocked)
            return
        outcome = self.truths[job.target.name].outcome(job.query.name)
        if job.query.name == "balances" and isinstance(outcome, Success):
            truth = self.truths[job.target.name]
            wrong = [plan for plan in PLANS if truth.plans[plan]]
            good = [plan for plan in PLANS if not truth.plans[plan]]
            truth.wrong_since = {
                plan: truth.wrong_since.get(plan, process.at) for plan in wrong
            }
            truth.good_since = {
                plan: truth.good_since.get(plan, process.at) for plan in good
            }
        reached = (
            None if isinstance(outcome, Failure) and outcome.lost else harness.SERVER
        )
        process.take(
            Result(job, scheduled_at, process.at, process.at, 0.01, outcome, reached)
        )

    # faults

    def misfortunes(self, until: datetime) -> None:
        """Plan one fault after another until then, each with its end."""
        at = self.process.at + 20 * MINUTE
        kinds = dict.fromkeys(self.kinds(), 0)
        while at < until - HOUR:
            name = min(kinds, key=lambda name: (kinds[name], self.choose.random()))
            kinds[name] += 1
            self.plan.append((at, self._named(name)))
            at += timedelta(seconds=self.choose.uniform(20, 420))

    def _named(self, name: str) -> Callable[[], None]:
        def begin() -> None:
            if name not in ("killed", "restarted"):
                self.done[name] += 1
            self.kinds()[name]()

        return begin

    def kinds(self) -> dict[str, Callable[[], None]]:
        """Return what can happen, by name."""
        return {
            "target lost": lambda: self._for_a_while(is_lost=True),
            "query fails": self._fail,
            "column missing": lambda: self._for_a_while(is_missing=True),
            "finding": self._find,
            "finding again": self._find,
            "usage stops": self._stop_usage,
            "killed": lambda: self.restart(is_kill=True, after=self._while(1, 600)),
            "flaps": self._flap,
            "killed while pending": self._kill_while_pending,
            "restarted": lambda: self.restart(is_kill=False, after=self._while(1, 30)),
            "reload": lambda: self.reload(self.choose.choice(list(CONFIGS))),
            "asleep": self._sleep,
            "receiver down": self._silence,
            "disk lost": self._lose_disk,
        }

    def _while(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=self.choose.uniform(least, most))

    def _someone(self) -> Truth | None:
        """Choose a target that is well: one trouble at a time keeps the oracle simple."""
        well = [truth for truth in self.truths.values() if truth.is_well]
        return self.choose.choice(well) if well else None

    def _for_a_while(
        self, *, is_lost: bool = False, is_missing: bool = False, failing: str = ""
    ) -> None:
        truth = self._someone()
        if truth is not None:
            self._become(truth, is_lost, is_missing, failing)
            end = partial(
                self._become, truth, is_lost=False, is_missing=False, failing=""
            )
            self.plan.append((self.process.at + self._while(30, 1200), end))

    def _become(
        self, truth: Truth, is_lost: bool, is_missing: bool, failing: str
    ) -> None:
        truth.is_lost, truth.is_missing, truth.failing = is_lost, is_missing, failing
        truth.since = self.process.at

    def _fail(self) -> None:
        names = sorted({job.query.name for job in self.config.jobs})
        self._for_a_while(failing=self.choose.choice(names))

    def _flap(self) -> None:
        """Let something come and go, seen by each run: long, short, long, and over."""
        truth = self.choose.choice(list(self.truths.values()))
        at = self.process.at
        for minutes, number in ((0, 7.0), (4, 0.0), (5, 7.0), (6, 0.0)):
            self.plan.append(
                (at + minutes * MINUTE, partial(self._set_plans, truth, number))
            )

    def _set_plans(self, truth: Truth, number: float) -> None:
        truth.plans = dict.fromkeys(PLANS, number)
        truth.since = self.process.at

    def _kill_while_pending(self) -> None:
        """Let something begin, and nobody look for longer than its `for` while it waits."""
        for truth in self.truths.values():
            self._set_plans(truth, 0.0 if any(truth.plans.values()) else 7.0)
        self.plan.append(
            (
                self.process.at + self._while(70, 100),
                lambda: self.restart(is_kill=True, after=3 * MINUTE),
            )
        )

    def _find(self) -> None:
        truth = self.choose.choice(list(self.truths.values()))
        truth.plans = {plan: self.choose.choice((0.0, 0.0, 7.0)) for plan in PLANS}
        truth.since = self.process.at

    def _stop_usage(self) -> None:
        truth = self.choose.choice(list(self.truths.values()))
        truth.age = self.choose.choice((0.0, 5.0, 20.0))
        truth.since = self.process.at

    def _sleep(self) -> None:
        self.process.asleep(self._while(6, 3600))
        self.slept_at = self.process.at
        self._unsettle()

    def _silence(self) -> None:
        wire = self.choose.choice(list(self.wires.values()))
        wire.is_down = True
        self.plan.append(
            (
                self.process.at + self._while(60, 1500),
                lambda: setattr(wire, "is_down", False),
            )
        )

    def _lose_disk(self) -> None:
        """Let no file grow for some minutes, as a full disk does; then it has to be taken again."""
        if self.is_disk_full:
            return
        self.is_disk_full = True
        let_files_grow(does=False)
        self.plan.append((self.process.at + self._while(30, 600), self._mend_disk))

    def _mend_disk(self) -> None:
        let_files_grow(does=True)
        self.plan.append(
            (
                self.process.at + 62 * SECOND,
                partial(self._look_at_disk, self.process.at),
            )
        )

    def _look_at_disk(self, since: datetime) -> None:
        if self.slept_at > since:  # there was no time to try it
            self.plan.append(
                (
                    self.process.at + 62 * SECOND,
                    partial(self._look_at_disk, self.process.at),
                )
            )
            return
        self.is_disk_full = False
        if not self.process.state.is_durable:
            self._fault("the disk is not taken again")

    def _unsettle(self) -> None:
        for truth in self.truths.values():
            truth.since = self.process.at

    # what is held against it

    def _fault(self, what: str) -> None:
        self.faults.append(f"{self.process.at:%H:%M:%S} {what}")

    def hear(self, transition: Transition) -> None:
        """Take a transition as it happens, and ask whether it is true at this moment."""
        alert = transition.alert
        if alert.name == "TokenMonitorWatchdog" or transition.change is Change.PENDING:
            return
        if alert.resolve_reason != "superseded":  # of that nobody is notified
            self.announced.append(_announced(alert))
        self.checks[f"{alert.name} {transition.change}"] += 1
        if (transition.change is Change.FIRED) == (alert.fingerprint in self.firing):
            self._fault(f"{transition.change} again: {alert}")
        self.firing ^= {alert.fingerprint}
        if alert.resolve_reason:
            if alert.resolve_reason not in self._reasons(alert):
                self._fault(f"resolved as {alert.resolve_reason}: {alert}")
            return
        if not self._is_true(transition):
            self._fault(
                f"{transition.change} is not true of {alert.labels}; {self.truths}"
            )
        elif transition.change is Change.FIRED and alert.name == BALANCE_RULE.name:
            watched = self._watched(alert)
            # a run late after a sleep stands for the nearest slot
            if watched < BALANCE_RULE.hold - MINUTE / 2:
                self._fault(f"fired when it was seen for {watched} only: {alert}")

        elif alert.name == BALANCE_RULE.name:
            good_since = self.truths[alert.scope.target].good_since[
                dict(alert.labels)["plan"]
            ]
            if self.process.at - good_since < BALANCE_RULE.keep_firing_for - MINUTE / 2:
                self._fault(
                    f"resolved when it was good since {good_since} only: {alert}"
                )

    def _watched(self, alert: Alert) -> timedelta:
        """Return for how long it was so while there was somebody to look."""
        since = self.truths[alert.scope.target].wrong_since[dict(alert.labels)["plan"]]
        down = sum(
            (to - max(begin, since) for begin, to in self.downs if to > since),
            timedelta(0),
        )
        return self.process.at - since - down

    def _reasons(self, alert: Alert) -> set[str]:
        rules = [
            rule
            for job in self.config.jobs
            for rule in job.query.rules
            if rule.name == alert.name
        ]
        if not rules:
            return {"rule_removed"}
        return (
            {"superseded"} if rank(rules[0].severity) > rank(alert.severity) else set()
        )

    def _is_true(self, transition: Transition) -> bool:
        alert, fired = transition.alert, transition.change is Change.FIRED
        if alert.name == "TokenMonitorQueryStale":
            return False  # every run ends
        if alert.name == "TokenMonitorDeliveryFailing":
            worker = next(
                one
                for one in self.process.workers
                if one.receiver.name == alert.scope.subject
            )
            return fired == (worker.health.failing_since is not None)
        truth = self.truths[alert.scope.target]
        if alert.name == "TokenMonitorTargetDown":
            # judged at each tick by the last run, which may be older than the recovery
            return fired or not truth.is_lost
        if alert.name == "TokenMonitorQueryFailing":
            return not truth.is_lost and fired == (truth.failing == alert.scope.subject)
        if truth.is_lost or truth.failing == alert.scope.subject:
            return False
        if alert.scope.subject == "balances" and truth.is_missing:
            return False
        rule = self._rule(alert)
        return fired == (
            dict(alert.labels).get("plan", "")
            in truth.findings(alert.scope.subject, rule)
        )

    def _severity_of(self, alert: Alert) -> Severity:
        rules = [
            rule
            for job in self.config.jobs
            for rule in job.query.rules
            if rule.name == alert.name
        ]
        return (
            rules[0].severity
            if rules and alert.name == BALANCE_RULE.name
            else alert.severity
        )

    def _rule(self, alert: Alert) -> Rule:
        return next(
            rule
            for job in self.config.jobs
            for rule in job.query.rules
            if rule.name == alert.name
        )

    def check(self) -> None:
        """Where nothing changed for long, what fires is what is wrong, and nothing else."""
        at = self.process.at
        settled = [
            name for name, truth in self.truths.items() if at - truth.since > SETTLES
        ]
        if not settled:
            return
        firing: dict[str, set[tuple[str, str, str]]] = {name: set() for name in settled}
        for alert in self.process.pipeline.snapshot.alerts:
            if alert.state is AlertState.FIRING and alert.scope.target in firing:
                labels = dict(alert.labels)
                mark = " held" if alert.held else ""
                # One that fired goes on as loud as it was.
                is_loud = (
                    alert.name != BALANCE_RULE.name
                    or alert.severity is Severity.CRITICAL
                )
                severity = self._severity_of(alert) if is_loud else alert.severity
                key = labels.get("plan", ""), f"{severity}{mark}"
                firing[alert.scope.target].add(
                    (f"{alert.name} {alert.scope.subject}", *key)
                )
        for name in settled:
            truth = self.truths[name]
            kind = (
                "lost" if truth.is_lost else "failing" if truth.failing else "missing"
            )
            self.checks[f"settled {'well' if truth.is_well else kind}"] += 1
            expected = self._expected(name, truth)
            found = {
                entry
                for entry in firing[name]
                if truth.is_well or not entry[2].endswith("held")
            }
            if found != expected:
                self._fault(
                    f"on {name} fire {sorted(found)} instead of {sorted(expected)}; {truth}"
                )
                truth.since = at  # once is enough

    def _expected(self, name: str, truth: Truth) -> set[tuple[str, str, str]]:
        if truth.is_lost:
            return {("TokenMonitorTargetDown ", "", "critical")}
        expected = set()
        if truth.failing:
            expected.add((f"TokenMonitorQueryFailing {truth.failing}", "", "critical"))
        for job in self.config.jobs:
            if job.target.name != name or job.query.name == truth.failing:
                continue
            if truth.is_missing and job.query.name != "missing_columns":
                continue
            for rule in job.query.rules:
                expected |= {
                    (f"{rule.name} {job.query.name}", plan, str(rule.severity))
                    for plan in truth.findings(job.query.name, rule)
                }
        return expected

    def faults_of_delivery(self) -> list[str]:
        """Every transition at each receiver once, in order."""
        faults = []
        for name, wire in self.wires.items():
            if len(set(wire.keys)) != len(wire.keys):
                faults.append(f"{name} got the same twice")
            faults += [
                f"{name} was told again what it never heard: {one}"
                for one in wire.unfounded
            ]
            lost, more = (
                Counter(self.announced) - Counter(wire.came),
                Counter(wire.came) - Counter(self.announced),
            )
            if lost or more:
                faults.append(f"{name} did not get {lost}, got {more}")
            faults += [
                f"{name} got {fingerprint} out of order"
                for fingerprint in {one.split()[0] for one in self.announced}
                if _of(fingerprint, wire.came) != _of(fingerprint, self.announced)
            ]
        return faults

    def sizes(self) -> dict[str, int]:
        """Count what could grow."""
        gc.collect()
        pipeline = self.process.pipeline
        state = self.process.state
        return {
            "alerts": len(state.active_alerts()),
            "transitions": len(state.history(10 * HISTORY)),
            "deliveries": len(state.deliveries(10 * HISTORY)),
            "outbox": sum(view.waiting for view in state.outbox().values()),
            "results": len(state.last_results()),
            "scopes": len(pipeline._active.active),
            "empty scopes": sum(
                not alerts for alerts in pipeline._active.active.values()
            ),
            "long resolved": sum(
                alert.resolved_at is not None
                and self.process.at - alert.resolved_at > RESOLVED_KEPT
                for alert in pipeline.snapshot.alerts
            ),
            "evaluated": len(pipeline._active.evaluated),
            "shown": len(pipeline.snapshot.alerts),
            "views": len(pipeline.snapshot.queries) + len(pipeline.snapshot.targets),
            "threads": threading.active_count(),
            "descriptors": len([*Path("/proc/self/fd").iterdir()]),
            "objects": len(gc.get_objects()),
            "bytes": _traced_bytes(),
            "kilobytes": sum(file.stat().st_size for file in self.path.parent.iterdir())
            // 1000,
        }


def _traced_bytes() -> int:
    """Sum up what the product's own lines allocated, where that is traced: it takes twice the time."""
    if not tracemalloc.is_tracing():
        return 0
    return sum(
        trace.size
        for trace in tracemalloc.take_snapshot().filter_traces([PRODUCT]).traces
    )


def _announced(alert: Alert) -> str:
    # Text of our own: the alerts themselves would look like a leak.
    return f"{alert.fingerprint} {alert.fired_at} {alert.state}"


def _of(fingerprint: str, announced: list[str]) -> list[str]:
    return [one for one in announced if one.startswith(fingerprint)]
