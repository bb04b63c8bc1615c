"""Heartbeats: when they are sent and when withheld, on a driven clock; and over a real socket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.snapshot import Snapshot, with_missed, with_next_run
from monitor.config import load
from monitor.daemon.heartbeat import Heartbeat, is_late
from monitor.model.alerts import Delivery
from monitor.model.errors import ConfigError
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.results import Outcome
from monitor.model.schedules import Cron
from monitor.model.settings import Job
from monitor.notify.kinds import KINDS
from monitor.notify.ping import Ping
from monitor.notify.transport import Transport
from monitor.timing.clock import AnchoredClock
from monitor.timing.deadlines import Watchdog
from tests.notify.far_end import Answer, FarEnd, hang_up, stall, status, trickle, until
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMN_GONE,
    FAILURE,
    LOST,
    NOW,
    WELL,
    a_config,
    a_result,
    a_target,
    seconds,
    success,
)

MINUTE = timedelta(minutes=1)
BOTH = HeartbeatSettings(
    ("balances", "missing_columns"), url="http://127.0.0.1:9/ping/s3cret"
)


@dataclass
class Driven:
    """A clock that we drive."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant


@dataclass
class HeartbeatHarness:
    """A heartbeat on a clock that we drive, over a picture that we change, with a far end that we choose."""

    clock: Driven = field(default_factory=Driven)
    snapshot: Snapshot = field(default_factory=lambda: empty_snapshot(a_config(), NOW))
    health: tuple[bool, str] = (True, "healthy")
    reason: str = ""
    reported: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.heartbeat = Heartbeat(
            self.clock,
            snapshot=lambda: self.snapshot,
            check_health=lambda: self.health,
            listener=self,
        )
        self.heartbeat.apply(BOTH, self)

    @property
    def now(self) -> datetime:
        return self.clock.instant

    def __call__(self) -> Delivery:
        return Delivery("heartbeat", self.now, 0.1, reason=self.reason)

    def abort(self) -> None:
        self.reported.append("aborted")

    def on_heartbeat(self, delivery: Delivery) -> None:
        self.reported.append(delivery.reason or "beat")

    def on_withheld(self, reason: str, message: str) -> None:
        self.reported.append(f"withheld, {reason}: {message}")

    def on_resumed(self, seconds: float) -> None:
        self.reported.append(f"resumed after {seconds:g} s")

    def run(self, outcomes: Mapping[str, Outcome] = WELL) -> None:
        for view in list(self.snapshot.queries.values()):
            name = view.job.query.name
            if name in outcomes:
                result = a_result(view.job, outcomes[name], self.now)
                self.snapshot = with_result(self.snapshot, result)

    def after(self, length: float) -> list[str]:
        """Let time pass, looking each second; give what was reported meanwhile."""
        self.reported.clear()
        for _ in range(int(length)):
            self.clock.instant += seconds(1)
            self.heartbeat.look()
        return self.reported


def test_it_beats_once_an_interval_from_the_first_whole_picture_on() -> None:
    harness = HeartbeatHarness()
    assert (
        harness.after(5) == []
    )  # the first runs have not ended: no heartbeat, and nothing to be said
    harness.run()
    assert harness.after(1) == ["beat"]
    assert harness.after(59) == []
    assert harness.after(61) == ["beat", "beat"]


def test_a_query_without_success_for_three_intervals_and_its_limit_stops_it_and_that_is_said_once() -> (
    None
):
    harness = HeartbeatHarness()
    harness.run()
    harness.after(1)
    for _ in range(3):
        harness.after(59)
        harness.run({**WELL, "balances": FAILURE})
        harness.after(1)
    # 181 s since the last success; 3 minutes and the time limit of 10 s are allowed
    late = "withheld, late: not in time: balances on main (no data since 2026-11-22 12:00:00 UTC)"
    assert harness.after(60) == ["beat", late] or harness.reported == [late]
    assert harness.after(300)[-1:] != ["beat"]
    harness.run()
    assert harness.after(1)[0].startswith("resumed after ")
    assert harness.reported[1] == "beat"


def test_a_clock_that_was_set_shortens_no_silence_and_delays_no_beat() -> None:
    harness = HeartbeatHarness()
    harness.run()
    harness.after(1)
    harness.health = (False, "the pipeline has ended")
    assert harness.after(90) == ["withheld, unhealthy: the pipeline has ended"]
    harness.clock.instant -= seconds(3600)
    harness.heartbeat.move(seconds(-3600))
    harness.health = (True, "healthy")
    harness.run()
    assert harness.after(1) == ["resumed after 31 s", "beat"]
    assert harness.after(60) == ["beat"]


@pytest.mark.parametrize(
    ("outcomes", "is_stopped"),
    [
        ({**WELL, "balances": LOST}, True),
        (COLUMN_GONE, True),  # blocked: an alert speaks of it, and still it did not run
        (WELL, False),
        ({**WELL, "balances": success()}, False),  # found nothing, and ran
    ],
    ids=["lost", "blocked", "well", "nothing found"],
)
def test_only_success_keeps_it_going(
    outcomes: Mapping[str, Outcome], is_stopped: bool
) -> None:
    harness = HeartbeatHarness()
    harness.run()
    for _ in range(6):
        harness.after(59)
        harness.run(outcomes)
        harness.after(1)
    assert (harness.after(60) == []) is is_stopped


def test_what_never_ran_is_late_when_its_time_is_over() -> None:
    harness = HeartbeatHarness()
    assert harness.after(190) == []
    assert harness.after(1) == [
        "withheld, late: not in time: missing_columns on main (no data yet); balances on main (no data yet)"
    ]


def test_every_target_counts_and_only_the_queries_that_were_named() -> None:
    config = a_config(a_target("one"), a_target("two"))
    harness = HeartbeatHarness(snapshot=empty_snapshot(config, NOW))
    harness.heartbeat.apply(replace(BOTH, queries=("balances",)), harness)
    harness.run({"balances": WELL["balances"]})
    assert harness.after(1)[-1:] == ["beat"]
    two = next(
        view
        for view in harness.snapshot.queries.values()
        if view.job.key == ("two", "balances")
    )
    for _ in range(5):
        harness.after(60)
        harness.snapshot = with_result(
            harness.snapshot, a_result(two.job, WELL["balances"], harness.now)
        )
    assert harness.after(60) == []
    assert harness.health == (True, "healthy")


def test_a_monitor_that_is_not_healthy_does_not_beat() -> None:
    harness = HeartbeatHarness()
    harness.run()
    assert harness.after(1) == ["beat"]
    harness.health = (False, "the pipeline does not run")
    assert harness.after(100) == ["withheld, unhealthy: the pipeline does not run"]
    harness.health = (True, "healthy")
    assert harness.after(1) == ["resumed after 41 s", "beat"]


def test_a_failed_call_is_reported_and_the_next_comes_in_its_time() -> None:
    harness = HeartbeatHarness()
    harness.run()
    harness.reason = "http_500"
    assert harness.after(61) == ["http_500", "http_500"]


def test_without_settings_it_is_silent_and_a_reload_takes_effect_at_once() -> None:
    harness = HeartbeatHarness()
    harness.run()
    harness.heartbeat.apply(None, None)
    assert harness.after(120) == []
    harness.heartbeat.apply(replace(BOTH, interval=seconds(10)), harness)
    assert harness.after(11) == ["beat", "beat"]
    harness.heartbeat.apply(
        replace(BOTH, interval=seconds(10)), harness
    )  # nothing has changed
    assert harness.after(5) == []


# Cron: its period.


def nightly() -> Job:
    return Job(a_target(), replace(BALANCES, schedule=Cron("0 3 * * *")))


def test_a_cron_query_is_late_only_when_its_last_time_gave_nothing() -> None:
    job, day = nightly(), timedelta(days=1)
    config = replace(a_config(), jobs=(job,))
    snapshot = with_next_run(empty_snapshot(config, NOW), job.key, NOW + day)

    def late(snapshot: Snapshot, at: datetime) -> bool:
        return is_late(snapshot.queries[job.key], at)

    assert not late(snapshot, NOW + timedelta(hours=23))  # not due since the start
    assert late(snapshot, NOW + day + 2 * MINUTE)  # due, and nothing came
    ran = with_result(snapshot, a_result(job, WELL["balances"], NOW + day))
    ran = with_next_run(ran, job.key, NOW + 2 * day)
    assert not late(ran, NOW + day + timedelta(hours=23))
    assert late(ran, NOW + 2 * day + 2 * MINUTE)
    failed = with_next_run(
        with_result(ran, a_result(job, FAILURE, NOW + 2 * day)), job.key, NOW + 3 * day
    )
    assert late(failed, NOW + 2 * day + seconds(1))
    assert late(with_missed(ran, job.key, 1), NOW + day + seconds(1))


# The configuration.

TARGET = '[targets.main]\nhost = "127.0.0.1"\nuser = "u"\ndatabase = "app"\n'


def settings(folder: Path, text: str) -> HeartbeatSettings | None:
    path = folder / "config.toml"
    path.write_text(TARGET + text, encoding="utf-8")
    return load(path, {}, KINDS).heartbeat


def test_by_default_it_is_about_the_queries_with_a_critical_rule(
    tmp_path: Path,
) -> None:
    assert settings(tmp_path, "") is None
    found = settings(tmp_path, '[heartbeat]\nurl_file = "switch"\n')
    assert found is not None
    assert (found.url, found.url_file) == ("", tmp_path / "switch")
    assert (found.interval, found.timeout) == (
        timedelta(minutes=1),
        timedelta(seconds=10),
    )
    assert "missing_columns" in found.queries
    assert "uninitialized" in found.queries
    assert "recent_usage" not in found.queries


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", 'heartbeat: give exactly one of "url" and "url_file"'),
        (
            'url = "http://a/"\nurl_file = "b"',
            'heartbeat: give exactly one of "url" and "url_file"',
        ),
        (
            'url = "ftp://s3cret/"',
            "heartbeat.url: is not a URL; allowed: http://HOST/… or https://HOST/…",
        ),
        (
            'url = "http://a/"\ninterval = "5s"\ntimeout = "5s"',
            "heartbeat.timeout: the timeout, 5s, must be shorter than the interval, 5s",
        ),
        (
            'url = "http://a/"\nqueries = ["uninitialised"]',
            'heartbeat.queries[0]: "uninitialised" matches no query; did you mean "uninitialized"?',
        ),
        (
            'url = "http://a/"\nqueries = []',
            "heartbeat.queries: is empty; leave it out for all that have a critical rule",
        ),
    ],
)
def test_mistakes_are_said_with_their_place(
    tmp_path: Path, table: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, f"[heartbeat]\n{table}\n")
    assert [f"{p.key}: {p.message}" for p in error.value.problems] == [problem]
    assert "s3cret" not in str(error.value)


def test_where_no_rule_is_critical_the_queries_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q/one.sql").write_text("SELECT 1 AS n")
    (tmp_path / "q/one.toml").write_text('summary = "x"\n')
    path = tmp_path / "config.toml"
    top = 'query_dirs = ["q"]\nshipped_queries = false\n'
    path.write_text(f'{top}{TARGET}[heartbeat]\nurl = "http://a/"\n')
    with pytest.raises(
        ConfigError, match='no query has a critical rule; name some in "queries"'
    ):
        load(path, {}, KINDS)
    path.write_text(f'{top}{TARGET}[heartbeat]\nurl = "http://a/"\nqueries = ["o*"]\n')
    found = load(path, {}, KINDS).heartbeat
    assert found is not None
    assert found.queries == ("one",)


# Over a real socket.


def test_it_is_a_get_of_the_address_without_a_body(watchdog: Watchdog) -> None:
    far = FarEnd()
    try:
        taken = Ping(
            replace(BOTH, url=f"{far.url}/ping/s3cret?a=b"),
            AnchoredClock(),
            Transport(watchdog),
        )()
    finally:
        far.close()
    (request,) = far.requests
    assert (taken.receiver, taken.reason) == ("heartbeat", "")
    assert (request.method, request.path, request.body) == (
        "GET",
        "/ping/s3cret?a=b",
        b"",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "reason", "limit"),
    [
        (status(500, body=b"no such check: s3cret-of-ours"), "http_500", 30),
        (status(302, headers="Location: /elsewhere\r\n"), "redirect", 30),
        (stall, "timeout", 1),
        (trickle(b"HTTP/1.1 200 OK\r\n", b"x"), "timeout", 1),
        (hang_up, "network", 30),
    ],
    ids=["500", "redirect", "silence", "trickle", "hang-up"],
)
def test_what_is_not_taken_has_a_reason_in_time_and_no_secret(
    watchdog: Watchdog, answer: Answer, reason: str, limit: int
) -> None:
    far = FarEnd(answer)
    begun = time.monotonic()
    try:
        settings = replace(
            BOTH, url=f"{far.url}/ping/s3cret-of-ours", timeout=seconds(limit)
        )
        ping = Ping(settings, AnchoredClock(), Transport(watchdog))
        failed = ping()
        until(
            lambda: far.requests
        )  # it may have been given up before the far end had read it
    finally:
        far.close()
    assert failed.reason == reason
    assert "s3cret" not in failed.message
    assert time.monotonic() - begun < 10
    assert len(far.requests) == 1


def test_the_file_is_read_at_each_call(tmp_path: Path, watchdog: Watchdog) -> None:
    far = FarEnd()
    path = tmp_path / "switch"
    ping = Ping(
        replace(BOTH, url="", url_file=path), AnchoredClock(), Transport(watchdog)
    )
    try:
        assert ping().reason == "url_file"
        path.write_text(f"{far.url}/ping/1\n")
        assert ping().reason == ""
        path.write_text(f"{far.url}/ping/2\n")
        assert ping().reason == ""
    finally:
        far.close()
    assert [request.path for request in far.requests] == ["/ping/1", "/ping/2"]
