"""Drive the pipeline and the model through the same history, and compare them after every step."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.alerting.blocking import blocked_run
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import Declare, NewConfig
from monitor.model.alerts import Alert, AlertState, Delivery, Notification, Transition
from monitor.model.conditions import Condition
from monitor.model.counted_from import CountedFrom
from monitor.model.deploys import BeginDeploy, DeploySettings, EndDeploy
from monitor.model.errors import Reason
from monitor.model.own_alerts import CONNECTIONS_REFUSED, TARGET_DOWN
from monitor.model.results import CANCELLED, Failure, Outcome, Result, Sample, Success
from monitor.model.rules import SeverityLevel
from monitor.model.schedules import Every
from monitor.model.settings import Config, Job, Severity, labels_of
from monitor.timing.active_hours import read_active_hours
from tests.lifecycle.model import COLUMN_MISSING, Event, Judged, Model, Who
from tests.support.harness import (
    BALANCE,
    BALANCES,
    COLUMNS,
    HOOK,
    LOST,
    NO_COLUMN,
    OWN_RULES,
    SECOND,
    SERVER,
    START,
    TIMEOUT,
    USAGE,
    Harness,
    a_config,
    a_rule,
)

REPEAT = timedelta(minutes=4)
ERROR = Failure(Reason.QUERY_ERROR, "You have an error in your SQL syntax", 1064)
DENIED = Failure(Reason.ACCESS_DENIED, "SELECT command denied", 1142)
ENDED_BY_US = Failure(Reason.KILLED, "stopped", detail=CANCELLED)
REFUSED = Failure(
    Reason.TARGET_DOWN, "has exceeded max_user_connections", 1226, "quota", refused=True
)
FAILURES = {
    "timeout": TIMEOUT,
    "no column": NO_COLUMN,
    "error": ERROR,
    "denied": DENIED,
    "ended by us": ENDED_BY_US,
}
TARGET_RULE = Judged(TARGET_DOWN, "critical", hold=timedelta(seconds=30))
REFUSED_RULE = Judged(CONNECTIONS_REFUSED, "critical", hold=timedelta(seconds=60))
OWN = tuple(
    rule for rule in OWN_RULES if rule.name in (TARGET_DOWN, CONNECTIONS_REFUSED)
)
HOURS_TEXT = "12:05-12:25, 12:40-13:40 UTC"
ALWAYS = ((0, 24 * 60),)
HOURS = ((12 * 60 + 5, 12 * 60 + 25), (12 * 60 + 40, 13 * 60 + 40))
ABOUT = ("plan", "column")


@dataclass(frozen=True)
class Settings:
    """What a reload can change."""

    hold_seconds: int = 120
    keep_seconds: int = 0
    above: float = 0.0
    severity: str = "critical"
    team: str = ""
    interval_seconds: int = 60
    has_rule: bool = True
    has_query: bool = True
    has_schema_query: bool = True
    usage_hold_seconds: int = 0
    usage_rises: bool = False
    """Whether a stop of usage is a warning first, and critical above 5."""
    explains: bool = False
    says_effect: bool = False
    """Whether it is said by what is muted, and not by what mutes."""
    clear: float | None = None
    critical_above: float | None = None
    critical_hold_seconds: int = 0
    has_hours: bool = False

    @property
    def louder(self) -> tuple[SeverityLevel, ...]:
        """Return what makes the rule's alerts critical, where they are not."""
        if self.critical_above is None or self.severity == "critical":
            return ()
        condition = Condition("above", self.critical_above)
        hold = timedelta(seconds=self.critical_hold_seconds)
        return (SeverityLevel(Severity.CRITICAL, condition, hold),)

    @property
    def clear_below(self) -> float | None:
        """Return where what fires is over, if that is not where it began."""
        return None if self.clear is None else min(self.clear, self.above)

    @property
    def explained(self) -> tuple[str, ...]:
        """Return which rules the rule about balances explains."""
        return ("TokenUsageStopped", "TokenNoPlan") if self.explains else ()

    @property
    def muting(self) -> tuple[str, ...]:
        """Return what mutes the other two rules, where they say so themselves."""
        return ("TokenBalances",) if self.explains and self.says_effect else ()

    @property
    def labels(self) -> str:
        """Return what of the settings is in the labels of an alert."""
        return f"{self.severity} {self.team}".strip()

    def judged(self) -> dict[str, tuple[Judged, ...]]:
        """Return the rules of each query as the model has them."""
        hold, keep = (
            timedelta(seconds=self.hold_seconds),
            timedelta(seconds=self.keep_seconds),
        )
        balances = Judged(
            "TokenBalances",
            self.labels,
            self.above,
            hold,
            keep,
            is_under_column=True,
            explains=self.explained,
            interval=timedelta(seconds=self.interval_seconds),
            clear=self.clear_below,
            critical_above=self.critical_above if self.louder else None,
            critical_hold=timedelta(seconds=self.critical_hold_seconds),
            waits_for_deploys=True,
            hours=HOURS if self.has_hours else ALWAYS,
        )
        no_plan = Judged(
            "TokenNoPlan", "critical", None, keep=keep, is_under_column=True
        )
        usage = Judged(
            "TokenUsageStopped",
            "warning" if self.usage_rises else "critical",
            hold=timedelta(seconds=self.usage_hold_seconds),
            critical_above=5.0 if self.usage_rises else None,
            critical_hold=timedelta(seconds=self.critical_hold_seconds),
            is_under_column=True,
            is_mute_without_column=True,
        )
        rules: dict[str, tuple[Judged, ...]] = {}
        if self.has_schema_query:
            rules["missing_columns"] = (Judged(COLUMN_MISSING, "critical"),)
        if self.has_query:
            rules["balances"] = (balances, no_plan) if self.has_rule else (no_plan,)
        return {**rules, "usage": (usage,)}

    def config(self) -> Config:
        """Return the same as the program has it."""
        balances = a_rule(
            "TokenBalances",
            "token_subscribers",
            condition=Condition("above", self.above, clear=self.clear_below),
            severity=Severity(self.severity),
            labels={"team": self.team} if self.team else {},
            hold=timedelta(seconds=self.hold_seconds),
            keep_firing_for=timedelta(seconds=self.keep_seconds),
            explains=() if self.says_effect else self.explained,
            louder=self.louder,
            active=read_active_hours(HOURS_TEXT) if self.has_hours else None,
        )
        no_plan = a_rule(
            "TokenNoPlan",
            "token_subscribers",
            condition=Condition("absent"),
            where=labels_of({"plan": "pro"}),
            keep_firing_for=timedelta(seconds=self.keep_seconds),
            muted_by=self.muting,
        )
        (usage,) = USAGE.rules
        hold = timedelta(seconds=self.usage_hold_seconds)
        usage = replace(usage, hold=hold, muted_by=self.muting)
        if self.usage_rises:
            critical_hold = timedelta(seconds=self.critical_hold_seconds)
            critical = SeverityLevel(
                Severity.CRITICAL, Condition("above", 5.0), critical_hold
            )
            usage = replace(usage, severity=Severity.WARNING, louder=(critical,))
        queries = [
            *([COLUMNS] if self.has_schema_query else []),
            replace(USAGE, rules=(usage,)),
        ]
        if self.has_query:
            schedule = Every(timedelta(seconds=self.interval_seconds))
            rules = (balances, no_plan) if self.has_rule else (no_plan,)
            queries.append(replace(BALANCES, schedule=schedule, rules=rules))
        return replace(
            a_config(*queries, own_rules=OWN),
            receivers=(replace(HOOK, repeat_interval=REPEAT),),
            deploys=DeploySettings(rules=frozenset({"TokenBalances"})),
        )


class Twins:
    """The pipeline and the model on one clock."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.harness = Harness(self.settings.config())
        self.model = Model(self.settings.judged(), TARGET_RULE, REFUSED_RULE)
        self.before_reload: Sequence[Job] = ()
        self.agrees = True
        self.reported: list[Event] = []
        self.last: dict[Who, Event] = {}
        self.was_clock_set = False
        self.are_resolved_known = True
        self.keys: set[str] = set()
        self.names: dict[str, str] = {}
        self.news: list[tuple[str, Who]] = []
        self.is_receiver_up = True
        self.told_at: dict[str, datetime] = {}
        """When the receiver last heard that an alert fires, and below when that notice was made."""
        self.made_at: dict[str, datetime] = {}
        self.ended_untold: Counter[str] = Counter()
        """How often an alert ended of which the receiver does not hear: a louder one took its place."""
        self.scheduled: dict[str, datetime] = {}
        self.entered_at: datetime | None = None
        """When the newest connection was let in that may live."""
        self.began_at = START
        self.tick()

    @property
    def now(self) -> datetime:
        """Return the instant that its clock shows."""
        return self.harness.at

    # what can happen

    def wait(self, seconds: float, *, ticks: bool = True) -> None:
        """Let time pass, with or without a tick at its end."""
        self.harness.asleep(timedelta(seconds=seconds))
        if ticks:
            self.tick()

    def tick(self) -> None:
        """Have what depends on time alone judged."""
        self.harness.tick()
        self.model.tick(self.now)
        self.compare()
        self._check_resolved()
        self._check_repeats()

    def balances(
        self,
        plans: Sequence[tuple[str, float]],
        *,
        late: int = 0,
        is_old_job: bool = False,
        counted: int = 0,
    ) -> None:
        """Let a run of `balances` end well, which may have counted for so many seconds."""
        counted_from: tuple[CountedFrom, ...] = ()
        if counted:
            at = self.now - timedelta(seconds=counted)
            counted_from = (CountedFrom("token_subscribers", (), at),)
        samples = tuple(
            Sample("token_subscribers", labels_of({"plan": p}), v) for p, v in plans
        )
        self._ran(
            "balances",
            Success(samples, len(samples), counted_from=counted_from),
            plans,
            late=late,
            is_old_job=is_old_job,
        )

    def usage(self, age: float, *, late: int = 0) -> None:
        """Let a run of `usage` end well."""
        outcome = Success((Sample("token_usage_age", (), age),), 1)
        self._ran("usage", outcome, [("", age)], late=late)

    def columns(self, *, is_missing: bool, late: int = 0) -> None:
        """Let a run of the schema query end well."""
        labels = labels_of({"table": BALANCE.table, "column": BALANCE.column})
        sample = Sample("token_schema_column_missing", labels, float(is_missing))
        outcome = Success(
            (sample,), 1, missing=frozenset({BALANCE} if is_missing else ())
        )
        self._ran(
            "missing_columns", outcome, [(BALANCE.column, float(is_missing))], late=late
        )

    def fails(
        self, query: str, how: str, *, late: int = 0, is_old_job: bool = False
    ) -> None:
        """Let a run end with an error of the query."""
        self._ran(query, FAILURES[how], None, late=late, is_old_job=is_old_job)

    def is_lost(self, query: str) -> None:
        """Let a run find that the target cannot be reached."""
        self._ran(query, LOST, None)

    def is_refused(self, age: float | None) -> None:
        """Let a run of `usage` be refused a new connection; it has one from before, or none in time."""
        if self.entered_at is None:
            return
        if age is None:
            self._ran("usage", REFUSED, None, entered_at=self.entered_at)
        else:
            outcome = Success((Sample("token_usage_age", (), age),), 1)
            self._ran("usage", outcome, [("", age)], entered_at=self.entered_at)

    def restart(
        self, seconds: int, *, is_clean: bool, settings: Settings | None = None
    ) -> None:
        """End the process, by a signal or a kill, and begin another."""
        old = self.harness
        if is_clean:
            old.state.write_mark(ALIVE, old.now())
        alive_at = old.state.read_mark(ALIVE)
        self.settings = settings or self.settings
        self.harness = old.restarted(timedelta(seconds=seconds), self.settings.config())
        assert alive_at is not None
        self.model.restart(self.now - max(alive_at, self.began_at))
        self.began_at = self.now
        # What has resolved is kept at the instants of the clock that was right then.
        self.are_resolved_known &= not self.was_clock_set
        self.model.reload(self.settings.judged(), self.now)
        self.before_reload = ()
        self.scheduled = {}
        self.entered_at = None

    def reload(self, settings: Settings) -> None:
        """Put another configuration in force."""
        self.before_reload = self.harness.config.jobs
        self.settings = settings
        self.harness.config = settings.config()
        self.harness.take(NewConfig(self.harness.config))
        self.model.reload(settings.judged(), self.now)

    def deploy_begins(self, seconds: int) -> None:
        """Have somebody say that a deployment begins, which ends by itself after so long."""
        length = timedelta(seconds=seconds)
        self.harness.take(Declare(BeginDeploy(("main",), length), queue.SimpleQueue()))
        self.model.deploy_begins(self.now + length)
        self.compare()

    def deploy_ends(self) -> None:
        """Have somebody say that the deployment is over, whether or not one goes on."""
        self.harness.take(Declare(EndDeploy(("main",)), queue.SimpleQueue()))
        self.model.deploy_ends(self.now)
        self.compare()

    def clock_is_set(self, seconds: int) -> None:
        """Set the machine's clock; the next tick notices."""
        by = timedelta(seconds=seconds)
        self.harness.set_by = by
        self.model.clock_is_set(by)
        self.began_at += by
        self.entered_at = self.entered_at and self.entered_at + by
        self.scheduled = {query: at + by for query, at in self.scheduled.items()}
        self.told_at = {alert: at + by for alert, at in self.told_at.items()}
        self.made_at = {alert: at + by for alert, at in self.made_at.items()}
        self.last = {
            who: event._replace(fired_at=event.fired_at and event.fired_at + by)
            for who, event in self.last.items()
        }
        self.was_clock_set = True
        self.harness.tick()
        self.model.tick(self.now)
        self.compare()

    def receiver(self, *, is_up: bool) -> None:
        """Let the receiver take what it gets from here on, or nothing."""
        self.is_receiver_up = is_up

    # what must be true

    def compare(self) -> None:
        """Hold the pipeline to the model, and both to what is true of every life."""
        self.agrees = False
        transitions = self._take_transitions()
        events = [_event(transition) for transition in transitions]
        self.ended_untold.update(
            one.alert.fingerprint
            for one in transitions
            if one.alert.resolve_reason == "superseded"
        )
        assert self._standing() == self._standing_of_the_model()
        assert sorted(events) == sorted(self.model.events)
        self.model.events.clear()
        self.news += self.model.notices
        self.model.notices.clear()
        self._check_mutes()
        self._check_notifications()
        for event in events:
            self._check_course(event)
            self.reported.append(event)
        self._check_memory()
        self.agrees = True

    def _check_mutes(self) -> None:
        """What is explained is under an alert that stands, and that no other one explains."""
        active = {
            alert.fingerprint: alert
            for alert in self._alerts(AlertState.PENDING, AlertState.FIRING)
        }
        for alert in active.values():
            if alert.cause:
                root = active[alert.muted_by or ""]
                assert not root.cause
                assert root.labels == alert.cause

    def _check_notifications(self) -> None:
        """What the receiver hears is each firing and each end once, in their order, and repeats in time."""
        if not self.is_receiver_up:
            return
        heard: list[tuple[str, Who]] = []
        while due := self._due():
            assert due == self._due()
            for notification in due:
                assert notification.key not in self.keys
                self.keys.add(notification.key)
                for alert in notification.alerts:
                    if not _is_repeat(notification):
                        heard.append((str(alert.state), _who(alert)))
                    self._check_notice(notification, alert)
                self.harness.state.delivered(
                    notification, Delivery("hook", self.now, 0.0)
                )
        assert sorted(heard) == sorted(self.news)
        self.news.clear()

    def _check_notice(self, notification: Notification, alert: Alert) -> None:
        fires_already = alert.fingerprint in self.told_at
        if _is_repeat(notification):
            assert alert.state is AlertState.FIRING
            assert fires_already
            assert not alert.held
            assert not alert.muted_by
            assert notification.created_at - self.made_at[alert.fingerprint] >= REPEAT
        elif alert.state is AlertState.RESOLVED:
            assert fires_already
        elif fires_already:
            assert self.ended_untold[alert.fingerprint] > 0
            self.ended_untold[alert.fingerprint] -= 1
        if alert.state is AlertState.RESOLVED:
            del self.told_at[alert.fingerprint]
        else:
            self.told_at[alert.fingerprint] = self.now
            self.made_at[alert.fingerprint] = notification.created_at

    def _check_course(self, event: Event) -> None:
        before = self.last.get(event.who)
        if event.change == "resolved":
            assert before is not None
            assert before.change == "fired"
            assert before.fired_at == event.fired_at
        else:
            assert before is None or before.change != "fired"
        self.last[event.who] = event
        assert event.fired_at is None or event.active_at <= event.fired_at <= event.at

    def _check_repeats(self) -> None:
        """What fires is sent again in time, but for what is held."""
        if not self.is_receiver_up:
            return
        for alert in self._alerts(AlertState.FIRING):
            is_quiet = alert.held or alert.muted_by
            assert is_quiet or self.now - self.told_at[alert.fingerprint] < REPEAT

    def _check_resolved(self) -> None:
        if not self.are_resolved_known:
            return
        resolved = self._alerts(AlertState.RESOLVED)
        assert {_who(alert) for alert in resolved} == self.model.is_still_shown(
            self.now
        )
        assert not any(alert.held or alert.muted_by for alert in resolved)
        assert all(
            alert.resolved_at == self.model.resolved[_who(alert)] for alert in resolved
        )

    def _check_memory(self) -> None:
        """Nothing stands that a process killed now would not find again."""
        kept = {
            _who(alert): (alert.state, alert.fired_at)
            for alert in self.harness.state.active_alerts()
        }
        assert kept == {
            _who(alert): (alert.state, alert.fired_at)
            for alert in self.harness.pipeline.active_alerts()
        }

    def check_history(self) -> None:
        """Compare what was reported with what is kept of it, at the end."""
        history = reversed(self.harness.state.history(10_000))
        assert sorted(map(_event, history)) == sorted(self.reported)

    # how they are driven

    def _ran(
        self,
        query: str,
        outcome: Outcome,
        data: Sequence[tuple[str, float]] | None,
        *,
        late: int = 0,
        is_old_job: bool = False,
        entered_at: datetime | None = None,
    ) -> None:
        jobs = (
            self.before_reload
            if is_old_job and self.before_reload
            else self.harness.config.jobs
        )
        job = next((job for job in jobs if job.query.name == query), None)
        if job is None:
            return
        # The runs of one query follow each other, each in a slot of its own.
        earliest = (
            self.scheduled.get(query, self.now - timedelta(seconds=late) - SECOND)
            + SECOND
        )
        at = max(self.now - timedelta(seconds=late), earliest)
        self.scheduled[query] = at
        blocked = blocked_run(job, at, self.harness.pipeline.snapshot, self.now)
        if blocked is not None and not is_old_job:
            self.harness.take(blocked)
            self.model.no_data(query, is_lost=None, at=at, now=self.now)
            return
        has_none = isinstance(outcome, Failure) and (outcome.lost or outcome.refused)
        refusal = None if entered_at is None else REFUSED
        reached = None if has_none else SERVER
        result = Result(
            job, at, at, self.now, 0.01, outcome, reached, None, entered_at, refusal
        )
        self.harness.take(result)
        if outcome is ENDED_BY_US:
            return
        if reached is not None and refusal is None:
            self.entered_at = at
        if outcome is REFUSED:
            self.model.no_connection(query, at=at, now=self.now)
        elif isinstance(outcome, Success) and data is not None:
            counted = [one.at for one in outcome.counted_from]
            self.model.data(
                query,
                data,
                at=at,
                now=self.now,
                entered_at=entered_at,
                counted_from=min(counted, default=None),
            )
        else:
            self.model.no_data(query, is_lost=outcome is LOST, at=at, now=self.now)

    def _due(self) -> tuple[Notification, ...]:
        return self.harness.state.due("hook", now=self.now, limit=1000)

    def _take_transitions(self) -> list[Transition]:
        taken, self.harness.transitions = self.harness.transitions, []
        self.names.update(
            (change.alert.fingerprint, change.alert.name) for change in taken
        )
        return taken

    def _alerts(self, *states: AlertState) -> list[Alert]:
        return [
            alert
            for alert in self.harness.pipeline.snapshot.alerts
            if alert.state in states
        ]

    def _standing(self) -> dict[Who, dict[str, object]]:
        alerts = self._alerts(AlertState.PENDING, AlertState.FIRING)
        return {
            _who(alert): {
                "state": str(alert.state),
                "active_at": alert.active_at,
                "fired_at": alert.fired_at,
                "value": alert.value,
                "held": alert.held,
                "muted under": self.names[alert.muted_by] if alert.muted_by else "",
                "since at least": alert.since_at_least,
                "in deployment": alert.is_in_deploy,
            }
            for alert in alerts
        }

    def _standing_of_the_model(self) -> dict[Who, dict[str, object]]:
        return {
            who: {
                "state": "pending" if life.fired_at is None else "firing",
                "active_at": life.active_at,
                "fired_at": life.fired_at,
                "value": life.value,
                "held": life.is_held,
                "muted under": life.muted_under,
                "since at least": life.is_since_at_least,
                "in deployment": life.is_in_deploy,
            }
            for who, life in self.model.lives.items()
        }


def _who(alert: Alert) -> Who:
    labels = dict(alert.labels)
    about = next((labels[name] for name in ABOUT if name in labels), "")
    return Who(
        alert.name, f"{labels['severity']} {labels.get('team', '')}".strip(), about
    )


def _event(transition: Transition) -> Event:
    alert = transition.alert
    return Event(
        str(transition.change),
        _who(alert),
        transition.at,
        alert.active_at,
        alert.fired_at,
        alert.resolve_reason,
    )


def _is_repeat(notification: Notification) -> bool:
    return bool(getattr(notification, "is_repeat", False))
