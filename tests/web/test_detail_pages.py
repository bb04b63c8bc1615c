"""The pages of one query, target or alert and of the history, as a client reads them, over a real state."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.alerting.snapshot import with_alerts
from monitor.model.alerts import (
    Alert,
    AlertState,
    Change,
    Delivery,
    Notification,
    Transition,
)
from monitor.model.results import Outcome
from monitor.model.settings import labels_of
from monitor.model.trends import DURATION_METRIC, SeriesName, TrendNews, TrendRow
from monitor.storage import State
from tests.web.picture import (
    COLUMN_GONE,
    FAILURE,
    GONE,
    LOST,
    NOW,
    OWN,
    WELL,
    a_config,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
    subscribers,
    success,
    the_incident,
)
from tests.web.serving import Answer, Client, ServedState, serving
from tests.web.test_routes import CSP
from tests.web.web_config_files import basic, file_with, users_text

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{ 7*7 }}"


def text_of(answer: Answer) -> str:
    """Return what a person reads on a page, without its markup."""
    body = answer.text[answer.text.index("<header") :]
    text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))
    return text.replace(" ,", ",")


def record(state: State, *transitions: Transition) -> None:
    """Record what alerts did."""
    state.record({}, transitions, ())


def changes_of(alert: Alert) -> Iterator[Transition]:
    """Yield the three transitions of an alert that came and went yesterday."""
    day_before = NOW - timedelta(days=1)
    states = {
        Change.PENDING: AlertState.PENDING,
        Change.FIRED: AlertState.FIRING,
        Change.RESOLVED: AlertState.RESOLVED,
    }
    for minute, (change, state) in enumerate(states.items()):
        at = day_before + timedelta(minutes=minute)
        over = at if state is AlertState.RESOLVED else None
        yield Transition(change, replace(alert, state=state, resolved_at=over), at)


def deliver(state: State, alert: Alert, *, reason: str = "") -> None:
    """Put a notification about an alert through the outbox, and record what became of it."""
    group = {"alertname": alert.name, "target": alert.scope.target}
    key = f"{alert.fingerprint} {reason}"
    due = Notification("oncall", key, group, (alert,), NOW)
    state.record({}, (), (due,))
    (taken,) = state.due("oncall", now=NOW)
    delivery = Delivery("oncall", NOW, 0.25, reason=reason, message="said the far end")
    if reason:
        state.failed(taken, delivery, next_try_at=None)
    else:
        state.delivered(taken, delivery)


@pytest.fixture
def client() -> Iterator[Client]:
    with serving() as client:
        yield client


def show(client: Client, *alerts: Alert) -> None:
    served = client.served
    served.snapshot = with_alerts(a_snapshot(served.config), alerts)


# What every page of these has in common


PAGES = {
    "/queries/balances": 200,
    "/targets/main": 200,
    f"/alerts/{an_alert().fingerprint}": 200,
    "/history": 200,
    "/history?alert=TokenColumnMissing&target=main&severity=critical&day=2026-11-22": 200,
    "/queries/balance": 404,
    "/queries/balances?target=none": 404,
    "/targets/none": 404,
    "/alerts/none": 404,
    "/history?day=2026-11-31": 400,
    "/history?severity=loud": 400,
}


@pytest.mark.parametrize(("path", "status"), PAGES.items())
def test_every_page_is_guarded_and_has_no_style_of_its_own(
    client: Client, path: str, status: int
) -> None:
    show(client, an_alert())
    answer = client.get(path)
    assert (answer.status, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["cache-control"] == "no-store"
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text
    head = client.ask("HEAD", path)
    assert (head.status, head.body) == (status, b"")
    assert int(head.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("path", [path for path, code in PAGES.items() if code == 200])
def test_every_link_of_a_page_leads_somewhere_on_this_server(
    client: Client, path: str
) -> None:
    show(client, an_alert())
    record(client.served.past, *changes_of(an_alert()))
    page = client.get(path).text
    links = set(re.findall(r'(?:href|src)="([^"#]+)"', page))
    assert len(links) > 5
    for link in map(html.unescape, links):
        assert client.get(urljoin(path, link)).status == 200, link


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ("/queries/balance", 'Did you mean "balances"? These queries there are:'),
        ("/targets/man", 'Did you mean "main"? These targets there are:'),
        ("/queries/balances?target=mainn", 'There is no target "mainn".'),
        ("/alerts/0123456789abcdef", "These alerts are active: TokenBalances"),
    ],
)
def test_what_is_not_there_says_what_is(
    client: Client, path: str, offered: str
) -> None:
    show(client, an_alert())
    assert offered in text_of(client.get(path))


def test_only_so_much_is_offered_in_place_of_what_is_not_there() -> None:
    names = [f"shop-{number:04}" for number in range(1000)]
    config = a_config(*(a_target(name) for name in names))
    with serving(ServedState(config, a_snapshot(config), NOW)) as client:
        answer = client.get("/targets/none")
        assert "And 800 more" in text_of(answer)
        assert len(answer.body) < 100_000


def test_any_text_of_a_database_is_text_on_every_page(client: Client) -> None:
    alert = replace(
        an_alert(plan=HOSTILE, where=HOSTILE),
        annotations=labels_of(
            {"summary": HOSTILE, "description": HOSTILE, "repair": HOSTILE}
        ),
        resolve_reason=HOSTILE,
    )
    outcomes = {"balances": success(subscribers(HOSTILE, "ok", 1))}
    served = client.served
    served.snapshot = with_alerts(a_snapshot(served.config, outcomes), [alert])
    record(served.past, *changes_of(alert))
    deliver(served.past, alert, reason=HOSTILE)
    for path in (
        "/queries/balances",
        "/targets/main",
        f"/alerts/{alert.fingerprint}",
        "/history",
        f"/history?alert={quote(HOSTILE)}",
    ):
        page = client.get(path).text
        assert "<script>" not in page, path
        assert "<img" not in page, path
    assert HOSTILE in html.unescape(client.get("/queries/balances").text)
    assert HOSTILE in html.unescape(client.get("/history").text)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(min_size=1, max_size=40))
def test_no_text_in_an_address_becomes_markup(client: Client, text: str) -> None:
    name = quote(text.encode("utf-8", "replace").decode() + "<b>", safe="")
    for path in (f"/targets/{name}", f"/history?alert={name}", f"/history?day={name}"):
        answer = client.get(path)
        assert answer.status in (200, 400, 404)
        assert "<b>" not in answer.text


# A query's


def test_a_query_shows_its_rules_clocks_its_samples_and_its_sql(client: Client) -> None:
    pending = an_alert(state=AlertState.PENDING, plan="pro", since=NOW - seconds(30))
    show(client, pending)
    text = text_of(client.get("/queries/balances"))
    assert "What balances finds" in text
    assert "pending since 30 s ago, value 3, fires in 1 min" in text
    condition = 'token_subscribers status="needs_init" above 0 for 2m'
    assert condition in text
    assert "needs_init pro" not in text  # labels by name
    assert "pro needs_init 0" in text
    assert "pro ok 7" in text
    assert "SELECT 1" in text


@pytest.mark.parametrize(
    ("state", "said"),
    [(AlertState.FIRING, "firing"), (AlertState.PENDING, "pending"), (None, "ok")],
)
def test_a_rule_says_how_its_clock_stands(
    client: Client, state: AlertState | None, said: str
) -> None:
    show(client, *([an_alert(state=state, plan="pro")] if state else []))
    text = text_of(client.get("/queries/balances"))
    assert f"TokenBalancesUninitialized {said}" in text


def test_a_query_without_data_says_so_and_not_that_all_is_well() -> None:
    config = a_config()
    served = ServedState(config, a_snapshot(config, COLUMN_GONE), NOW)
    with serving(served) as client:
        text = text_of(client.get("/queries/balances"))
    assert "balances on main: blocked" in text
    assert "TokenBalancesUninitialized no data" in text
    assert "It gives no data now. missing: users.tokens_remaining" in text


FAILING = replace(OWN, name="TokenMonitorQueryFailing")
WHY: dict[str, tuple[dict[str, Outcome], Alert, str]] = {
    "blocked": (
        COLUMN_GONE,
        an_alert(
            GONE, subject="missing_columns", table="users", column="tokens_remaining"
        ),
        "TokenColumnMissing firing",
    ),
    "lost": ({"balances": LOST}, an_alert(OWN, subject=""), "TokenMonitorTargetDown"),
    "failing": (
        {**WELL, "balances": FAILURE},
        an_alert(FAILING, AlertState.PENDING),
        "TokenMonitorQueryFailing pending",
    ),
}


@pytest.mark.parametrize("case", WHY)
def test_a_query_without_data_leads_to_the_alert_that_says_why(case: str) -> None:
    outcomes, why, said = WHY[case]
    other = an_alert(GONE, subject="missing_columns", table="users", column="email")
    config = a_config()
    served = ServedState(config, a_snapshot(config, outcomes), NOW)
    with serving(served) as client:
        served.snapshot = with_alerts(served.snapshot, [other, an_alert(), why])
        answer = client.get("/queries/balances")
        assert f"Why it gives no data: {said}" in text_of(answer)
        assert f'data: <a href="../alerts/{why.fingerprint}">' in answer.text
        over = replace(why, state=AlertState.RESOLVED, resolved_at=NOW)
        served.snapshot = with_alerts(served.snapshot, [other, an_alert(), over])
        assert "Why it gives no data" not in text_of(client.get("/queries/balances"))
        served.snapshot = with_alerts(a_snapshot(config), [why])
        assert "Why it gives no data" not in text_of(client.get("/queries/balances"))


def test_a_query_on_many_targets_lists_them_and_shows_one_of_them() -> None:
    config = a_config(*(a_target(f"shop{number:03}") for number in range(150)))
    with serving(ServedState(config, a_snapshot(config), NOW)) as client:
        answer = client.get("/queries/balances?target=shop149")
        assert "Rules on shop149" in text_of(answer)
        assert "On 50 more targets it runs well." in text_of(answer)
        assert "Rules on shop000" in text_of(client.get("/queries/balances"))
        assert len(answer.body) < 200_000


# Plots


def keep_minutes(
    state: State, plan: str, *values: float, ended_at: datetime = NOW
) -> None:
    """Keep a value for each of the minutes before an instant, as the daemon does."""
    labels = labels_of({"plan": plan, "status": "needs_init"})
    slots = {SeriesName("balances", "token_subscribers", labels): 0}
    first = ended_at - timedelta(minutes=len(values))
    for number, value in enumerate(values):
        at = first + timedelta(minutes=number)
        row = TrendRow("main", int(at.timestamp()), {0: value})
        news = TrendNews([row], {"main": slots})
        state.write_trends(news, at + timedelta(minutes=1))


def paths_in(page: str) -> list[str]:
    return re.findall(r'<path d="([^"]*)"', page)


def test_a_query_and_its_alert_show_their_values_with_the_threshold_and_the_incident(
    client: Client,
) -> None:
    alert = an_alert(plan="pro", status="needs_init")
    show(client, alert)
    keep_minutes(client.served.past, "pro", 0, 0, 0, 3, 3)
    for path in ("/queries/balances", f"/alerts/{alert.fingerprint}"):
        page = client.get(path).text
        assert len(paths_in(page)) == 1, path
        assert '<line class="threshold"' in page
        assert "<title>TokenBalancesUninitialized fired</title>" in page
        assert "between 0 and 3</desc>" in page
        assert "2026-11-22 12:00 3" in text_of(client.get(path))  # as a table too


def test_what_ran_less_often_than_now_is_a_line_and_what_a_run_did_not_find_a_gap(
    client: Client,
) -> None:
    show(client)
    labels = labels_of({"plan": "pro", "status": "needs_init"})
    slots = {
        SeriesName("balances", DURATION_METRIC): 0,
        SeriesName("balances", "token_subscribers", labels): 1,
    }
    # Stretched fivefold until an hour ago; at one of the runs nobody had this plan.
    for minutes in [*range(180, 60, -5), *range(60, 0, -1)]:
        at = NOW - timedelta(minutes=minutes)
        values = {0: 0.1} if minutes == 120 else {0: 0.1, 1: 7.0}
        row = TrendRow("main", int(at.timestamp()), values)
        news = TrendNews([row], {"main": slots})
        client.served.past.write_trends(news, at + timedelta(minutes=1))
    page = client.get("/queries/balances").text
    found, took = paths_in(page)
    assert (found.count("M"), took.count("M")) == (2, 1)
    assert "<circle" not in page


def test_the_last_week_is_drawn_by_hours(client: Client) -> None:
    show(client)
    days_ago = NOW - timedelta(days=3)
    keep_minutes(client.served.past, "pro", *range(200), ended_at=days_ago)
    keep_minutes(client.served.past, "pro", 1, 2)
    day = client.get("/queries/balances").text
    week = client.get("/queries/balances?range=week").text
    assert "between 1 and 2</desc>" in day
    assert "between 0 and 199</desc>" in week
    assert client.get("/queries/balances?range=x").text.count("Last week") == 1


def test_of_a_young_monitor_the_time_before_it_is_not_drawn(client: Client) -> None:
    show(client)
    keep_minutes(client.served.past, "pro", *range(180))
    page = client.get("/queries/balances").text
    assert "1 line from 2026-11-22 09:00 to 2026-11-22 12:00 UTC" in page
    assert ">11:30</text>" in page


def test_a_label_in_a_plot_is_text(client: Client) -> None:
    show(client)
    keep_minutes(client.served.past, HOSTILE, 1, 2)
    page = client.get("/queries/balances").text
    assert "<script>" not in page
    assert "<img" not in page
    assert HOSTILE in html.unescape(page)


def test_a_plot_of_a_day_is_not_cut_where_texts_are(client: Client) -> None:
    show(client)
    keep_minutes(client.served.past, "pro", *(n % 7 for n in range(1400)))
    (path,) = paths_in(client.get("/queries/balances").text)
    assert 4_000 < len(path) < 20_000
    assert re.fullmatch(r"[ML\d. ]+", path)


def test_where_nothing_is_kept_it_says_so(client: Client) -> None:
    show(client)
    assert "Nothing is kept of it for plots" in text_of(client.get("/queries/balances"))


# A target's


def test_a_target_shows_its_server_its_queries_and_what_its_schema_lacks() -> None:
    config = a_config()
    with serving(ServedState(config, the_incident(config), NOW)) as client:
        text = text_of(client.get("/targets/main"))
    assert "main is up, 2 alerts active" in text
    assert "Server mariadb 10.11.6" in text
    assert "Database app" in text
    assert "Rights not known: SHOW GRANTS did not say" in text
    assert "of 1 column that are expected, 1 fact not as expected" in text
    assert "tokens_remaining users 1" in text


def test_a_target_of_any_name_has_its_page() -> None:
    name = "eu/db 1?#ä"
    config = a_config(a_target(name))
    with serving(ServedState(config, a_snapshot(config), NOW)) as client:
        page = client.get("/").text
        (address,) = set(re.findall(r'href="(targets/[^"]*)"', page))
        assert f"{name} is up" in text_of(client.get(f"/{address}"))


# An alert's


def test_an_alert_shows_what_it_says_what_it_did_and_who_was_notified(
    client: Client,
) -> None:
    alert = replace(an_alert(plan="pro"), notified=(("oncall", NOW - seconds(60)),))
    show(client, alert)
    record(client.served.past, *changes_of(alert))
    deliver(client.served.past, alert)
    deliver(client.served.past, an_alert(plan="team"))
    text = text_of(client.get(f"/alerts/{alert.fingerprint}"))
    assert "Set the balance to the plan's limit." in text
    assert "Fires when token_subscribers" in text
    assert "2026-11-21 12:01:00 fired 3" in text
    assert "2026-11-21 12:02:00 resolved 3" in text
    assert "oncall, last 1 min ago" in text
    assert text.count("TokenBalancesUninitialized on main: 1 firing") == 1


def test_an_alert_that_is_over_is_shown_as_it_ended(client: Client) -> None:
    alert = an_alert(plan="pro")
    record(client.served.past, *changes_of(alert))
    text = text_of(client.get(f"/alerts/{alert.fingerprint}"))
    assert "As it ended" in text
    assert "Over after" in text
    # What to do is over too.
    assert "Set the balance" not in text


def test_a_receiver_that_refused_says_why_on_the_alerts_page(client: Client) -> None:
    alert = an_alert(plan="pro")
    show(client, alert)
    deliver(client.served.past, alert, reason="http_500")
    text = text_of(client.get(f"/alerts/{alert.fingerprint}"))
    assert "given up http_500: said the far end" in text


def test_evidence_is_on_an_alerts_page_only_behind_a_password(tmp_path: Path) -> None:
    alert = an_alert(plan="pro")
    address = f"/alerts/{alert.fingerprint}"
    config = a_config()
    served = ServedState(config, with_alerts(a_snapshot(config), [alert]), NOW)
    record(served.past, *changes_of(alert))
    with serving(served) as client:
        assert "4711" not in client.get(address).said
        assert "4711" not in client.get("/history").said
        assert "4711" not in client.get("/history?format=csv").text
    users = file_with(tmp_path, users_text(ops="secret"))
    with serving(served, config_file=users) as client:
        given = basic("ops", "secret")
        assert "user_id: 4711" in text_of(client.ask("GET", address, given))
        assert client.get(address).status == 401


# The history


def test_the_history_is_newest_first_and_narrowed_by_its_address(
    client: Client,
) -> None:
    past = client.served.past
    record(past, *changes_of(an_alert(plan="pro")))
    record(past, Transition(Change.FIRED, an_alert(GONE, target="shop"), NOW))

    def counts(query: str) -> str:
        return text_of(client.get(f"/history{query}")).partition(" As of")[0]

    text = text_of(client.get("/history"))
    assert text.index("TokenColumnMissing critical shop") < text.index(
        "pending TokenBal"
    )
    assert counts("").endswith("History: 4 changes")
    assert counts("?alert=TokenColumnMissing").endswith("1 change")
    assert counts("?target=main").endswith("3 changes")
    assert counts("?day=2026-11-21").endswith("3 changes")
    assert counts("?day=2026-11-21&target=shop").endswith("0 changes")
    assert counts("?severity=warning").endswith("0 changes")
    assert counts("?severity=critical").endswith("4 changes")


def test_the_history_as_csv_is_what_the_page_shows_and_no_spreadsheet_runs_it(
    client: Client,
) -> None:
    alert = an_alert(plan="pro", target="=cmd")
    record(client.served.past, *changes_of(alert))
    answer = client.get("/history?format=csv&day=2026-11-21")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    header, *rows = csv.reader(answer.text.splitlines())
    assert [row[header.index("change")] for row in rows] == [
        "resolved",
        "fired",
        "pending",
    ]
    assert {row[header.index("target")] for row in rows} == {"'=cmd"}
    assert {row[header.index("fingerprint")] for row in rows} == {alert.fingerprint}
    assert client.get("/history?format=csv&day=2026-11-20").text.count("\n") == 1


def test_a_long_history_is_bounded_and_says_so(client: Client) -> None:
    past = client.served.past
    alerts = (an_alert(plan=f"plan {number}") for number in range(300))
    record(past, *(Transition(Change.FIRED, alert, NOW) for alert in alerts))
    answer = client.get("/history")
    assert "History: 300 changes" in text_of(answer)
    assert answer.text.count('<td data-name="Change">') == 200
    assert "Older ones are not shown" in text_of(answer)
    assert len(answer.body) < 200_000
    assert client.get("/history?format=csv").text.count("\n") == 301
    alerts = (an_alert(plan=f"plan {number}") for number in range(300, 1100))
    record(past, *(Transition(Change.FIRED, alert, NOW) for alert in alerts))
    assert "History: at least 1000 changes" in text_of(client.get("/history"))
