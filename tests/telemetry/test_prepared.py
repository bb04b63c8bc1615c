"""What is prepared piece by piece is what a page made anew would say, whatever happened before."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.alerting.configured import empty_snapshot, for_config
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.snapshot import Snapshot, with_missed, with_next_run
from monitor.model.errors import Reason
from monitor.model.results import Blocked, Failure, Outcome, Sample
from monitor.model.schedules import Cron
from monitor.model.settings import Config, JobKey, Metric, labels_of
from monitor.model.shards import Shard
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition, ScrapeRequest
from monitor.telemetry.own_metrics import Counted
from monitor.telemetry.pages import PreparedPage
from monitor.telemetry.readings import MonitorState, Reading
from monitor.timing.shift import moved
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMNS,
    FAILURE,
    LOST,
    MISSING,
    NOW,
    a_config,
    a_query,
    a_result,
    a_snapshot,
    a_target,
    seconds,
    subscribers,
    success,
)

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

# Two queries share a metric; one runs by cron; one exports nothing.
COPY = replace(BALANCES, name="copy", rules=())
DAILY = replace(
    a_query("daily", metrics=(Metric("token_daily", "Daily", value="n"),)),
    schedule=Cron("0 3 * * *"),
)
QUIET = a_query("quiet", metrics=(Metric("token_quiet", "", exported=False),))
QUERIES = (COLUMNS, BALANCES, COPY, DAILY, QUIET)
ALL = a_config(a_target("eu", region="eu"), a_target("us"), queries=QUERIES)
FEWER = a_config(a_target("eu", region="EU"), queries=(COPY, BALANCES))
# The process, and what differs with every scrape.
EACH_TIME = ("process_", "python_info", "token_monitor_exposition_skipped")


class World:
    """A monitor to which things happen, and its exposition."""

    def __init__(self) -> None:
        self.config = ALL
        self.telemetry = Telemetry("1")
        self.telemetry.declare(ALL)
        self.snapshot = empty_snapshot(ALL)
        self.now = NOW
        self.exposition = self.new_exposition()

    def new_exposition(self) -> Exposition:
        return Exposition(self.telemetry, lambda: self.snapshot, lambda: self.now)

    def load(self, config: Config) -> None:
        self.config = config
        self.telemetry.declare(config)
        self.snapshot = for_config(self.snapshot, config)

    def run(self, number: int, outcome: Outcome) -> None:
        job = self.config.jobs[number % len(self.config.jobs)]
        result = a_result(job, outcome, self.now)
        self.telemetry.run_finished(result)
        self.snapshot = with_result(self.snapshot, result)

    def miss(self, number: int) -> None:
        job = self.config.jobs[number % len(self.config.jobs)]
        self.telemetry.missed(job, 1)
        self.snapshot = with_missed(self.snapshot, job.key, 1)

    def plan(self, number: int, after: timedelta) -> None:
        key = self.config.jobs[number % len(self.config.jobs)].key
        self.snapshot = with_next_run(self.snapshot, key, self.now + after)

    def move(self, by: timedelta) -> None:
        self.snapshot = moved(self.snapshot, by)
        self.now += by


def text_of(exposition: Exposition, request: ScrapeRequest) -> str:
    scrape = exposition.scrape(request)
    is_gzipped = scrape.format.is_gzipped
    return (gzip.decompress(scrape.body) if is_gzipped else scrape.body).decode()


def families_of(text: str) -> list[Family]:
    """Read a page with the library's parser, which refuses what Prometheus would refuse."""
    is_openmetrics = text.endswith("# EOF\n")
    parse = parse_openmetrics if is_openmetrics else parse_text
    families: list[Family] = list(parse(text))
    return families


def series_of(families: Iterable[Family]) -> Series:
    found: Series = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, labels_of(sample.labels))
            assert key not in found, key
            if not sample.name.startswith(EACH_TIME):
                found[key] = sample.value
    return found


def expected_samples(snapshot: Snapshot, now: datetime) -> Series:
    """Compute from the snapshot alone which samples there are; of equal series the first counts."""
    found: Series = {}
    for view in snapshot.queries.values():
        target = view.job.target
        exported = {one.name for one in view.job.query.metrics if one.exported}
        is_over = view.expires_at is not None and view.expires_at <= now
        for sample in view.samples:
            if sample.metric in exported and not is_over:
                labels = {
                    **target.labels,
                    **dict(sample.labels),
                    "target": target.name,
                }
                found.setdefault((sample.metric, labels_of(labels)), sample.value)
    return found


def check(world: World) -> None:
    """Compare what was prepared step by step with a page made anew, and with the snapshot."""
    pages: dict[str, Series] = {}
    for accept, encoding in (("", ""), (OPENMETRICS, "gzip")):
        request = ScrapeRequest(accept, encoding)
        text = text_of(world.exposition, request)
        heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(heads) == len({line.split()[2] for line in heads})
        pages[accept] = series_of(families_of(text))
        anew = series_of(families_of(text_of(world.new_exposition(), request)))
        assert without_past(pages[accept]) == without_past(anew)
    assert pages[""] == pages[OPENMETRICS]
    samples = {
        key: value
        for key, value in pages[""].items()
        if not key[0].startswith("token_monitor_")
    }
    assert samples == expected_samples(world.snapshot, world.now)
    check_own(world, pages[""])
    check_targets(world, pages[""])


def without_past(series: Series) -> Series:
    """Leave out the statuses that held before, of which a new page does not know."""
    return {
        key: value
        for key, value in series.items()
        if value or key[0] != "token_monitor_query_status"
    }


def check_own(world: World, series: Series) -> None:
    """Compare some of the monitor's own with the snapshot."""
    for key, view in world.snapshot.queries.items():
        labels = {"query": key[1], "target": key[0]}
        status = labels_of({**labels, "status": view.status.value})
        assert series["token_monitor_query_status", status] == 1
        at = series.get(
            ("token_monitor_query_last_success_timestamp_seconds", labels_of(labels))
        )
        success_at = view.last_success_at
        assert at == (None if success_at is None else success_at.timestamp())


def check_targets(world: World, whole: Series) -> None:
    """The pages of all targets, and of what belongs to none, are the whole page, each series once."""
    joined: Series = {}
    for target in ("", *world.snapshot.targets):
        request = ScrapeRequest(OPENMETRICS, "gzip", target)
        part = series_of(families_of(text_of(world.exposition, request)))
        assert not part.keys() & joined.keys()
        for _name, labels in part:
            assert dict(labels).get("target", "") == target
        joined |= part
    assert joined == whole


outcomes = st.one_of(
    st.builds(
        lambda pairs: success(
            *(
                subscribers(plan, status, value)
                for (plan, status), value in pairs.items()
            ),
            Sample("token_daily", (), 5.0),
            Sample("token_quiet", (), 1.0),
        ),
        st.dictionaries(
            st.tuples(
                st.sampled_from(["pro", 'fr"ee\\\n']), st.sampled_from(["ok", "low"])
            ),
            st.sampled_from([0.0, 1.0, 7.5, float("inf")]),
            max_size=3,
        ),
    ),
    st.sampled_from([FAILURE, LOST, Blocked((MISSING,)), success()]),
)
numbers = st.integers(0, 9)
steps = st.one_of(
    st.tuples(st.just("run"), numbers, outcomes),
    st.tuples(st.just("miss"), numbers),
    st.tuples(st.just("plan"), numbers, st.sampled_from([seconds(5), seconds(90_000)])),
    st.tuples(st.just("pass"), st.sampled_from([1, 60, 130, 100_000])),
    st.tuples(st.just("move"), st.sampled_from([seconds(-3600), seconds(7)])),
    st.tuples(st.just("load"), st.sampled_from([ALL, FEWER])),
    st.tuples(st.just("refresh")),
)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.tuples(steps, st.booleans()), min_size=1, max_size=12))
def test_whatever_happened_the_page_says_what_is_known_now(
    happenings: list[tuple[tuple[object, ...], bool]],
) -> None:
    world = World()
    for (kind, *arguments), is_checked in happenings:
        if kind == "pass":
            (length,) = arguments
            world.now += seconds(float(str(length)))
        elif kind == "refresh":
            world.exposition.refresh()
        else:
            getattr(world, str(kind))(*arguments)
        if is_checked:
            check(world)
    check(world)


def test_only_what_has_changed_is_written_anew() -> None:
    world = World()
    for number in range(len(world.config.jobs)):
        world.run(number, success(subscribers("pro", "ok", number)))
    world.exposition.refresh()
    before = world.exposition._prepared
    world.run(1, success(subscribers("pro", "ok", 99)))
    world.exposition.refresh()
    after = world.exposition._prepared
    key = world.config.jobs[1].key
    changed = {
        name
        for name, piece in after.queries.items()
        if piece is not before.queries[name]
    }
    # And the other one of the target that shares its metric.
    assert key in changed
    assert {target for target, _query in changed} == {key[0]}
    assert after.targets["us"] is before.targets["us"]
    assert after.layout is before.layout


def test_an_answer_is_at_hand_until_anything_changes() -> None:
    world = World()
    world.run(1, success(subscribers("pro", "ok", 1)))
    request = ScrapeRequest(OPENMETRICS, "gzip")
    assert not world.exposition.is_at_hand(request)
    world.exposition.prepare(request)
    assert world.exposition.is_at_hand(request)
    assert not world.exposition.is_at_hand(ScrapeRequest())
    world.now += seconds(189)
    assert world.exposition.is_at_hand(request)
    world.now += seconds(1)
    assert not world.exposition.is_at_hand(request), "its samples have expired"
    world.exposition.prepare(request)
    assert world.exposition.is_at_hand(request)
    world.telemetry.crashed()
    assert not world.exposition.is_at_hand(request), "a counter has changed"
    world.exposition.prepare(request)
    world.miss(1)
    assert not world.exposition.is_at_hand(request), "a view has changed"


def test_of_a_fleet_nothing_is_prepared_before_somebody_scrapes() -> None:
    world, request = World(), ScrapeRequest(target="t1")
    targets = [a_target(f"t{number}") for number in range(2001)]
    world.load(a_config(*targets, queries=(COPY,)))
    world.exposition.refresh()
    assert not world.exposition.is_at_hand(request)
    world.exposition.prepare(request)
    world.miss(1)
    assert not world.exposition.is_at_hand(request)
    world.exposition.refresh()
    assert world.exposition.is_at_hand(request)


def test_whatever_is_read_of_the_monitor_makes_another_page() -> None:
    world = World()
    reading = Reading(world.snapshot, NOW)
    others = {
        "snapshot": Snapshot(),
        "monitor": MonitorState(log_dropped=1),
        "rules": frozenset({("TokenNew", "critical")}),
        "reload_ok": True,
        "reloaded_at": NOW,
        "heartbeat_at": NOW,
        "http_sd_at": NOW,
        "contract_ok": False,
        "shard": Shard(0, 2),
    }
    assert {field.name for field in fields(Reading)} - {"now"} == set(others)
    assert reading.is_as(replace(reading, now=NOW + seconds(1)))
    for name, value in others.items():
        assert not reading.is_as(replace(reading, **{name: value})), name  # type: ignore[arg-type]  # each is of its own kind


def test_a_status_that_was_shown_is_zero_afterwards_and_waiting_is_over() -> None:
    world = World()
    seen = []
    for outcome in (None, success(), FAILURE, success()):
        if outcome is not None:
            world.run(1, outcome)
        text = text_of(world.exposition, ScrapeRequest(target="eu"))
        name = 'token_monitor_query_status{query="balances",'
        seen.append(
            [
                line.split('status="')[1]
                for line in text.splitlines()
                if line.startswith(name)
            ]
        )
    assert seen == [
        ['waiting",target="eu"} 1.0'],
        ['ok",target="eu"} 1.0'],
        ['ok",target="eu"} 0.0', 'failed",target="eu"} 1.0'],
        ['ok",target="eu"} 1.0', 'failed",target="eu"} 0.0'],
    ]


def test_every_status_can_be_shown() -> None:
    world = World()
    for status in QueryStatus:
        views = {
            key: replace(view, status=status)
            for key, view in world.snapshot.queries.items()
        }
        world.snapshot = replace(world.snapshot, queries=views)
        check(world)


def test_buckets_are_there_by_choice_and_count_anew_when_they_change() -> None:
    world = World()
    plain = world.config
    chosen = replace(plain, web=replace(plain.web, duration_buckets=(0.5, 0.025, 0.01)))
    name = "token_monitor_query_duration_seconds"

    def buckets() -> list[str]:
        text = text_of(world.exposition, ScrapeRequest(OPENMETRICS, target="us"))
        families_of(text)
        start = (f"{name}_bucket", f"{name}_count", f"{name}_sum")
        lines = [line for line in text.splitlines() if line.startswith(start)]
        return [line for line in lines if 'query="balances"' in line]

    labels = 'query="balances",target="us"'
    world.run(6, success())
    assert buckets() == [
        f'{name}_bucket{{le="+Inf",{labels}}} 1.0',
        f"{name}_count{{{labels}}} 1.0",
        f"{name}_sum{{{labels}}} 0.025",
    ]
    world.load(chosen)
    world.run(6, success())
    world.run(6, success())
    assert buckets() == [
        f'{name}_bucket{{le="0.01",{labels}}} 0.0',
        f'{name}_bucket{{le="0.025",{labels}}} 2.0',
        f'{name}_bucket{{le="0.5",{labels}}} 2.0',
        f'{name}_bucket{{le="+Inf",{labels}}} 2.0',
        f"{name}_count{{{labels}}} 2.0",
        f"{name}_sum{{{labels}}} 0.05",
    ]
    world.load(replace(chosen, targets=chosen.targets))
    assert buckets()[-2:] == [
        f"{name}_count{{{labels}}} 2.0",
        f"{name}_sum{{{labels}}} 0.05",
    ]


@pytest.mark.slow
def test_nothing_that_many_threads_count_is_lost() -> None:
    world = World()
    failure = Failure(Reason.TIMEOUT, "too slow")
    results = [a_result(job, failure) for job in world.config.jobs]

    def count() -> None:
        for _ in range(200):
            for result in results:
                world.telemetry.run_finished(result)
            world.exposition.refresh()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    series = series_of(
        families_of(text_of(world.exposition, ScrapeRequest(OPENMETRICS)))
    )
    totals: Counter[str] = Counter()
    for (name, _labels), value in series.items():
        totals[name] += int(value)
    expected = 4 * 200 * len(results)
    for name in (
        "runs_total",
        "failed_runs_total",
        "failures_total",
        "duration_seconds_count",
    ):
        assert totals[f"token_monitor_query_{name}"] == expected, name


@given(st.binary(max_size=3000), st.binary(max_size=200), st.integers(1, 400))
def test_a_gzipped_page_is_one_member_and_what_was_plain(
    body: bytes, end: bytes, times: int
) -> None:
    page = PreparedPage(body * times, 0)
    # A stored block holds 65,535 bytes at most.
    for tail in (end, b"", end * times):
        whole = page.plain(tail)
        inflater = zlib.decompressobj(31)
        assert inflater.decompress(page.gzipped(tail)) == whole
        assert (inflater.eof, inflater.unused_data) == (True, b"")
        assert gzip.decompress(page.gzipped(tail)) == whole


def test_a_reload_that_gives_a_target_other_labels_shows_them_on_what_is_there() -> (
    None
):
    world = World()
    world.run(1, success(subscribers("pro", "ok", 1)))
    line = 'token_subscribers{plan="pro",region="%s",status="ok",target="eu"} 1.0\n'
    assert line % "eu" in text_of(world.exposition, ScrapeRequest())
    world.load(FEWER)
    text = text_of(world.exposition, ScrapeRequest())
    assert line % "EU" in text
    assert line % "eu" not in text


def test_a_label_of_a_sample_wins_over_one_of_the_target_but_for_its_name() -> None:
    world = World()
    odd = labels_of({"plan": "pro", "region": "moon", "target": "other"})
    world.run(1, success(Sample("token_subscribers", odd, 1.0)))
    check(world)
    line = 'token_subscribers{plan="pro",region="moon",target="eu"} 1.0\n'
    assert line in text_of(world.exposition, ScrapeRequest())


def test_a_target_that_a_reload_brings_or_removes_is_known_at_once() -> None:
    world = World()
    assert world.exposition.knows("us")
    assert not world.exposition.knows("ap")
    world.load(FEWER)
    assert not world.exposition.knows("us")
    assert 'region="EU"' not in text_of(world.exposition, ScrapeRequest())
    world.run(1, success(subscribers("pro", "ok", 1)))
    assert 'region="EU"' in text_of(world.exposition, ScrapeRequest(target="eu"))


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_an_empty_monitor_has_a_page_that_is_whole(accept: str) -> None:
    config = a_config(queries=())
    telemetry = Telemetry("1")
    telemetry.declare(config)
    exposition = Exposition(telemetry, lambda: a_snapshot(config), lambda: NOW)
    for target in (None, "", "main"):
        families_of(text_of(exposition, ScrapeRequest(accept, target=target)))


def test_what_was_read_of_a_counter_stays_as_it_was_when_a_reload_forgets_its_owner() -> (
    None
):
    world = World()
    job = world.config.jobs[0]
    assert job.key not in {one.key for one in FEWER.jobs}
    for reason in (Reason.TIMEOUT, Reason.KILLED):
        world.run(0, Failure(reason, "too slow"))
    series = world.telemetry.series_of(Counted.FAILURES, job.key)
    world.load(FEWER)
    read = {labels[-1]: count for labels, count in series if count}
    assert read == {"timeout": 1, "killed": 1}
    assert not list(world.telemetry.series_of(Counted.FAILURES, job.key))


def test_what_is_counted_late_of_something_removed_begins_no_series() -> None:
    world = World()
    result = a_result(world.config.jobs[0], Failure(Reason.TIMEOUT, "too slow"))
    world.load(FEWER)
    world.telemetry.run_finished(result)
    for counted in Counted:
        assert not list(world.telemetry.series_of(counted, result.job.key))
    assert world.telemetry.durations_of(result.job.key) is None


class Unreadable(dict[JobKey, QueryView]):
    """Queries of which none can be read: a bug, to whatever it may be due."""

    def __getitem__(self, key: JobKey) -> QueryView:
        raise KeyError("a bug")


def test_what_a_renewal_that_failed_was_to_show_is_shown_by_the_next_one() -> None:
    world = World()
    text_of(world.exposition, ScrapeRequest())
    world.telemetry.missed(world.config.jobs[0], 3)
    whole = world.snapshot
    world.snapshot = replace(whole, queries=Unreadable(whole.queries))
    with pytest.raises(KeyError, match="a bug"):
        world.exposition.refresh()
    world.snapshot = whole
    shown = text_of(world.exposition, ScrapeRequest())
    anew = text_of(world.new_exposition(), ScrapeRequest())
    name = "token_monitor_query_missed_total"
    lines = [line for line in shown.splitlines() if line.startswith(name)]
    assert " 3.0" in "".join(lines)
    assert lines == [line for line in anew.splitlines() if line.startswith(name)]


def test_a_target_that_a_reload_removes_before_its_scrape_is_answered_has_no_page() -> (
    None
):
    world = World()
    request = ScrapeRequest(target="us")
    world.exposition.prepare(request)
    world.load(FEWER)
    world.exposition.prepare(request)
    assert world.exposition.answer(request) is None
