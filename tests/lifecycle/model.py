"""A second account of an alert's life, from the words of the documentation alone; slow, small, unshared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

TARGET_DOWN = "TokenMonitorTargetDown"
CONNECTIONS_REFUSED = "TokenMonitorConnectionsRefused"
COLUMN_MISSING = "TokenColumnMissing"
RESOLVED_SHOWN = timedelta(minutes=15)
PROOF = timedelta(seconds=30)
"""How long a lost target must let us in before it is said to be back."""


class Who(NamedTuple):
    """The identity of an alert: its labels, as far as they differ here."""

    rule: str
    own: str
    """The severity and the labels that the rule gives."""
    about: str


class Event(NamedTuple):
    """What receivers and log have of an alert."""

    change: str
    who: Who
    at: datetime
    active_at: datetime
    fired_at: datetime | None
    reason: str


@dataclass(frozen=True)
class Judged:
    """A rule. `above` is None for one that misses a sample about `pro`."""

    name: str
    labels: str
    above: float | None = 0.0
    hold: timedelta = timedelta(0)
    keep: timedelta = timedelta(0)
    is_under_column: bool = False
    is_mute_without_column: bool = False
    explains: tuple[str, ...] = ()
    interval: timedelta = timedelta(minutes=1)
    clear: float | None = None
    """Down to which number what fires goes on."""
    critical_above: float | None = None
    """Above which number it becomes critical, where it is not already."""
    critical_hold: timedelta = timedelta(0)
    waits_for_deploys: bool = False
    hours: tuple[tuple[int, int], ...] = ((0, 24 * 60),)
    """When it is judged: minutes of each day."""

    def opened_at(self, at: datetime) -> datetime | None:
        """Return since when it is judged at an instant; None where it is not."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        for begin, end in self.hours:
            if timedelta(minutes=begin) <= at - midnight < timedelta(minutes=end):
                return midnight + timedelta(minutes=begin)
        return None

    def findings(
        self, data: Iterable[tuple[str, float]], firing: Collection[str]
    ) -> list[tuple[str, float]]:
        """Return what the rule finds in a result: what about, and its value."""
        data = list(data)
        if self.above is None:
            return [] if "pro" in dict(data) else [("pro", 0.0)]
        return [
            (about, value)
            for about, value in data
            if value > self.above or (about in firing and self._goes_on(value))
        ]

    def _goes_on(self, value: float) -> bool:
        return self.clear is not None and value >= self.clear

    def gives_other_labels_than(self, who: Who, found: Iterable[Who]) -> bool:
        """Return whether an alert is of the rule as it was before a reload.

        A label that a rule does not give any more looks like a sample's, until the same is found without it.
        """
        labels = self.labels.split()[1:]
        is_told_apart = not set(labels) <= set(who.own.split()[1:])
        of_today = {
            other._replace(own="") for other in found if other.own.split()[1:] == labels
        }
        is_of_before = who.own.split()[1:] != labels
        return is_told_apart or (is_of_before and who._replace(own="") in of_today)


@dataclass
class Life:
    """An alert that stands."""

    active_at: datetime
    is_since_at_least: bool
    value: float = 0.0
    fired_at: datetime | None = None
    missed_at: datetime | None = None
    is_held: bool = False
    muted_under: str = ""
    is_told_at_once: bool = False
    """A quieter one fired in its place."""
    is_explained: bool = False
    """It is muted under a cause, and not for want of data."""
    is_known: bool = False
    """Receivers have heard that it fires."""
    known_as: Who | None = None
    """They have heard so of a quieter one in whose place it came, and of nothing since."""
    critical_at: datetime | None = None
    """Since when it has been above what makes it critical."""
    is_in_deploy: bool = False
    """It waits for the end of a deployment."""


LOUD = ("info", "warning", "critical")


def _severity(who: Who) -> str:
    return who.own.split()[0]


def _labels(who: Who) -> str:
    return " ".join(who.own.split()[1:])


def _own(rule: Judged, is_critical: bool) -> str:
    return (
        " ".join(["critical", *rule.labels.split()[1:]]) if is_critical else rule.labels
    )


COLUMN_SEEN_FOR = timedelta(minutes=3, seconds=10)


@dataclass
class Model:
    """All alerts about one target with one column that may be missing."""

    rules: Mapping[str, tuple[Judged, ...]]
    target_rule: Judged
    refused_rule: Judged
    lives: dict[Who, Life] = field(default_factory=dict)
    resolved: dict[Who, datetime] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    notices: list[tuple[str, Who]] = field(default_factory=list)
    """What receivers are to hear."""
    had_data: set[str] = field(default_factory=set)
    risen: set[Who] = field(default_factory=set)
    """What has just taken the place of a quieter one."""
    is_lost: bool | None = None
    lost_at: datetime | None = None
    """When the last run that found it lost began; what got in before proves nothing."""
    back_at: datetime | None = None
    """Since when it lets us in again, or at all."""
    refused_at: datetime | None = None
    """When the last run began that was refused a new connection beside one that lives."""
    let_in_at: datetime | None = None
    """Since when new ones are let in again after that."""
    refused_queries: set[str] = field(default_factory=set)
    """Whose last run got no connection for that."""
    is_missing: bool | None = None
    missing_until: datetime | None = None
    """Until when that holds without a new look: three intervals and the time limit."""
    deploy_until: datetime | None = None
    """When the deployment that goes on ends by itself."""
    deploy_ended: datetime | None = None
    """When the last one ended."""
    counted_from: datetime | None = None
    """From when on was counted what the result says that is being judged."""
    looked_at: datetime | None = None
    """When it was last looked which rules are judged at the hour, to mute others."""

    def data(
        self,
        query: str,
        data: Iterable[tuple[str, float]],
        *,
        at: datetime,
        now: datetime,
        entered_at: datetime | None = None,
        counted_from: datetime | None = None,
    ) -> None:
        """A run succeeded: it finds what it finds, and nothing else.

        It may have done so on a connection from before, since it was refused a new one. What it says may have
        been counted for longer than it ran.
        """
        self.counted_from = counted_from
        if query not in self.rules:
            return
        if entered_at is not None:
            self._refused(at)
        self._let_in(at if entered_at is None else entered_at)
        self.refused_queries.discard(query)
        data = list(data)
        if query == "missing_columns":
            self.is_missing = any(value for _, value in data)
            self.missing_until = at + COLUMN_SEEN_FOR
        self.time_passes(now)
        for rule in self.rules[query]:
            findings = rule.findings(data, self._firing(rule))
            is_known = self.missing_until is not None and now < self.missing_until
            if rule.is_mute_without_column and self.is_missing and is_known:
                self._without_data(rule)
            elif rule.opened_at(at) is None:
                self._without_data(rule, under="")
                self.had_data.discard(rule.name)
            elif len(findings) > len(dict(findings)):
                self._without_data(rule, under="")
            else:
                self._begin_anew(rule, at)
                self._look(rule, dict(findings), at)
        if query == "missing_columns" and self.is_missing:
            for rule in self._rules():
                if rule.is_under_column:
                    self._without_data(rule)
        if self.is_lost:  # it had begun before
            for rule in self._rules():
                self._without_data(rule)
        self._settle()

    def no_data(
        self, query: str, *, is_lost: bool | None, at: datetime, now: datetime
    ) -> None:
        """A run failed or was not made; `is_lost` is None when it says nothing of the target.

        Nor does one that had got in before the target was lost, and failed with it.
        """
        if query not in self.rules:
            return
        self.refused_queries.discard(query)
        if is_lost:
            self.is_lost, self.lost_at, self.back_at = True, at, None
            self.refused_queries.clear()
        elif is_lost is not None:
            self._let_in(at)
        self.time_passes(now)
        for rule in self._rules() if self.is_lost else self.rules[query]:
            self._without_data(rule)
        self._settle()

    def no_connection(self, query: str, *, at: datetime, now: datetime) -> None:
        """A run was refused a new connection, and the one that lives was not free in time."""
        if query not in self.rules:
            return
        self._refused(at)
        self.time_passes(now)
        self.refused_queries.add(query)
        for rule in self._rules() if self.is_lost else self.rules[query]:
            self._without_data(rule)
        self._settle()

    def time_passes(self, now: datetime) -> None:
        """The target itself is judged all the time, as soon as it was met or missed once.

        That it is back has to be seen for half a minute, and so has that it was never away.
        """
        self._target_is_judged(now)
        is_known = self.refused_at is not None or self.lost_at is not None
        is_met_long = self.back_at is not None and now - self.back_at >= PROOF
        if self.is_lost is not False:
            self._without_data(self.refused_rule)
        elif is_known or self.back_at is None or is_met_long:
            is_over = self.let_in_at is not None and now - self.let_in_at >= PROOF
            is_refusing = self.refused_at is not None and not is_over
            self._look(self.refused_rule, {"": 1.0} if is_refusing else {}, now)
        else:
            self._without_data(self.refused_rule, under="")

    def deploy_begins(self, until: datetime) -> None:
        """Somebody says that a deployment begins; one that goes on has another end."""
        self.deploy_until = until

    def deploy_ends(self, now: datetime) -> None:
        """Somebody says that it is over."""
        if self.deploy_until is not None:
            self.deploy_until, self.deploy_ended = None, now

    def _is_of_deployment(self, at: datetime) -> bool:
        """Data is of the middle of a deployment while one goes on, or when it was read before its end."""
        if self.deploy_until is not None:
            return True
        return self.deploy_ended is not None and at < self.deploy_ended

    def tick(self, now: datetime) -> None:
        """Time passes, and who has not heard of what fires by itself hears of it."""
        if self.deploy_until is not None and now >= self.deploy_until:
            self.deploy_ends(now)
        self.looked_at = now
        self.time_passes(now)
        self._settle()
        for who, life in self.lives.items():
            speaks = not life.is_held and not life.muted_under
            if life.fired_at is not None and speaks:
                self._is_heard(who, life)

    def _target_is_judged(self, now: datetime) -> None:
        if self.is_lost is None:
            return
        is_proved = not self.is_lost and (
            self.back_at is None or now - self.back_at >= PROOF
        )
        if self.is_lost or (not is_proved and self.lost_at is not None):
            self._look(self.target_rule, {"": 1.0}, now)
        elif is_proved:
            self._look(self.target_rule, {}, now)
        else:
            self._without_data(self.target_rule, under="")

    def _let_in(self, at: datetime) -> None:
        if self.is_lost and self.lost_at is not None and at < self.lost_at:
            return
        self.is_lost, self.back_at = False, self.back_at or at
        if (
            self.refused_at is not None
            and self.let_in_at is None
            and at >= self.refused_at
        ):
            self.let_in_at = at

    def _refused(self, at: datetime) -> None:
        if self.let_in_at is None or at >= self.let_in_at:
            self.refused_at, self.let_in_at = at, None

    def is_still_shown(self, now: datetime) -> set[Who]:
        """Return whose alerts ended so lately that they are still listed."""
        return {who for who, at in self.resolved.items() if now - at <= RESOLVED_SHOWN}

    def restart(self, down_for: timedelta) -> None:
        """Alerts are as they were, held; what was pending waited meanwhile; all else is unknown again."""
        self.is_lost = self.is_missing = self.lost_at = self.back_at = None
        self.refused_at = self.let_in_at = None
        self.refused_queries.clear()
        self.had_data.clear()
        for life in self.lives.values():
            life.is_held = True
            life.critical_at = life.critical_at and life.critical_at + down_for
            if life.fired_at is None:
                life.active_at += down_for

    def clock_is_set(self, by: timedelta) -> None:
        """All is as it was, at instants of the other clock."""
        self.resolved = {who: at + by for who, at in self.resolved.items()}
        self.missing_until = self.missing_until and self.missing_until + by
        self.lost_at = self.lost_at and self.lost_at + by
        self.back_at = self.back_at and self.back_at + by
        self.refused_at = self.refused_at and self.refused_at + by
        self.let_in_at = self.let_in_at and self.let_in_at + by
        self.deploy_until = self.deploy_until and self.deploy_until + by
        self.deploy_ended = self.deploy_ended and self.deploy_ended + by
        for life in self.lives.values():
            life.active_at += by
            life.critical_at = life.critical_at and life.critical_at + by
            life.fired_at = life.fired_at and life.fired_at + by
            life.missed_at = life.missed_at and life.missed_at + by

    def reload(self, rules: Mapping[str, tuple[Judged, ...]], now: datetime) -> None:
        """What has no rule any more ends; all else goes on as it is until its next run."""
        self.looked_at = now
        self.rules = rules
        if "missing_columns" not in rules:
            self.is_missing = None
        self.refused_queries &= rules.keys()
        there = {rule.name for rule in self._rules()} | {
            self.target_rule.name,
            self.refused_rule.name,
        }
        self.had_data &= there
        for who in [who for who in self.lives if who.rule not in there]:
            self._end(who, now, "rule_removed")
        self._settle()

    def _rules(self) -> list[Judged]:
        return [rule for rules in self.rules.values() for rule in rules]

    def _begin_anew(self, rule: Judged, at: datetime) -> None:
        """What an alert waits for counts from the opening on."""
        opened = rule.opened_at(at)
        if opened is None or len(rule.hours) == 1:
            return
        for who, life in self.lives.items():
            if who.rule == rule.name:
                life.missed_at = life.missed_at and max(life.missed_at, opened)
                life.critical_at = life.critical_at and max(life.critical_at, opened)
                if life.fired_at is None:
                    life.active_at = max(life.active_at, opened)

    def _firing(self, rule: Judged) -> set[str]:
        """Return about what alerts of a rule fire, as it labels them now, however loud."""
        labels = rule.labels.split()[1:]
        return {
            who.about
            for who, life in self.lives.items()
            if who.rule == rule.name
            and life.fired_at is not None
            and _labels(who).split() == labels
        }

    def _look(self, rule: Judged, findings: Mapping[str, float], at: datetime) -> None:
        is_first = rule.name not in self.had_data
        self.had_data.add(rule.name)
        self._release(rule, at)
        since = {
            about: self._critical_at(rule, about, value, at)
            for about, value in findings.items()
        }
        critical = {
            about
            for about, critical_at in since.items()
            if critical_at is not None
            and at
            >= critical_at
            + rule.critical_hold
            + self._wait_of(Who(rule.name, rule.labels, about))
        }
        found = {
            Who(rule.name, _own(rule, about in critical), about): value
            for about, value in findings.items()
        }
        found = {self._known_by(who, found, at): value for who, value in found.items()}
        for who, value in found.items():
            is_new = who not in self.lives or who in self.risen
            self.risen.discard(who)
            life = self.lives.setdefault(who, Life(at, is_first))
            life.value, life.missed_at, life.is_held, life.muted_under = (
                value,
                None,
                False,
                "",
            )
            life.is_explained = False
            life.critical_at = since[who.about]
            self._meets_deployment(rule, life, at)
            is_at_once = life.is_told_at_once or who.about in critical
            hold = rule.hold + self._wait_of(who)
            is_held_long_enough = is_at_once or at >= life.active_at + hold
            may_fire = life.fired_at is None and not life.is_in_deploy
            if may_fire and is_held_long_enough:
                life.fired_at = at
                self._tell("fired", who, at)
            elif is_new:
                self._tell("pending", who, at)
        for who in [
            who for who in self.lives if who.rule == rule.name and who not in found
        ]:
            life = self.lives[who]
            life.missed_at = life.missed_at or at
            if rule.gives_other_labels_than(who, found):
                self._end(who, at, "rule_changed")
            elif life.fired_at is None or (
                at >= life.missed_at + rule.keep
                and not (self._is_awaited(life) and self._causes_of(who))
            ):
                self._end(who, at, "")
            else:
                life.is_held, life.muted_under, life.is_explained = False, "", False
                life.critical_at = None

    def _critical_at(
        self, rule: Judged, about: str, value: float, at: datetime
    ) -> datetime | None:
        """Since when what is found has been critical, of a rule that can become so."""
        if rule.critical_above is None or not value > rule.critical_above:
            return None
        for who, life in self.lives.items():
            known = (who.rule, who.about, _labels(who).split())
            if known == (rule.name, about, rule.labels.split()[1:]):
                return life.critical_at or at
        return at

    def _release(self, rule: Judged, at: datetime) -> None:
        """What waited for the end of a deployment is free when that is over, and all its times begin there."""
        if self._is_of_deployment(at) or self.deploy_ended is None:
            return
        ended = self.deploy_ended
        for who, life in self.lives.items():
            if who.rule == rule.name and life.is_in_deploy:
                life.is_in_deploy = False
                life.active_at = max(life.active_at, ended)
                life.critical_at = life.critical_at and max(life.critical_at, ended)

    def _meets_deployment(self, rule: Judged, life: Life, at: datetime) -> None:
        """What would fire waits for its end; what fires, or takes the place of what did, does not."""
        counted_from = min(at, self.counted_from or at)
        waits = rule.waits_for_deploys and self._is_of_deployment(counted_from)
        if waits and life.fired_at is None and not life.is_told_at_once:
            life.is_in_deploy = True

    def _known_by(self, who: Who, found: Collection[Who], at: datetime) -> Who:
        """Only the severity differs: it is the alert that stands, or takes its place where it is louder."""
        others = [
            other
            for other in self.lives
            if other._replace(own=_labels(other)) == who._replace(own=_labels(who))
            and other not in found
        ]
        if who in self.lives or not others:
            return who
        (other,) = others
        if LOUD.index(_severity(other)) >= LOUD.index(_severity(who)):
            return other
        life = self.lives[other]
        known_as = other if life.is_known else life.known_as
        self._end(other, at, "superseded")
        self.lives[who] = replace(
            life,
            fired_at=None,
            is_told_at_once=life.fired_at is not None,
            is_known=False,
            known_as=known_as,
        )
        self.risen.add(who)
        return who

    def _without_data(self, rule: Judged, under: str | None = None) -> None:
        if under is None:
            under = TARGET_DOWN if self.is_lost else ""
            if self.is_missing and rule.is_under_column and not self.is_lost:
                under = COLUMN_MISSING
            if not self.is_lost and any(
                rule in self.rules.get(one, ()) for one in self.refused_queries
            ):
                under = CONNECTIONS_REFUSED
        stands = any(who.rule == under for who in self.lives)
        for who, life in self.lives.items():
            if who.rule == rule.name:
                life.is_held, life.muted_under = True, under if stands else ""
                life.is_explained = False

    def _causing(self, rule: str) -> list[Judged]:
        """Return what explains a rule; nobody hears of it outside of its hours, so that it does not then."""
        return [
            judged
            for judged in self._rules()
            if rule in judged.explains
            and (self.looked_at is None or judged.opened_at(self.looked_at))
        ]

    def _wait_of(self, who: Who) -> timedelta:
        """Nothing waits whose cause fires; else for an interval of its query, or five minutes."""
        if self._causes_of(who):
            return timedelta(0)
        waits = [rule.interval for rule in self._causing(who.rule)]
        return min(max(waits, default=timedelta(0)), timedelta(minutes=5))

    def _causes_of(self, who: Who) -> list[Who]:
        """What fires and explains it: about the same, where both are about something."""
        names = {rule.name for rule in self._causing(who.rule)}
        return [
            cause
            for cause, life in self.lives.items()
            if cause.rule in names
            and life.fired_at is not None
            and (not cause.about or who.about in ("", cause.about))
        ]

    def _settle(self) -> None:
        """What is explained is muted, and what is no more is held until it is looked at again."""
        causes = {rule.name for rule in self._rules() if rule.explains}
        explained = {name for rule in self._rules() for name in rule.explains}
        for who, life in self.lives.items():
            if who.rule in causes:
                self._settle_one(who, life)
        for who, life in self.lives.items():
            if who.rule in explained or life.is_explained:
                self._settle_one(who, life)
        self.notices += [
            ("firing", event.who)
            for event in self.events
            if event.change == "fired" and self._hears_at_once(event.who)
        ]

    def _settle_one(self, who: Who, life: Life) -> None:
        stands = any(other.rule == life.muted_under for other in self.lives)
        if life.muted_under and stands and not life.is_explained:
            return
        causes = self._causes_of(who)
        if causes:
            cause = min(causes, key=lambda one: (one.about, one.own))
            life.muted_under = self.lives[cause].muted_under or cause.rule
            life.is_explained = True
        elif life.muted_under:
            life.muted_under, life.is_explained, life.is_held = "", False, True

    def _hears_at_once(self, who: Who) -> bool:
        life = self.lives.get(who)
        if life is None or life.is_explained or life.is_known:
            return False
        life.is_known, life.known_as = True, None
        return True

    def _is_heard(self, who: Who, life: Life) -> None:
        if not life.is_known:
            life.is_known, life.known_as = True, None
            self.notices.append(("firing", who))

    def _is_awaited(self, life: Life) -> bool:
        """Receivers wait for its end, by whatever severity they know it."""
        return life.is_known or life.known_as is not None

    def _end(self, who: Who, at: datetime, reason: str) -> None:
        if self.lives[who].fired_at is not None:
            self._tell("resolved", who, at, reason)
            life = self.lives[who]
            if self._is_awaited(life) and reason != "superseded":
                self.notices.append(("resolved", life.known_as or who))
        del self.lives[who]

    def _tell(self, change: str, who: Who, at: datetime, reason: str = "") -> None:
        life = self.lives[who]
        self.events.append(
            Event(change, who, at, life.active_at, life.fired_at, reason)
        )
        if change == "resolved":
            self.resolved[who] = at
        elif change == "fired":
            self.resolved.pop(who, None)
