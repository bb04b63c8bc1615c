"""What the page says of a snapshot: the answer to its first question, its tables, its cards."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.alerting.configured import empty_snapshot
from monitor.alerting.contact import Refusals
from monitor.alerting.query_view import QueryStatus
from monitor.alerting.receivers import with_delivery, with_receiver
from monitor.alerting.snapshot import (
    Snapshot,
    with_alerts,
    with_missed,
    with_next_run,
)
from monitor.model.alerts import (
    AlertState,
    Change,
    Delivery,
    ReceiverHealth,
    Transition,
)
from monitor.model.errors import Reason
from monitor.model.results import ClockOffset, Failure, Outcome, Replication, Server
from monitor.model.schedules import Cron
from monitor.model.settings import Flavor, Severity, labels_of
from monitor.model.silences import Acknowledgement, Quieted
from monitor.web import LastReload
from monitor.web.alert_groups import MAX_GROUP_ROWS
from monitor.web.page import MAX_ROWS, Page, page_of
from monitor.web.words import age, until
from tests.support.snapshots import with_result
from tests.web.picture import (
    BALANCES,
    COLUMN_GONE,
    COLUMNS,
    FAILURE,
    GONE,
    LOST,
    MISSING,
    NOW,
    OWN,
    UNINITIALIZED,
    WELL,
    a_config,
    a_query,
    a_result,
    a_scene,
    a_snapshot,
    a_target,
    an_alert,
    seconds,
    success,
    the_incident,
)
from tests.web.serving import ServedState, serving

CONFIG = a_config()
WELL_NOW = a_snapshot(CONFIG)


def verdict(snapshot: Snapshot, later: float = 5) -> tuple[str, str, str]:
    said = page_of(a_scene(snapshot, NOW + seconds(later))).verdict
    return said.tone, said.text, said.detail


def with_firing(
    snapshot: Snapshot, *severities: Severity, state: AlertState = AlertState.FIRING
) -> Snapshot:
    alerts = (
        an_alert(replace(UNINITIALIZED, severity=severity), state, plan=str(number))
        for number, severity in enumerate(severities)
    )
    return with_alerts(snapshot, alerts)


def one_fails(outcome: Outcome) -> Snapshot:
    job = next(job for job in CONFIG.jobs if job.query.name == "balances")
    return with_result(
        a_snapshot(CONFIG, WELL), a_result(job, outcome, NOW + seconds(1))
    )


def one_is_for_later(outcomes: Mapping[str, Outcome], due_at: datetime) -> Snapshot:
    """Show a picture in which all that have no outcome are to run by cron, and not before then."""
    jobs = [
        job
        if job.query.name in outcomes
        else replace(job, query=replace(job.query, schedule=Cron("0 3 * * *", "UTC")))
        for job in CONFIG.jobs
    ]
    snapshot = a_snapshot(replace(CONFIG, jobs=tuple(jobs)), outcomes)
    views = {
        key: replace(view, next_run_at=due_at)
        if view.status is QueryStatus.WAITING
        else view
        for key, view in snapshot.queries.items()
    }
    return replace(snapshot, queries=views)


DENIED = Failure(Reason.ACCESS_DENIED, "Access denied for user", code=1045, lost=True)
REFUSED = Delivery("oncall", NOW, 0.1, reason="timeout", message="no answer")


def refusing(snapshot: Snapshot, delivery: Delivery) -> Snapshot:
    reported = with_delivery(snapshot, delivery)
    return with_receiver(reported, "oncall", ReceiverHealth(delivery.at))


SAID = "summary of TokenBalancesUninitialized, for 5 min"
CASES: dict[str, tuple[Callable[[], Snapshot], tuple[str, str, str]]] = {
    "well": (
        lambda: WELL_NOW,
        ("ok", "All is well", "2 queries on 1 target; oldest data 5 s old"),
    ),
    "starting": (
        lambda: empty_snapshot(CONFIG),
        ("wait", "Starting: no full picture yet", "2 queries not run yet"),
    ),
    "half started": (
        lambda: a_snapshot(CONFIG, {"balances": WELL["balances"]}),
        ("wait", "Starting: no full picture yet", "1 query not run yet"),
    ),
    "one waits for its hour": (
        lambda: one_is_for_later({"balances": WELL["balances"]}, NOW + seconds(60)),
        (
            "ok",
            "All is well",
            "2 queries on 1 target; oldest data 5 s old; 1 query not run yet",
        ),
    ),
    "its hour has come": (
        lambda: one_is_for_later({"balances": WELL["balances"]}, NOW),
        ("wait", "Starting: no full picture yet", "1 query not run yet"),
    ),
    "all wait for their hour": (
        lambda: one_is_for_later({}, NOW + seconds(60)),
        (
            "wait",
            "Nothing is known yet: no query was due since the start",
            "2 queries not run yet",
        ),
    ),
    "nothing": (
        lambda: empty_snapshot(a_config(queries=())),
        ("wait", "Nothing is watched", "no query runs on any target"),
    ),
    "critical": (lambda: with_firing(WELL_NOW, Severity.CRITICAL), ("bad", SAID, "")),
    "two": (
        lambda: with_firing(WELL_NOW, Severity.WARNING, Severity.WARNING),
        ("warn", "6 subscribers have no balance, 2 plans, for 5 min", ""),
    ),
    "info only": (
        lambda: with_firing(WELL_NOW, Severity.INFO),
        ("ok", "All is well", "2 queries on 1 target; oldest data 5 s old"),
    ),
    "pending": (
        lambda: with_firing(WELL_NOW, Severity.CRITICAL, state=AlertState.PENDING),
        ("warn", f"Pending: {SAID}", ""),
    ),
    "resolved": (
        lambda: with_firing(WELL_NOW, Severity.CRITICAL, state=AlertState.RESOLVED),
        ("ok", "All is well", "2 queries on 1 target; oldest data 5 s old"),
    ),
    "a query fails": (
        lambda: one_fails(FAILURE),
        ("warn", "Cannot tell: 1 of 2 queries gives no data", ""),
    ),
    "no contact": (
        lambda: one_fails(LOST),
        (
            "bad",
            "Cannot tell: no contact",
            "main cannot be reached; 2 of 2 queries give no data",
        ),
    ),
    "column gone": (
        lambda: the_incident(CONFIG),
        (
            "bad",
            "summary of TokenColumnMissing, for 5 min",
            "1 of 2 queries gives no data",
        ),
    ),
    "unheard": (
        lambda: refusing(WELL_NOW, REFUSED),
        ("warn", "Nobody would hear of an alert", "alerts do not reach oncall"),
    ),
    "skipped": (
        lambda: with_missed(WELL_NOW, ("main", "balances"), 1),
        ("ok", "All is well", "2 queries on 1 target; oldest data 5 s old"),
    ),
    "watchdog": (
        lambda: with_alerts(
            WELL_NOW, [an_alert(replace(OWN, name="TokenMonitorWatchdog"))]
        ),
        ("ok", "All is well", "2 queries on 1 target; oldest data 5 s old"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_well_only_when_everything_is_seen_and_fine(name: str) -> None:
    picture, expected = CASES[name]
    assert verdict(picture()) == expected


def test_old_data_is_no_data() -> None:
    assert verdict(WELL_NOW, 189)[1] == "All is well"
    assert verdict(WELL_NOW, 190) == (
        "warn",
        "Cannot tell: 2 of 2 queries give no data",
        "",
    )
    assert {
        row.status for row in page_of(a_scene(WELL_NOW, NOW + seconds(190))).queries
    } == {"stale"}


def test_muted_alerts_stand_under_their_root() -> None:
    page = page_of(a_scene(the_incident(CONFIG)))
    assert [group.name for group in page.active] == ["TokenColumnMissing"]
    assert page.muted == ()
    assert [one.name for one in page.active[0].consequences] == [
        "TokenBalancesUninitialized"
    ]


def test_held_alerts_say_that_they_are_held() -> None:
    page = page_of(a_scene(with_alerts(WELL_NOW, [replace(an_alert(), held=True)])))
    assert [group.rows[0].note for group in page.active] == [
        "held: no data now, so it stays as it was"
    ]
    assert page.verdict.text == f"{SAID}; no data now, as last seen"


def test_the_worst_comes_first_and_of_the_resolved_the_newest() -> None:
    def resolved(plan: str, ago: float) -> object:
        return replace(
            an_alert(state=AlertState.RESOLVED, plan=plan),
            resolved_at=NOW - seconds(ago),
        )

    alerts = (
        an_alert(replace(UNINITIALIZED, name="W", severity=Severity.WARNING)),
        an_alert(replace(UNINITIALIZED, name="New"), since=NOW - seconds(10)),
        an_alert(replace(UNINITIALIZED, name="Old"), since=NOW - seconds(900)),
        resolved("early", 60),
        resolved("late", 5),
    )
    page = page_of(a_scene(with_alerts(WELL_NOW, alerts)))  # type: ignore[arg-type]  # they are alerts
    assert [group.name for group in page.active] == ["Old", "New", "W"]
    assert page.verdict.also == ("summary of New, for 10 s", "summary of W, for 5 min")
    (over,) = page.resolved
    assert [row.cells for row in over.rows] == [
        (("plan", "late"),),
        (("plan", "early"),),
    ]


def test_what_has_resolved_shows_no_repair_to_copy() -> None:
    alert = replace(an_alert(), annotations=labels_of({"repair": "ALTER TABLE users"}))
    over = replace(alert, state=AlertState.RESOLVED, resolved_at=NOW)
    page = page_of(a_scene(with_alerts(WELL_NOW, [alert, over])))
    assert [group.texts.repair for group in page.active] == ["ALTER TABLE users"]
    assert [group.texts.repair for group in page.resolved] == [""]


def test_more_rows_than_can_be_read_are_left_out_and_trouble_stays() -> None:
    config = a_config(
        *(a_target(f"t{number}") for number in range(MAX_ROWS + 5)),
        queries=(BALANCES, COLUMNS),
    )
    snapshot = a_snapshot(
        config, {"balances": WELL["balances"], "missing_columns": FAILURE}
    )
    page = page_of(a_scene(snapshot))
    assert (len(page.queries), page.left_out) == (MAX_ROWS, MAX_ROWS + 10)
    assert {row.status for row in page.queries} == {"failed"}
    last = config.targets[-1].name
    down = replace(snapshot.targets[last], up=False)
    page = page_of(a_scene(replace(snapshot, targets={**snapshot.targets, last: down})))
    assert (page.targets[0].name, len(page.targets), page.targets_left_out) == (
        last,
        MAX_ROWS,
        5,
    )


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_ages_read_as_a_person_would_say_them(since: float, text: str) -> None:
    assert age(timedelta(seconds=since)) == text


def test_what_is_due_says_since_when() -> None:
    assert [until(NOW + seconds(later), NOW).text for later in (90, 0, -5)] == [
        "in 1 min",
        "due since 12:00:00",
        "due since 11:59:55",
    ]


def shown(snapshot: Snapshot) -> str:
    """Return the page as served."""
    with serving(ServedState(CONFIG, snapshot, NOW + seconds(5))) as client:
        answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def read(page: str) -> list[str]:
    """Read a page as a person does: its text, a line for each block."""
    body = re.sub(r"\s+", " ", page[page.index("<header") :])
    blocks = re.sub(r"<p\b|</(p|h\d|tr|li|summary|pre|header|nav)>", r"\n\g<0>", body)
    text = html.unescape(
        re.sub(r"<[^>]+>", " ", blocks.replace("</th>", " | ").replace("</td>", " | "))
    )
    lines = (re.sub(r"\s+", " ", line).strip(" |") for line in text.split("\n"))
    return [line for line in lines if line]


def test_the_page_of_the_incident_says_what_is_wrong_since_when_and_what_to_do() -> (
    None
):
    config_snapshot = the_incident(CONFIG)
    root, muted = config_snapshot.alerts
    texts = labels_of(
        {
            "summary": "users.tokens_remaining is missing on main",
            "description": "Every balance query fails.",
            "repair": "ALTER TABLE users ADD COLUMN tokens_remaining INT;",
            "runbook_url": "https://wiki.example.com/missing-column",
        }
    )
    snapshot = with_alerts(
        config_snapshot, (replace(root, annotations=texts, since_at_least=True), muted)
    )
    snapshot = with_next_run(snapshot, ("main", "balances"), NOW + seconds(60))
    page = shown(refusing(snapshot, replace(REFUSED, at=NOW - seconds(60))))
    assert (
        "<title>users.tokens_remaining is missing on main, for at least 5 min – token-monitor</title>"
        in page
    )
    assert (
        '<a href="https://wiki.example.com/missing-column" rel="noreferrer">What to do: runbook</a>'
        in page
    )
    assert read(page) == [
        "token-monitor",
        "Overview History Silences",
        "users.tokens_remaining is missing on main, for at least 5 min",
        "1 of 2 queries gives no data; alerts do not reach oncall",
        "As of 2026-11-22 12:00:05 UTC Refresh",
        "Alerts",
        "TokenColumnMissing",
        "critical",
        "firing for 3 min , began at least 5 min ago , at 11:55 UTC, seen 5 s ago",
        "users.tokens_remaining is missing on main",
        "What to do: runbook",
        "ALTER TABLE users ADD COLUMN tokens_remaining INT;",
        "Copy",
        "Every balance query fails.",
        "main column: tokens_remaining table: users",
        "No data because of it, so as last seen, 1 alert; nobody is notified of it meanwhile",
        "critical TokenBalancesUninitialized summary of TokenBalancesUninitialized,"
        " firing for 3 min no data since the start",
        "Targets",
        "Target | Status | Last answer | Server",
        "main | up",
        "missing: users.tokens_remaining",
        "4 s ago | mariadb 10.11.6 on db1",
        "Queries",
        "Query | Target | Status | Last run | Last success | Took | Runs | Next",
        "balances",
        "What balances finds",
        "main | blocked",
        "missing: users.tokens_remaining",
        "– | never | – | every 1m | in 55 s",
        "missing_columns",
        "What missing_columns finds",
        "main | ok | 4 s ago | 4 s ago | 25 ms | every 1m | –",
        "Receivers",
        "Receiver | Status | Last attempt | Last taken | Waiting",
        "oncall | failing for 1 min",
        "timeout: no answer",
        "Try it: token-monitor notify --test oncall",
        "1 min ago | never | 0",
        "/metrics alerts rules queries history badge",
    ]


def test_a_quiet_page_says_so_and_shows_no_alerts() -> None:
    lines = read(shown(WELL_NOW))
    assert lines[:4] == [
        "token-monitor",
        "Overview History Silences",
        "All is well",
        "2 queries on 1 target; oldest data 5 s old",
    ]
    assert "Alerts" not in lines


def test_what_is_not_current_says_since_when_and_is_marked() -> None:
    config = a_config(queries=(BALANCES,))
    late = ServedState(
        config,
        with_alerts(a_snapshot(config), [an_alert(plan="pro")]),
        NOW + seconds(200),
    )
    with serving(late) as client:
        page = client.get("/").text
    assert (
        '<article class="alert bad old" data-key="TokenBalancesUninitialized">' in page
    )
    lines = read(page)
    assert (
        "firing for 6 min , began 8 min ago , at 11:55 UTC no data for 3 min" in lines
    )
    assert "main | not heard of | 3 min ago | mariadb 10.11.6 on db1" in lines
    assert any("stale" in line for line in lines)
    assert page.count('<tr class="old"') == 2


def test_a_monitor_that_does_not_work_never_says_that_all_is_well() -> None:
    served = ServedState(
        CONFIG, WELL_NOW, NOW + seconds(5), healthy=(False, "the pipeline does not run")
    )
    with serving(served) as client:
        lines = read(client.get("/").text)
    assert lines[:4] == [
        "token-monitor",
        "Overview History Silences",
        "Cannot tell: the monitor does not watch",
        "the pipeline does not run",
    ]


def test_a_target_says_what_of_its_server_bears_on_its_data() -> None:
    config = a_config(queries=(BALANCES,))
    snapshot = a_snapshot(config)
    server = Server(
        Flavor.MYSQL,
        "8.4",
        "db2",
        read_only=True,
        clock=ClockOffset(-7.4, 0.1),
        replication=Replication(12.0),
    )
    target = replace(snapshot.targets["main"], server=server)
    row = page_of(a_scene(replace(snapshot, targets={"main": target}))).targets[0]
    assert (
        row.server
        == "mysql 8.4 on db2 (read-only; replica 12 s behind; clock 7 s behind)"
    )


def test_a_target_that_refuses_beside_a_connection_that_lives_or_comes_back_is_not_simply_up() -> (
    None
):
    config = a_config(queries=(BALANCES,))
    snapshot = a_snapshot(config)
    met = snapshot.targets["main"]
    quota = Failure(
        Reason.TARGET_DOWN, "exceeded the resource", detail="quota", lost=True
    )
    refusing = replace(met, refusals=Refusals(quota, NOW))
    back = replace(met, lost_at=NOW - seconds(9), back_at=NOW - seconds(5))
    blind = replace(met, unknown=frozenset({MISSING}))
    rows = [
        page_of(a_scene(replace(snapshot, targets={"main": one}))).targets[0]
        for one in (refusing, back, blind)
    ]
    assert [(row.tone, row.status, row.trouble) for row in rows] == [
        (
            "warn",
            "up, refuses new connections",
            "target_down (quota): exceeded the resource",
        ),
        ("warn", "coming back", ""),
        ("ok", "up", "may not be seen: users.tokens_remaining"),
    ]


def test_likely_mistakes_of_the_configuration_are_on_the_page() -> None:
    config = replace(CONFIG, warnings=("receivers.oncall: no alert has this label",))
    with serving(ServedState(config, WELL_NOW, NOW)) as client:
        lines = read(client.get("/").text)
    place = lines.index("The configuration may not do what was meant")
    assert lines[place + 1] == "receivers.oncall: no alert has this label"


def test_a_receiver_says_when_it_was_tried_when_it_took_and_how_long_the_oldest_waits() -> (
    None
):
    snapshot = with_delivery(WELL_NOW, Delivery("oncall", NOW - seconds(300), 0.1))
    snapshot = with_delivery(snapshot, replace(REFUSED, at=NOW - seconds(12)))
    snapshot = with_receiver(
        snapshot,
        "oncall",
        ReceiverHealth(NOW - seconds(60), waiting=2, oldest_at=NOW - seconds(90)),
    )
    lines = read(shown(snapshot))
    assert lines[
        lines.index("Receiver | Status | Last attempt | Last taken | Waiting") + 1 :
    ][:4] == [
        "oncall | failing for 1 min",
        "timeout: no answer",
        "Try it: token-monitor notify --test oncall",
        "17 s ago | 5 min ago | 2, the oldest for 1 min",
    ]


def version_of(page: str) -> str:
    found = re.search(r"page\.css\?(\w+)", page)
    assert found is not None
    return found[1]


HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def test_what_a_database_says_is_text_and_never_markup() -> None:
    snapshot = a_snapshot(
        CONFIG,
        {
            "missing_columns": replace(FAILURE, message=HOSTILE),
            "balances": replace(LOST, detail=HOSTILE),
        },
    )
    alert = replace(
        an_alert(plan=HOSTILE),
        annotations=labels_of(
            {
                "summary": HOSTILE,
                "description": HOSTILE,
                "repair": HOSTILE,
                "runbook": HOSTILE,
            }
        ),
    )
    page = shown(with_alerts(snapshot, [alert]))
    assert html.unescape(page).count(HOSTILE) >= 6
    assert re.findall(r"<script.*", page) == [
        f'<script src="static/page.js?{version_of(page)}" defer></script>'
    ]
    assert "<img" not in page


def test_a_runbook_is_a_link_only_where_it_is_an_address_of_the_web() -> None:
    def runbook(text: str) -> Snapshot:
        return with_alerts(
            WELL_NOW, [replace(an_alert(), annotations=(("runbook_url", text),))]
        )

    assert 'href="https://wiki' in shown(runbook("https://wiki.example.com/x"))
    assert 'href="javascript' not in shown(runbook("javascript:alert(1)"))


def test_a_runbook_of_ours_is_linked_beside_the_page_however_it_is_reached() -> None:
    config = replace(CONFIG, external_url="https://monitor.example.com")
    url = "https://monitor.example.com/runbooks/usage-stopped"
    alert = replace(an_alert(), annotations=(("runbook_url", url),))
    with serving(ServedState(config, with_alerts(WELL_NOW, [alert]), NOW)) as client:
        page = client.get("/").text
        (address,) = re.findall('href="(runbooks/[^"]*)"', page)
        assert client.get(f"/{address}").text.startswith("# TokenUsageStopped")


def test_the_page_shows_no_evidence_and_loads_nothing_but_its_style_and_script() -> (
    None
):
    alerts = [an_alert(GONE), an_alert()]
    page = shown(with_alerts(a_snapshot(CONFIG, COLUMN_GONE), alerts))
    assert "4711" not in re.sub(r"\?[0-9a-f]{12}", "", page)
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert [link.split("?")[0] for link in loaded] == [
        "static/icon-bad.svg",
        "static/page.css",
        "static/page.js",
        "#main",
        "./",
        "./",
        "history",
        "silences",
        "./",
        *(f"alerts/{alert.fingerprint}" for alert in reversed(alerts)),
        "targets/main",
        "queries/balances",
        "targets/main",
        "queries/missing_columns",
        "targets/main",
        "metrics",
        "api/v1/alerts",
        "api/v1/rules",
        "api/v1/queries",
        "api/v1/history",
        "badge.svg",
    ]
    assert " style=" not in page


def test_a_failure_without_details_still_reads_well() -> None:
    lost = Failure(LOST.reason, "no route to host", lost=True)
    page = page_of(
        a_scene(a_snapshot(a_config(queries=(a_query(),)), {"balances": lost}))
    )
    assert [(row.status, row.trouble) for row in page.targets] == [
        ("down", "target_down: no route to host")
    ]


def test_an_account_that_is_refused_is_told_from_a_server_that_does_not_answer() -> (
    None
):
    refused = a_snapshot(CONFIG, {"balances": DENIED, "missing_columns": DENIED})
    assert verdict(refused) == (
        "bad",
        "Cannot tell: main refuses the monitor's account",
        "2 of 2 queries give no data",
    )
    (row,) = page_of(a_scene(refused)).targets
    assert row.status == "refuses the account"
    silent = a_snapshot(CONFIG, {"balances": LOST, "missing_columns": LOST})
    assert verdict(silent)[1] == "Cannot tell: no contact"


def test_what_a_lost_target_says_is_not_said_again_by_each_of_its_queries() -> None:
    page = page_of(
        a_scene(a_snapshot(CONFIG, {"missing_columns": LOST, "balances": LOST}))
    )
    said = f"{LOST.reason.value} ({LOST.detail}): {LOST.message}"
    assert [row.trouble for row in page.targets] == [said]
    assert [(row.trouble, row.is_short) for row in page.queries] == [("", True)] * 2
    page = page_of(a_scene(one_fails(FAILURE)))
    troubles = {row.query: (row.trouble, row.is_short) for row in page.queries}
    assert troubles == {
        "balances": (FAILURE.remark, False),
        "missing_columns": ("", True),
    }


def test_what_runs_less_often_than_configured_says_so_beside_that_all_is_well() -> None:
    quiet = a_query("quiet")
    snapshot = a_snapshot(
        a_config(queries=(BALANCES, quiet)), {**WELL, "quiet": success()}
    )
    stretched = {
        key: replace(view, stretch=3) for key, view in snapshot.queries.items()
    }
    snapshot = replace(snapshot, queries=stretched)
    assert verdict(snapshot) == (
        "ok",
        "All is well",
        "2 queries on 1 target; oldest data 5 s old;"
        " 1 query runs less often than configured, to spare the server",
    )
    cadence = {row.query: row.cadence for row in page_of(a_scene(snapshot)).queries}
    assert cadence == {
        "balances": "every 1m",
        "quiet": "every 3m instead of 1m, to spare the server",
    }


def test_the_headline_says_that_somebody_knows() -> None:
    alert, other = an_alert(), an_alert(plan="max")
    silenced = replace(alert, silence=Quieted(("id",), who="anna"))
    known = replace(silenced, acknowledged=Acknowledgement(NOW, by="ben"))
    one = verdict(with_alerts(WELL_NOW, [known]))
    assert one[2] == "silenced by anna, acknowledged by ben"
    two = verdict(with_alerts(WELL_NOW, [silenced, other]))
    assert two[2] == "1 of 2 alerts silenced or acknowledged"
    assert verdict(with_alerts(WELL_NOW, [alert, other]))[2] == ""


def test_pages_are_compressed_for_who_takes_that() -> None:
    with serving(ServedState(CONFIG, WELL_NOW, NOW)) as client:
        plain = client.get("/")
        small = client.get("/", Accept_Encoding="gzip")
        assert small.headers["content-encoding"] == "gzip"
        assert len(small.body) * 3 < len(plain.body)
        assert small.text.partition("As of")[0] == plain.text.partition("As of")[0]
        for refused in ("identity", "gzip;q=0", "br"):
            answer = client.get("/", Accept_Encoding=refused)
            assert "content-encoding" not in answer.headers
        head = client.ask("HEAD", "/", {"Accept-Encoding": "gzip"})
        assert head.headers["content-encoding"] == "gzip"
        assert small.headers["vary"] == "Accept-Encoding"


def test_what_fired_and_resolved_last_is_on_the_page_also_when_all_is_well_again() -> (
    None
):
    fired = replace(an_alert(), fired_at=NOW - seconds(600))
    over = replace(
        fired, state=AlertState.RESOLVED, resolved_at=NOW - seconds(60), value=0
    )
    pending = an_alert(state=AlertState.PENDING, plan="max")
    muted = replace(fired, muted_by="cause")
    info = replace(fired, severity=Severity.INFO)
    past = [
        Transition(Change.RESOLVED, over, NOW - seconds(60)),
        Transition(Change.FIRED, info, NOW - seconds(500)),
        Transition(Change.FIRED, muted, NOW - seconds(550)),
        Transition(Change.FIRED, fired, NOW - seconds(600)),
        Transition(Change.PENDING, pending, NOW - seconds(700)),
        Transition(Change.RESOLVED, replace(pending, state=AlertState.RESOLVED), NOW),
    ]
    # more than are looked at, and none of them is news
    flaps = [
        Transition(Change.PENDING, replace(pending, value=number), NOW - seconds(2))
        for number in range(100)
    ]
    with serving(ServedState(CONFIG, WELL_NOW, NOW)) as client:
        client.served.past.record({}, [*past[::-1], *flaps], ())
        lines = read(client.get("/").text)
        place = lines.index("What happened in the last day")
        shown = [line.split(" | ")[1] for line in lines[place + 2 : place + 4]]
        assert shown == ["resolved", "fired"]
        for part, is_shown in (
            ("severity=critical", True),
            ("severity=warning", False),
        ):
            text = client.get(f"/?{part}").text
            assert ("What happened in the last day" in text) is is_shown
        assert "What happened" not in client.get("/?target=other").text


def test_that_somebody_knows_is_said_of_a_group_only_where_all_of_it_is_known() -> None:
    silenced = Quieted(("id",), who="anna")
    alerts = [
        replace(an_alert(value=9, plan=f"p{number}"), silence=silenced)
        for number in range(MAX_GROUP_ROWS + 5)
    ]
    (group,) = page_of(a_scene(with_alerts(WELL_NOW, alerts))).active
    assert group.declared == silenced.words
    # the least of them, which has no row
    alerts[-1] = an_alert(value=1, plan="last")
    (group,) = page_of(a_scene(with_alerts(WELL_NOW, alerts))).active
    assert (group.declared, group.left_out) == ("", 5)


SICK = ServedState(
    CONFIG, WELL_NOW, NOW + seconds(5), healthy=(False, "the pipeline does not run")
)


def test_what_is_sick_about_the_monitor_stands_beside_an_incident_and_not_in_its_place() -> (
    None
):
    with serving(
        replace(SICK, snapshot=with_firing(WELL_NOW, Severity.CRITICAL))
    ) as client:
        lines = read(client.get("/").text)
    assert lines[2] == SAID
    place = lines.index(
        "The monitor does not watch: what is shown is as it was last seen"
    )
    assert lines[place + 1] == "the pipeline does not run"


def test_that_nobody_is_notified_is_said_also_when_all_is_well() -> None:
    config = a_config(receivers=())
    with serving(ServedState(config, a_snapshot(config), NOW)) as client:
        lines = read(client.get("/").text)
    assert lines[2] == "All is well"
    assert lines[lines.index("Nobody is notified") + 1].startswith(
        "no receiver is configured"
    )


def test_a_configuration_that_was_refused_is_on_the_page_until_one_is_taken() -> None:
    served = ServedState(
        CONFIG,
        WELL_NOW,
        NOW,
        last_reload=LastReload(NOW - seconds(90), ("config.toml:3: <b>", "x")),
    )
    with serving(served) as client:
        lines = read(client.get("/").text)
        served.last_reload = LastReload(NOW)
        after = read(client.get("/").text)
    place = lines.index(
        "The changed configuration was refused, the old one is in force, for 1 min"
    )
    assert lines[place + 1 : place + 3] == ["config.toml:3: <b>", "x"]
    assert not any("refused" in line for line in after)


def test_a_link_to_an_alert_leads_to_an_anchor_that_is_there_and_open() -> None:
    snapshot = the_incident(CONFIG)
    root, muted = snapshot.alerts
    orphan = replace(muted, muted_by="f" * 16)
    for alerts in ((root, muted), (root, orphan)):
        served = ServedState(CONFIG, with_alerts(snapshot, alerts), NOW)
        with serving(served) as client:
            page = client.get(f"/?alert={muted.fingerprint}").text
            plain = client.get("/").text
        assert f'id="alert-{muted.fingerprint}"' in page
        assert page.count("asked") > plain.count("asked")
    assert '<details id="muted" data-key="muted" open>' in page
    assert '<details id="muted" data-key="muted">' in plain


FIRST: dict[str, tuple[dict[str, Outcome], list[str]]] = {
    "under way": ({}, ["The first queries are under way"]),
    "unreachable": (
        {"balances": LOST, "missing_columns": LOST},
        ["main cannot be reached", "The monitor tries again by itself"],
    ),
    "refused": (
        {"balances": DENIED, "missing_columns": DENIED},
        ["main refuses the monitor", "The monitor tries again by itself"],
    ),
    "met": (WELL, []),
}


@pytest.mark.parametrize("name", FIRST)
def test_where_nothing_was_seen_yet_the_page_says_what_to_do_next(name: str) -> None:
    outcomes, expected = FIRST[name]
    page = page_of(a_scene(a_snapshot(CONFIG, outcomes)))
    assert len(page.first_steps) == len(expected)
    for step, text in zip(page.first_steps, expected, strict=True):
        assert step.text.startswith(text)
    lines = read(shown(a_snapshot(CONFIG, outcomes)))
    assert ("What to do next" in lines) is bool(expected)


def test_what_to_do_where_nothing_is_watched_is_a_command() -> None:
    without_queries = page_of(a_scene(empty_snapshot(a_config(queries=()))))
    without_targets = page_of(a_scene(Snapshot()))
    commands = [
        page.first_steps[0].command for page in (without_queries, without_targets)
    ]
    assert commands == ["token-monitor validate", "token-monitor init --database NAME"]
    assert one_waits_for_night().first_steps == ()


def one_waits_for_night() -> Page:
    """Return a page on which nothing is due before night."""
    return page_of(a_scene(one_is_for_later({}, NOW + seconds(60))))


def test_that_nobody_is_notified_comes_with_how_to_try_a_receiver() -> None:
    config = a_config(receivers=())
    with serving(ServedState(config, a_snapshot(config), NOW)) as client:
        lines = read(client.get("/").text)
    assert any("token-monitor notify --test" in line for line in lines)
