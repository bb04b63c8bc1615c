"""What is written of what happens: each event once, repeats counted, levels that fit."""

from __future__ import annotations

import ast
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import monitor
from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import Snapshot
from monitor.alerting.updates import Update
from monitor.daemon.events import Events
from monitor.model.alerts import Delivery, Scope
from monitor.model.errors import Reason, SampleError
from monitor.model.for_each import FailedItem, ItemOutcomes
from monitor.model.kills import Kill
from monitor.model.results import (
    Blocked,
    ClockOffset,
    Failure,
    Outcome,
    Replication,
    Result,
    Server,
    Success,
)
from monitor.model.settings import Job
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.log import configure
from monitor.telemetry.own_metrics import Counted
from tests.support.harness import (
    BALANCE,
    LOST,
    MINUTE,
    NO_COLUMN,
    SECOND,
    SERVER,
    START,
    TARGET,
    TIMEOUT,
    Harness,
    a_config,
    a_query,
    balances,
    columns,
    usage,
)
from tests.support.snapshots import with_result

EVENT = re.compile(r"[a-z]+\.(?:[a-z]+ed|lost|read|withheld)")
"""As tests/project/test_docs.py finds them."""


NO_ITEMS = Failure(Reason.QUERY_ERROR, "syntax")
"""Of a run that did not come to its items."""


class Book:
    """A log that writes into memory."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.config = a_config()
        self.telemetry = Telemetry("0")
        self.telemetry.declare(self.config)
        self.log = configure(self.stream, level="debug", libraries=False)
        self.at = START
        self.took_seconds = 0.01
        self.snapshot: Snapshot = empty_snapshot(self.config, START)
        self.writer = Events(
            self.log,
            self.telemetry,
            self,
        )

    def now(self) -> datetime:
        return self.at

    def run(self, query: str, outcome: Outcome, server: Server = SERVER) -> None:
        self.at += SECOND
        job = next(job for job in self.config.jobs if job.query.name == query)
        reached = None if isinstance(outcome, Failure) and outcome.lost else server
        result = Result(
            job,
            *(self.at, self.at, self.at),
            # The statement is not all that a run takes.
            2 * self.took_seconds,
            outcome,
            reached,
            statement_seconds=self.took_seconds,
        )
        before, self.snapshot = self.snapshot, with_result(self.snapshot, result)
        self.writer.on_result(Update(result, before, self.snapshot))

    def deliver(self, reason: str = "", *, is_resend: bool = False) -> None:
        self.at += SECOND
        self.writer.on_delivery(
            Delivery(
                "hook",
                self.at,
                0.01,
                reason=reason,
                message=reason,
                is_resend=is_resend,
            )
        )

    def lines(self) -> list[dict[str, object]]:
        """Take what was written since the last call, without who answered."""
        return [
            line for line in self.all_lines() if line["event"] != "target.connected"
        ]

    def all_lines(self) -> list[dict[str, object]]:
        """Take all that was written since the last call."""
        text = self.stream.getvalue().decode()
        self.stream.seek(0)
        self.stream.truncate()
        return [json.loads(line) for line in text.splitlines()]

    def counters(self, name: str) -> dict[tuple[str, str], float]:
        """Return the counters with this in their name, by name and reason: the sums of all their series."""
        found: dict[tuple[str, str], float] = defaultdict(float)
        for counted in Counted:
            metric = counted.value
            for values, count in self.telemetry.series(counted):
                labels = dict(zip(metric.labels, values, strict=True))
                if name in metric.name:
                    found[metric.name, labels.get("reason", "")] += count
        return found

    def events(self) -> list[str]:
        return [f"{line['level']} {line['event']}" for line in self.lines()]


@pytest.fixture
def book() -> Iterator[Book]:
    one = Book()
    yield one
    one.log.close()


def test_a_run_is_one_line(book: Book) -> None:
    book.run("usage", usage(3))
    (line,) = book.lines()
    assert (line["event"], line["query"], line["rows"], line["samples"]) == (
        "run.finished",
        "usage",
        1,
        1,
    )


def test_what_a_reload_removed_is_logged_again_when_it_comes_back_and_nothing_is_kept_of_it(
    book: Book,
) -> None:
    book.run("usage", TIMEOUT)
    book.deliver("timeout")
    book.lines()
    book.run("usage", TIMEOUT)
    book.deliver("timeout")
    assert book.events() == []
    book.writer.on_config(book.config)
    book.run("usage", TIMEOUT)
    book.deliver("timeout")
    assert book.events() == []
    book.writer.on_config(replace(book.config, jobs=(), targets=(), receivers=()))
    book.writer.on_config(book.config)
    book.run("usage", TIMEOUT)
    book.deliver("timeout")
    assert book.events() == ["warning run.failed", "error delivery.failed"]


def test_an_item_that_fails_again_and_again_is_written_first_and_when_it_is_over(
    book: Book,
) -> None:
    def outcome(**reasons: Reason) -> Success:
        failed = [FailedItem(name, reason, "no") for name, reason in reasons.items()]
        return replace(usage(3), items=ItemOutcomes(3, tuple(failed)))

    denied, timeout = Reason.ACCESS_DENIED, Reason.TIMEOUT
    for one in (
        outcome(eu=denied),
        outcome(eu=denied, us=timeout),
        outcome(us=timeout),
        NO_ITEMS,
        outcome(),
    ):
        book.run("usage", one)
    lines = book.lines()
    told = [
        (line["event"], line["item"], line["repeated"], line.get("reason"))
        for line in lines
        if str(line["event"]).startswith("item.")
    ]
    assert told == [
        ("item.failed", "eu", 1, "access_denied"),
        ("item.failed", "us", 1, "timeout"),
        ("item.recovered", "eu", 2, None),
        ("item.recovered", "us", 2, None),
    ]
    counts = [
        (line["items"], line["failed_items"])
        for line in lines
        if line["event"] == "run.finished"
    ]
    assert counts == [(3, 1), (3, 2), (3, 1), (3, 0)]
    counters = book.counters("item_failures")
    assert counters["token_monitor_query_item_failures_total", "timeout"] == 2


def test_the_same_failure_is_written_first_and_counted_until_it_ends(
    book: Book,
) -> None:
    for _ in range(50):
        book.run("usage", TIMEOUT)
    book.run("usage", usage(3))
    first, last = book.lines()
    assert (first["event"], first["reason"], first["repeated"]) == (
        "run.failed",
        "timeout",
        1,
    )
    assert (last["event"], last["repeated"], last["last_reason"]) == (
        "run.finished",
        50,
        "timeout",
    )


def test_another_failure_says_how_often_the_one_before_came(book: Book) -> None:
    for _ in range(5):
        book.run("usage", TIMEOUT)
    book.run("usage", NO_COLUMN)
    _, other = book.lines()
    assert (other["reason"], other["repeated"]) == ("schema_missing", 1)
    assert (other["last_reason"], other["last_repeated"]) == ("timeout", 5)


def test_a_healthy_hour_is_one_line_and_a_healthy_day_twenty_four(book: Book) -> None:
    for minute in range(24 * 60):
        book.at = START + minute * MINUTE
        book.run("usage", usage(3))
        book.run("balances", balances())
    written = [line for line in book.lines() if line["level"] != "debug"]
    assert {line["event"] for line in written} == {"runs.summarized"}
    assert len(written) == 23  # the last hour is not over
    first = written[0]
    assert first["since"] == (START + SECOND).isoformat().replace("+00:00", "Z")
    assert (first["target"], first["runs"], first["failed"], first["blocked"]) == (
        "main",
        121,
        0,
        0,
    )
    assert first["database_seconds"] == pytest.approx(1.21)


def test_an_hour_says_what_failed_what_was_blocked_and_what_was_slowest(
    book: Book,
) -> None:
    book.run("usage", usage(3))
    book.run("usage", TIMEOUT)
    book.run("balances", Blocked((BALANCE,)))
    book.took_seconds = 2.5
    book.run("usage", usage(3))
    book.took_seconds = 0.5
    book.at += 60 * MINUTE
    book.run("missing_columns", columns())
    summary = next(line for line in book.lines() if line["event"] == "runs.summarized")
    assert {
        key: summary[key]
        for key in summary
        if key not in ("timestamp", "level", "event", "since")
    } == {
        "target": "main",
        "runs": 4,
        "failed": 1,
        "blocked": 1,
        "deferred": 0,
        "database_seconds": 3.02,
        "slowest_query": "usage",
        "slowest_seconds": 5.0,
    }


def test_a_blocked_run_says_what_is_missing_and_counts_nowhere(book: Book) -> None:
    book.run("balances", Blocked((BALANCE,)))
    (line,) = book.lines()
    assert (line["event"], line["message"]) == (
        "run.blocked",
        "missing: users.tokens_remaining",
    )
    assert book.counters("query_runs")["token_monitor_query_runs_total", ""] == 0


def test_a_target_is_lost_once_and_recovered_once(book: Book) -> None:
    for outcome in (columns(), LOST, LOST, columns()):
        book.run("missing_columns", outcome)
    assert book.events() == [
        "debug run.finished",
        "error target.lost",
        "warning run.failed",
        "info target.recovered",
        "info run.finished",
    ]


def test_alerts_are_as_loud_as_their_severity_and_wake_the_receivers(
    book: Book,
) -> None:
    harness = Harness()
    harness.on_transitions = book.writer.on_transitions  # type: ignore[method-assign]
    harness.runs(columns(), balances(pro=7), usage(5))
    harness.tick()
    events = book.events()
    assert events == [
        "info alert.pending",  # TokenBalances waits for its `for`
        "error alert.fired",
        "info alert.fired",  # the watchdog
    ]
    assert harness.pokes > 0


def test_a_delivery_again_is_quiet_unless_it_ends_failures(book: Book) -> None:
    book.deliver()
    book.deliver(is_resend=True)
    for _ in range(3):
        book.deliver("refused", is_resend=True)
    book.deliver(is_resend=True)
    assert book.events() == [
        "info delivery.succeeded",
        "debug delivery.succeeded",
        "error delivery.failed",
        "info delivery.succeeded",
    ]


def test_a_bug_is_written_with_its_trace_and_what_it_cost(book: Book) -> None:
    job = book.config.jobs[0]
    result = Result(job, START, START, START, 0.1, columns(), SERVER)
    with pytest.raises(KeyError) as caught:
        {"a": 1}["plan"]
    book.writer.on_crash(result, caught.value)
    (line,) = book.lines()
    assert (line["event"], line["lost"]) == (
        "pipeline.failed",
        ["main", "missing_columns"],
    )
    assert "KeyError" in str(line["exception"])
    assert book.counters("pipeline")["token_monitor_pipeline_failures_total", ""] == 1


def test_a_rule_that_cannot_judge_is_reported_once_and_counted_each_time(
    book: Book,
) -> None:
    for _ in range(3):
        book.writer.on_unevaluated(
            Scope("Balances", "main", "balances"), SampleError("two would be one")
        )
    book.writer.on_unevaluated(
        Scope("Balances", "gone", "balances"), SampleError("two would be one")
    )
    assert [(line["event"], line["target"]) for line in book.lines()] == [
        ("rule.failed", "main"),
        ("rule.failed", "gone"),
    ]
    assert book.counters("rule_failures")["token_monitor_rule_failures_total", ""] == 3


def test_a_rule_that_has_no_place_for_some_series_is_told_of_once(book: Book) -> None:
    job = Job(TARGET, a_query("plans"))
    for counts in ({}, {"PlansChanged": 2}, {}, {"PlansChanged": 3, "PlanNew": 1}):
        book.writer.on_series_left_out(job, counts)
    told = [(line["event"], line["rule"], line["left_out"]) for line in book.lines()]
    assert told == [("rule.limited", "PlansChanged", 2), ("rule.limited", "PlanNew", 1)]


def test_a_look_up_of_examples_that_fails_is_reported_and_counted(book: Book) -> None:
    book.run(
        "balances",
        replace(balances(), evidence_errors=("Found: timeout", "Lost: timeout")),
    )
    assert book.events() == ["debug run.finished", *["warning evidence.failed"] * 2]
    assert book.counters("evidence")["token_monitor_evidence_failures_total", ""] == 2


def test_each_server_behind_a_target_is_reported_once_and_again_when_it_changed(
    book: Book,
) -> None:
    one = replace(
        SERVER,
        hostname="one",
        read_only=False,
        knows_replication=True,
        clock=ClockOffset(0.25, 0.01),
        surplus_rights=(),
    )
    two = replace(one, hostname="two", read_only=True, replication=Replication(1.0))
    for server in (
        one,
        two,
        one,
        two,
        replace(two, replication=Replication(2.0)),
        replace(one, read_only=True),
    ):
        book.run("usage", usage(3), server)
    reported = [
        line for line in book.all_lines() if line["event"] == "target.connected"
    ]
    assert [
        (line["hostname"], line["read_only"], line["replica"]) for line in reported
    ] == [
        ("one", False, False),
        ("two", True, True),
        ("one", True, False),
    ]
    assert (reported[0]["server"], reported[0]["clock_offset_seconds"]) == (
        "mariadb 10.11.6",
        0.25,
    )


def test_a_session_without_its_limits_is_reported_once(book: Book) -> None:
    bare = replace(SERVER, limits=("lock",))
    for server in (bare, bare, SERVER, SERVER, bare):
        book.run("usage", usage(3), server)
    reported = [line for line in book.lines() if line["event"] == "target.unprotected"]
    assert [line["lacking"] for line in reported] == [
        ["statement", "read_only"],
        [],
        ["statement", "read_only"],
    ]


def test_rights_that_the_account_should_not_have_are_reported_once_for_each_change(
    book: Book,
) -> None:
    some, more = (
        ("INSERT on `app`.*",),
        ("INSERT on `app`.*", "DELETE on `app`.*", "FILE on *.*"),
    )
    for rights in (None, some, some, None, some, more, (), ()):
        book.run("usage", usage(3), replace(SERVER, surplus_rights=rights))
    reported = [
        line for line in book.lines() if line["event"] == "target.overprivileged"
    ]
    assert [(line["level"], line["rights"]) for line in reported] == [
        ("warning", ["INSERT on `app`.*"]),
        ("warning", ["INSERT, DELETE on `app`.*", "FILE on *.*"]),
        ("info", []),
    ]


def test_a_kill_that_fails_is_reported_once_a_streak_and_counted_each_time(
    book: Book,
) -> None:
    for reason in ("denied", "denied", "unreachable", "", "", "denied"):
        book.writer.on_kill(Kill("main", reason, reason and "no"))
    book.writer.on_kill(Kill("gone", "denied", "no"))
    reported = [
        (line["event"], line.get("reason"), line.get("last_repeated"))
        for line in book.lines()
    ]
    assert reported == [
        ("kill.failed", "denied", None),
        ("kill.failed", "unreachable", 2),
        ("kill.succeeded", None, None),
        ("kill.failed", "denied", None),
        ("kill.failed", "denied", None),
    ]
    samples = book.counters("kill")
    assert samples["token_monitor_kills_total", ""] == 6
    assert samples["token_monitor_kill_failures_total", "denied"] == 3
    assert samples["token_monitor_kill_failures_total", "unreachable"] == 1


def test_every_event_has_a_name_by_which_the_test_of_the_documents_finds_it() -> None:
    methods = {"always", "debug", "error", "event", "info", "warning"}
    strange = []
    for path in Path(monitor.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            is_log = isinstance(node.func, ast.Attribute) and node.func.attr in methods
            name = node.args[0]
            if not is_log or not isinstance(name, ast.Constant):
                continue
            if isinstance(name.value, str) and not EVENT.fullmatch(name.value):
                strange.append(f"{path.name}:{node.lineno}: {name.value}")
    assert strange == [], "thing.happened, in the past; see docs/logs.md"


def test_missed_runs_of_a_query_are_written_at_once_and_then_once_an_hour_with_all_since(
    book: Book,
) -> None:
    first, other = book.config.jobs[:2]

    def miss(job: Job, count: int) -> list[tuple[object, object]]:
        book.writer.on_missed(job, count)
        return [(line["query"], line["count"]) for line in book.lines()]

    assert miss(first, 2) == [(first.query.name, 2)]
    for _ in range(59):
        book.at += MINUTE
        assert miss(first, 3) == []
    # Another query has its own hour, and a clock that is set moves it.
    assert miss(other, 1) == [(other.query.name, 1)]
    book.at += 30 * MINUTE
    book.writer.on_clock_moved(30 * MINUTE)
    book.lines()
    assert miss(first, 1) == []
    book.at += MINUTE
    assert miss(first, 1) == [(first.query.name, 59 * 3 + 2)]
    missed = book.counters("missed")
    assert sum(missed.values()) == 2 + 59 * 3 + 1 + 2
