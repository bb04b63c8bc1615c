"""The first page's numbers and lines, what its address narrows, and how much of it there is at most."""

from __future__ import annotations

import html
import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.alerting.snapshot import Snapshot, with_alerts
from monitor.daemon.trends import Trends
from monitor.model.alerts import Change, Transition
from monitor.model.deferral import Deferred
from monitor.model.results import Blocked, Outcome, Sample
from monitor.model.settings import Config, Metric, labels_of
from monitor.model.trends import SeriesName, TrendNews, TrendRow
from monitor.web.alert_sections import MAX_ALERT_ROWS
from monitor.web.numbers import MAX_PLANS
from monitor.web.page import Page, page_of
from monitor.web.page_filter import PageFilter, page_filter
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMNS,
    FAILURE,
    LOST,
    MISSING,
    NOW,
    UNINITIALIZED,
    a_config,
    a_query,
    a_result,
    a_scene,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
    subscribers,
    success,
)
from tests.web.serving import ServedState, serving
from tests.web.test_detail_pages import HOSTILE, text_of

USES = a_query(
    "recent_usage", metrics=(Metric("token_usage_recent_events", "Uses", value="n"),)
)
LAST = a_query(
    "last_usage",
    metrics=(Metric("token_usage_last_event_timestamp_seconds", "Last", value="at"),),
)
CONFIG = a_config(queries=(COLUMNS, BALANCES, USES, LAST))


def use(action: str, window: str, value: float) -> Sample:
    labels = labels_of({"action": action, "window": window})
    return Sample("token_usage_recent_events", labels, value)


LAST_USE = Sample(LAST.metrics[0].name, (), NOW.timestamp() - 90)
OUTCOMES: dict[str, Outcome] = {
    "balances": success(
        subscribers("pro", "ok", 7),
        subscribers("team", "ok", 5),
        subscribers("team", "needs_init", 2),
    ),
    "recent_usage": success(
        use("seo", "1h", 30), use("seo", "24h", 900), use("rewrite", "1h", 12)
    ),
    "last_usage": success(LAST_USE),
}


def snapshot_of(config: Config = CONFIG) -> Snapshot:
    """Return a picture in which each run's statements took 0.3 s."""
    snapshot = a_snapshot(config, OUTCOMES)
    for job in config.jobs:
        if job.query.name in OUTCOMES:
            result = a_result(job, OUTCOMES[job.query.name])
            snapshot = with_result(snapshot, replace(result, statement_seconds=0.3))
    return snapshot


def shown(page: Page) -> dict[str, tuple[str, str]]:
    """Return the value and colour of each number by its title."""
    return {tile.title: (tile.value, tile.tone) for tile in page.tiles}


def keep_day(served: ServedState) -> None:
    """Keep a day of minutes of the subscribers without a balance: one a day ago, two plans of them."""
    series: dict[SeriesName, int] = {}
    for plan in ("pro", "team"):
        labels = labels_of({"plan": plan, "status": "needs_init"})
        series[SeriesName("balances", "token_subscribers", labels)] = len(series)
    for minute in range(1440, -1, -10):
        at = NOW - timedelta(minutes=minute)
        row = TrendRow("main", int(at.timestamp()), {0: 3.0, 1: float(minute > 1000)})
        served.past.write_trends(TrendNews([row], {"main": series}), at + seconds(60))


def test_a_page_has_the_numbers_of_the_product_and_what_it_costs_the_database() -> None:
    assert shown(page_of(a_scene(snapshot_of()))) == {
        "Subscribers ok": ("12", "ok"),
        "Subscribers not initialised": ("2", "bad"),
        "Uses in the last hour": ("42", "ok"),
        "Last use": ("1 min 30 s ago", "ok"),
        "Cost of the monitor, ms a minute": ("90", "ok"),
    }


def test_subscribers_are_counted_by_plan_too() -> None:
    plans = page_of(a_scene(snapshot_of())).plans
    assert plans is not None
    assert plans.states == ("ok", "low", "empty", "negative", "needs_init")
    assert plans.rows == (
        ("pro", "7", "0", "0", "0", "0"),
        ("team", "5", "0", "0", "0", "2"),
    )


def test_plans_that_have_no_place_in_the_table_are_counted() -> None:
    plans = [
        subscribers(f"plan{number:02}", "ok", 1) for number in range(MAX_PLANS + 3)
    ]
    snapshot = a_snapshot(CONFIG, {"balances": success(*plans)})
    table = page_of(a_scene(snapshot)).plans
    assert table is not None
    assert (len(table.rows), table.left_out) == (MAX_PLANS, 3)


def test_what_is_not_fresh_or_not_counted_has_no_number() -> None:
    late = page_of(a_scene(snapshot_of(), NOW + seconds(3600)))
    assert set(shown(late)) == {"Cost of the monitor, ms a minute"}
    nothing = page_of(a_scene(a_snapshot(a_config(queries=(COLUMNS,)))))
    assert (nothing.tiles, nothing.plans) == ((), None)


def test_numbers_of_several_targets_are_added_up_and_the_worst_is_said() -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=CONFIG_QUERIES)
    numbers = shown(page_of(a_scene(snapshot_of(config))))
    assert numbers["Subscribers ok"] == ("24", "ok")
    assert numbers["Longest without use"] == ("1 min 30 s ago", "ok")
    assert numbers["Highest cost of the monitor, ms a minute"] == ("90", "ok")


CONFIG_QUERIES = (COLUMNS, BALANCES, USES, LAST)


def test_each_number_has_its_line_over_the_last_day_and_what_it_was_then() -> None:
    served = ServedState(CONFIG, snapshot_of(), NOW)
    keep_day(served)
    with serving(served) as client:
        page = client.get("/").text
        assert len(re.findall(r'<svg class="spark"', page)) == 1
        assert len(re.findall(r'<path d="M', page)) == 1
        assert "Subscribers not initialised between 3 and 4</title>" in page
        assert "4 a day ago" in text_of(client.get("/"))
        # The same line is not drawn twice within a minute, and anew after it.
        assert client.get("/").text == page
        served.now = NOW + seconds(61)
        assert client.get("/").status == 200


def test_lines_are_of_the_target_that_is_asked_for() -> None:
    config = a_config(a_target("main"), a_target("us"), queries=CONFIG_QUERIES)
    served = ServedState(config, snapshot_of(config), NOW)
    keep_day(served)
    with serving(served) as client:
        assert 'class="spark"' not in client.get("/").text
        assert 'class="spark"' in client.get("/?target=main").text
        assert 'class="spark"' not in client.get("/?target=us").text


def test_the_strip_of_the_day_is_of_the_target_that_is_shown_and_of_what_is_kept() -> (
    None
):
    config = a_config(a_target("main"), a_target("us"), queries=CONFIG_QUERIES)
    served = ServedState(config, snapshot_of(config), NOW)
    keep_day(served)
    fired_at, over_at = NOW - timedelta(hours=7), NOW - timedelta(hours=5)
    over = replace(an_alert(), fired_at=fired_at, resolved_at=over_at)
    served.past.record({}, (Transition(Change.RESOLVED, over, over_at),), ())
    with serving(served) as client:
        for address in ("/?target=main", "/targets/main"):
            page = client.get(address).text
            assert page.count('<svg class="strip"') == 1
            assert len(re.findall(r'<rect class="bad"', page)) == 1
            assert f"{over.name} fired</title>" in page
            assert "Something fired for 2 h since Sat 12:30 UTC</span>" in page
        for address in ("/", "/?target=us", "/targets/us", "/?target=nobody"):
            assert '<svg class="strip"' not in client.get(address).text


PUT_OFF = Deferred("busy", "60 threads run, more than 50")


@pytest.mark.parametrize(
    ("outcome", "is_known"),
    [
        (success(), True),
        (FAILURE, True),
        (PUT_OFF, False),
        (LOST, False),
        (Blocked((MISSING,)), False),
    ],
)
def test_a_half_hour_in_which_no_server_was_asked_is_not_shown_as_looked_at(
    outcome: Outcome, *, is_known: bool
) -> None:
    served = ServedState(CONFIG, snapshot_of(), NOW)
    trends, (job, *_) = Trends({}), CONFIG.jobs
    # Runs about the beginning of each half hour; between 6:00 and 8:00 those that are asked about.
    for minute in range(1440, -1, -1):
        at = NOW - timedelta(minutes=minute)
        news = trends.due(at)
        if news is not None:
            served.past.write_trends(news, at)
            trends.note_written()
        if minute % 30 < 2:
            is_meant = 240 < minute <= 361
            trends.note(a_result(job, outcome if is_meant else success()), CONFIG)
    with serving(served) as client:
        page = client.get("/").text
    title = "Sun 06:00 to Sun 08:00 UTC: nothing is known"
    assert (title in page) is not is_known
    assert ("nothing is known" in page) is not is_known


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("", ["eu pro", "eu team", "us pro"]),
        ("?target=eu", ["eu pro", "eu team"]),
        ("?plan=pro", ["eu pro", "us pro"]),
        ("?target=us&plan=team", []),
        ("?severity=critical&plan=team", ["eu team"]),
        ("?severity=info", []),
        ("?target=&other=x", ["eu pro", "eu team", "us pro"]),
    ],
)
def test_the_address_narrows_the_page_and_not_its_headline(
    address: str, names: list[str]
) -> None:
    config = a_config(a_target("eu"), a_target("us"), queries=(BALANCES,))
    alerts = [
        an_alert(target="eu", plan="pro"),
        an_alert(target="eu", plan="team"),
        an_alert(target="us", plan="pro"),
    ]
    snapshot = with_alerts(a_snapshot(config), alerts)
    given = dict(re.findall(r"(\w+)=(\w*)", address))
    page = page_of(a_scene(snapshot), chosen=page_filter(given))
    found = [
        f"{alert.label('target')} {alert.label('plan')}"
        for alert in alerts
        if alert.fingerprint
        in {row.fingerprint for group in page.active for row in group.rows}
    ]
    assert found == names
    assert page.verdict.text.startswith("9 subscribers have no balance")
    target = given.get("target")
    assert {row.name for row in page.targets} == ({target} if target else {"eu", "us"})
    with serving(ServedState(config, snapshot, NOW)) as client:
        answer = client.get(f"/{address}")
        assert answer.status == 200
        is_part = "Only a part is shown" in answer.text
        assert is_part is bool(page.chosen.given)


def test_the_links_that_narrow_lead_to_what_they_say() -> None:
    alerts = [an_alert(plan=plan) for plan in ("pro", HOSTILE)]
    served = ServedState(CONFIG, with_alerts(snapshot_of(), alerts), NOW)
    with serving(served) as client:
        page = client.get("/").text
        assert "<script>" not in page
        links = map(html.unescape, re.findall(r'href="(\?plan=[^"]*)"', page))
        for link, alert in zip(links, alerts, strict=True):
            narrowed = client.get(f"/{link}").text
            assert f"alerts/{alert.fingerprint}" in narrowed
            assert narrowed.count('href="alerts/') == 1


def test_a_target_that_is_not_there_shows_nothing_and_no_error() -> None:
    served = ServedState(CONFIG, snapshot_of(), NOW)
    with serving(served) as client:
        assert client.get(f"/?target={'x' * 5000}").status == 200
    page = page_of(a_scene(snapshot_of()), chosen=PageFilter((("target", "x"),)))
    assert (page.targets, page.queries, page.tiles) == ((), (), ())


@pytest.mark.parametrize("rules", [1, 40, 5000])
def test_five_thousand_alerts_are_bounded_and_those_not_shown_are_counted(
    rules: int,
) -> None:
    config = a_config(
        *(a_target(f"shop{n:04}") for n in range(1000)), queries=(BALANCES,)
    )
    alerts = [
        an_alert(
            replace(UNINITIALIZED, name=f"Rule{n % rules}"),
            target=f"shop{n % 1000:04}",
            plan=f"p{n}",
        )
        for n in range(5000)
    ]
    snapshot = with_alerts(a_snapshot(config), alerts)
    began = time.process_time()
    page = page_of(a_scene(snapshot), config)
    assert time.process_time() - began < 5
    rows = sum(len(group.rows) for group in page.active)
    described = sum(group.size for group in page.active)
    assert 0 < rows <= MAX_ALERT_ROWS
    assert page.not_described == 5000 - described
    with serving(ServedState(config, snapshot, NOW)) as client:
        answer = client.get("/")
        assert len(answer.body) < 300_000
        if page.not_described:
            assert f"{page.not_described} more alerts are not shown" in answer.text


def test_a_thousand_targets_are_a_page_of_less_than_300_kilobytes() -> None:
    targets = (a_target(f"shop{n:04}") for n in range(1000))
    queries = (*CONFIG_QUERIES, *(a_query(f"q{n}") for n in range(4)))
    config = a_config(*targets, queries=queries)
    with serving(ServedState(config, snapshot_of(config), NOW)) as client:
        answer = client.get("/")
        assert len(answer.body) < 300_000
        assert "more; their queries are in" in text_of(answer)
