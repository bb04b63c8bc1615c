"""For every history: after three slots without data exactly one alert speaks for a query, when healthy none.

The oracle is written from the words of docs/alerts.md ("Who speaks for a query without data"). It looks only
at what happened and at the alerts that stand, and shares no code with the decision.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor.alerting.blocking import blocked_run
from monitor.daemon.messages import Missed
from monitor.model.alerts import Alert, AlertState
from monitor.model.conditions import Condition
from monitor.model.deferral import Deferred
from monitor.model.errors import Reason
from monitor.model.results import Failure, Outcome, Replication, Result, Server
from monitor.model.settings import Job, Severity
from tests.support.harness import (
    BALANCE,
    BALANCES,
    COLUMNS,
    MINUTE,
    OWN_RULES,
    SECOND,
    SERVER,
    USAGE,
    Harness,
    a_config,
    a_rule,
    balances,
    columns,
    usage,
)

TICK = 5 * SECOND
RULES = (
    *(
        rule
        for rule in OWN_RULES
        if rule.name not in ("TokenMonitorQueryFailing", "TokenMonitorQueryStale")
    ),
    a_rule("TokenMonitorReplicaLagging", "replica_lagging", hold=MINUTE),
    a_rule(
        "TokenMonitorQueryFailing",
        "query_consecutive_failures",
        condition=Condition("above", 2.0),
        severity=Severity.WARNING,
    ),
    a_rule(
        "TokenMonitorQueryStale",
        "query_stale",
        hold=30 * SECOND,
        severity=Severity.WARNING,
    ),
)
SLOWEST_ROOT = MINUTE
STALE_WAITS = 30 * SECOND
RUN_AGAIN = MINUTE + 10 * SECOND
ALLOWED = 3 * MINUTE + 10 * SECOND + SLOWEST_ROOT + STALE_WAITS + RUN_AGAIN + 2 * TICK
"""Three slots and the time limit; what a root takes to fire, a stale query, and a run that is made again."""

TABLES = ("users", "usage")
TARGETS = {  # detail of what a target says that lets nobody in, or nobody else
    detail: Failure(reason, f"it says {detail}", code, detail)
    for reason, code, detail in (
        (Reason.TARGET_DOWN, 2003, "refused"),
        (Reason.TARGET_DOWN, 2003, "unreachable"),
        (Reason.TARGET_DOWN, None, "no_greeting"),
        (Reason.TARGET_DOWN, None, "dns"),
        (Reason.TARGET_DOWN, 2026, "tls"),
        (Reason.TARGET_DOWN, 1040, "full"),
        (Reason.TARGET_DOWN, 1226, "quota"),
        (Reason.TARGET_DOWN, 1129, "host_blocked"),
        (Reason.TARGET_DOWN, 9001, "backend"),
        (Reason.TARGET_DOWN, 2013, "lost"),
        (Reason.ACCESS_DENIED, 1045, "login"),
        (Reason.ACCESS_DENIED, 2059, "auth_plugin"),
        (Reason.ACCESS_DENIED, 1049, "database"),
        (Reason.INTERNAL, None, "local"),
        (Reason.INTERNAL, None, "protocol"),
    )
}
OWN = {
    f"{reason} {detail}".strip(): Failure(reason, f"it is {reason}", code, detail)
    for reason, code, detail in (
        (Reason.TARGET_DOWN, 2013, "lost"),
        (Reason.TARGET_DOWN, 9001, "backend"),
        (Reason.ACCESS_DENIED, 1227, "privilege"),
        (Reason.SCHEMA_MISSING, 1054, ""),
        (Reason.TIMEOUT, 1969, "statement_limit"),
        (Reason.TIMEOUT, None, "busy"),
        (Reason.LOCK_WAIT, 1205, ""),
        (Reason.QUERY_ERROR, 1064, ""),
        (Reason.BAD_RESULT, None, ""),
        (Reason.KILLED, 1317, ""),
        (Reason.TOO_MANY_ROWS, None, ""),
        (Reason.INTERNAL, None, ""),
    )
}
"""What costs one run on a connection that was let in."""
LAGGING = Failure(Reason.REPLICA_LAGGING, "its replication stands")
LATE = replace(SERVER, replication=Replication(None, "stopped"), knows_replication=True)


def denied(table: str) -> Failure:
    words = f"SELECT command denied to user 'm'@'h' for table `app`.`{table}`"
    return Failure(Reason.ACCESS_DENIED, words, 1142, "privilege")


@dataclass(frozen=True)
class Event:
    """What a slot of a query brings."""

    kind: str
    detail: str = ""

    def __repr__(self) -> str:
        return f"E({self.kind!r}, {self.detail!r})"


OK = Event("ok")
events = st.one_of(
    st.just(OK),
    st.builds(Event, st.just("own"), st.sampled_from(sorted(OWN))),
    st.builds(Event, st.just("lost"), st.sampled_from(sorted(TARGETS))),
    st.builds(Event, st.just("refused"), st.sampled_from(sorted(TARGETS))),
    st.builds(Event, st.just("denied"), st.sampled_from(TABLES)),
    st.sampled_from(
        [
            Event("shared"),
            Event("lagging"),
            Event("column"),
            Event("skipped"),
            Event("deferred"),
            Event("deferred", "lagging"),
            Event("waits"),
        ]
    ),
)
QUERIES = ("missing_columns", "balances", "usage")
slots = st.tuples(*[events] * 3)
histories = st.lists(
    st.tuples(slots, st.integers(min_value=1, max_value=9)), min_size=1, max_size=5
)
"""Some slots, each repeated: long ones of one cause, short ones that take turns."""


@dataclass
class Recorder:
    """A harness and, beside it, what the oracle remembers."""

    harness: Harness = field(
        default_factory=lambda: Harness(
            a_config(COLUMNS, BALANCES, USAGE, own_rules=RULES)
        )
    )
    last: dict[str, Event] = field(default_factory=dict)
    explained_at: dict[str, datetime] = field(default_factory=dict)
    """When each query last had data, or another alert last spoke for it."""
    ran_at: dict[str, datetime] = field(default_factory=dict)
    data_at: dict[str, datetime] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    """Which table each query was refused, and has not seen since."""
    put_off_late: set[str] = field(default_factory=set)
    """Queries whose last slot was put off since the replica is too late."""
    alone_at: dict[str, datetime] = field(default_factory=dict)
    """When last no two spoke for each query, itself and a root."""
    first_in_at: datetime | None = None

    def __post_init__(self) -> None:
        self.harness.runs(columns(), balances(pro=0), usage(0))
        self.first_in_at = self.harness.at
        self.explained_at = dict.fromkeys(QUERIES, self.harness.at)
        self.ran_at = dict.fromkeys(QUERIES, self.harness.at)
        self.data_at = dict.fromkeys(QUERIES, self.harness.at)
        self.alone_at = dict.fromkeys(QUERIES, self.harness.at)
        self.last = dict.fromkeys(QUERIES, OK)

    def slot(self, now: Mapping[str, Event]) -> None:
        """Let a minute pass, in which each query has its slot some seconds after the one before."""
        for number, (query, event) in enumerate(now.items()):
            self._pass(TICK * (1 + number))
            self._happens(query, event)
            self._check()
        self._pass(MINUTE - TICK * 6)

    def _pass(self, passed: timedelta) -> None:
        for _ in range(passed // TICK):
            self.harness.asleep(TICK)
            self.harness.tick()
            self._check()

    def _happens(self, query: str, event: Event) -> None:
        harness = self.harness
        job = harness.job(query)
        if event.kind in ("waits", "skipped"):
            if event.kind == "skipped":
                harness.take(Missed(job, 1))
        elif blocked := blocked_run(
            job, harness.at, harness.pipeline.snapshot, harness.at
        ):
            harness.take(blocked)
            self.last[query], self.ran_at[query] = Event("blocked"), harness.at
        elif event.kind == "deferred":
            # Not made either: neither data nor a failure.
            harness.take(self._deferred(job, event))
            self.put_off_late.discard(query)
            if event.detail == "lagging":
                self.put_off_late.add(query)
        else:
            harness.take(self._result(job, event))
            self.put_off_late.discard(query)
            has_data = event.kind in ("ok", "shared") or (
                event.kind == "column" and query != "balances"
            )
            self.last[query], self.ran_at[query] = OK if has_data else event, harness.at
            if (
                event.kind == "lost"
            ):  # what all of them told before is gone with the target
                self.last = dict.fromkeys(QUERIES, event)
                self.put_off_late.clear()
            if event.kind == "denied":
                self.denied[query] = event.detail
            if has_data:
                self.explained_at[query] = self.data_at[query] = harness.at
                self.denied.pop(query, None)
            if query == "missing_columns" and event.kind == "column":
                self.last["balances"] = Event("blocked")

    def _deferred(self, job: Job, event: Event) -> Result:
        at = self.harness.at
        is_late = event.detail == "lagging"
        outcome = Deferred("replica_lagging" if is_late else "busy", "it waits")
        server = LATE if is_late else SERVER
        return Result(job, at, at, at, 0.01, outcome, server)

    def _result(self, job: Job, event: Event) -> Result:
        server: Server | None = SERVER
        refusal, let_in_at = None, None
        outcome = self._data(job.query.name, is_missing=event.kind == "column")
        match event.kind:
            case "own":
                outcome = OWN[event.detail]
            case "lost":
                outcome, server = replace(TARGETS[event.detail], lost=True), None
            case "refused":
                outcome = refusal = replace(TARGETS[event.detail], refused=True)
                server = None
            case "shared":
                # Lost is a target only where no connection of ours lives that could be shared.
                is_up = self.harness.pipeline.snapshot.targets["main"].up
                refusal, let_in_at = (
                    TARGETS["quota"],
                    self.first_in_at if is_up else None,
                )
            case "denied":
                outcome = denied(event.detail)
            case "lagging":
                outcome, server = LAGGING, LATE
            case _:
                assert event.kind in ("ok", "column"), event.kind
        at = self.harness.at
        return Result(job, at, at, at, 0.01, outcome, server, None, let_in_at, refusal)

    def _data(self, query: str, *, is_missing: bool) -> Outcome:
        if query == "missing_columns":
            return columns(BALANCE) if is_missing else columns()
        if query == "balances":
            return (
                Failure(
                    Reason.SCHEMA_MISSING, f"Unknown column '{BALANCE.column}'", 1054
                )
                if is_missing
                else (balances(pro=0))
            )
        return usage(0)

    def _check(self) -> None:
        firing = [
            alert
            for alert in self.harness.pipeline.snapshot.alerts
            if alert.state is AlertState.FIRING and alert.muted_by is None
        ]
        for query in QUERIES:
            own = [
                alert.name
                for alert in firing
                if alert.scope.subject == query
                and alert.name.startswith("TokenMonitorQuery")
            ]
            roots = [alert.name for alert in firing if self._explains(alert, query)]
            if roots:
                self.explained_at[query] = self.harness.at
            if not (own and roots):
                self.alone_at[query] = self.harness.at
            silent_for = self.harness.at - self.explained_at[query]
            said = f"{self.harness.at:%H:%M:%S} {query}: own {own}, roots {roots}, none for {silent_for}"
            assert len(own) <= 1, said
            if (
                self.last[query] is OK
                and self.harness.at - self.data_at[query] < 2 * MINUTE
            ):
                assert own == [], f"it has data: {said}"
            if silent_for > ALLOWED:
                assert own, said
            # A root takes over from the query itself, and hands over to it, when that has its next slot.
            assert self.harness.at - self.alone_at[query] <= MINUTE, said
            if own:
                assert self.harness.at - self.data_at[query] >= 2 * MINUTE, (
                    f"too early: {said}"
                )

    def _explains(self, alert: Alert, query: str) -> bool:
        """Return whether an alert is about what keeps a query from giving data."""
        event = self.last[query]
        if event is OK and self.harness.at - self.explained_at[query] < 3 * MINUTE:
            return False
        if alert.name == "TokenMonitorTargetDown":
            return True
        if alert.name == "TokenMonitorConnectionsRefused":
            is_silent = self.harness.at - self.ran_at[query] > 3 * MINUTE + 10 * SECOND
            return is_silent or event.kind == "refused" or event.detail.endswith("busy")
        if alert.name == "TokenMonitorReplicaLagging":
            return event.kind == "lagging" or query in self.put_off_late
        if alert.name == "TokenMonitorAccessDenied":
            return dict(alert.labels)["table"] == self.denied.get(query)
        if alert.name == "TokenColumnMissing":
            return event.kind == "blocked" or event.kind == "column"
        return False


def live(history: list[tuple[tuple[Event, ...], int]]) -> Recorder:
    reported = Recorder()
    for events_of_slot, times in history:
        for _ in range(times):
            reported.slot(dict(zip(QUERIES, events_of_slot, strict=True)))
    return reported


EXAMPLES = 2_000 if os.environ.get("TOKEN_MONITOR_TEST_LONG") else 60


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@example([((OK, OK, OK), 7)])
@example(
    [
        ((OK, OK, Event("deferred", "lagging")), 6),
        ((Event("refused", "quota"), Event("refused", "quota"), OK), 1),
    ]
)
@example(
    [
        ((OK, Event("own", "access_denied privilege"), OK), 3),
        ((Event("column"), OK, OK), 1),
        ((Event("refused", "auth_plugin"), OK, OK), 1),
        ((Event("own", "access_denied privilege"), OK, OK), 1),
    ]
)
@example(
    [
        ((OK, OK, Event("own", "access_denied privilege")), 1),
        ((OK, Event("own", "access_denied privilege"), OK), 6),
        ((Event("column"), OK, Event("lost", "auth_plugin")), 4),
        ((Event("denied", "users"), OK, OK), 1),
    ]
)
@given(histories)
def test_after_three_slots_without_data_exactly_one_alert_speaks_for_a_query(
    history: list[tuple[tuple[Event, ...], int]],
) -> None:
    live(history)
