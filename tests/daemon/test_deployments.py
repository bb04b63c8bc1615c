"""Declared deployments through the pipeline: who waits, what remains, what outlives the process; pictures of time."""

from __future__ import annotations

import queue
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.deploys import data_from, hold_of, look_of
from monitor.alerting.shown import DEPLOYMENT, shown_annotations
from monitor.daemon.messages import Declare, DeployFile, NewConfig
from monitor.model.alerts import Alert, Change
from monitor.model.conditions import Condition
from monitor.model.counted_from import CountedFrom
from monitor.model.deploys import (
    BeginDeploy,
    DeployRequest,
    DeploySettings,
    DeploySource,
    EndDeploy,
)
from monitor.model.detectors import (
    ChangeDetector,
    NewDetector,
    RateDetector,
    RateUnit,
)
from monitor.model.positions import SweepPosition
from monitor.model.results import Success
from monitor.model.settings import Config, Metric, labels_of
from monitor.model.sweeps import Cycle
from tests.support.harness import (
    BALANCE,
    BALANCES,
    COLUMNS,
    MINUTE,
    SECOND,
    USAGE,
    Harness,
    a_config,
    a_query,
    a_rule,
    balances,
    columns,
    samples,
    usage,
)

HOUR = 60 * MINUTE
DEPLOYS = DeploySettings(rules=frozenset({"TokenBalances"}))
"""The rule about balances waits; those about a missing column and about usage do not."""


def watched(
    deploys: DeploySettings = DEPLOYS, hold: timedelta = timedelta(0)
) -> Config:
    (rule,) = BALANCES.rules
    waiting = replace(BALANCES, rules=(replace(rule, hold=hold),))
    return replace(a_config(COLUMNS, waiting, USAGE), deploys=deploys)


def declare(one: Harness, request: DeployRequest) -> None:
    """Hand over a request, and see that who waits for it is told."""
    answer: queue.SimpleQueue[None] = queue.SimpleQueue()
    one.take(Declare(request, answer))
    assert answer.get_nowait() is None


def begin(one: Harness, length: timedelta = HOUR) -> None:
    declare(one, BeginDeploy(("main",), length, "release 5", "anna"))


def end(one: Harness, *, accepts: bool = False) -> None:
    declare(one, EndDeploy(("main",), accepts, "anna"))


def alert_of(one: Harness, name: str = "TokenBalances") -> Alert | None:
    alerts = one.pipeline.active_alerts()
    return next((alert for alert in alerts if alert.name == name), None)


def picture(one: Harness, values: str, hold: timedelta = timedelta(0)) -> str:
    """Let a run a minute give each value of `pro`: a mark for what there is of its alert then.

    `[` and `]` before a value: a deployment begins, ends. P pending, F firing, d behind it: waits for it.
    """
    marks = []
    for word in values.split():
        one.at += MINUTE
        if word.startswith("["):
            begin(one)
        if word.startswith("]"):
            end(one)
        one.run("balances", balances(pro=float(word.strip("[]"))))
        alert = alert_of(one)
        mark = "." if alert is None else str(alert.state)[0].upper()
        marks.append(mark + ("d" if alert is not None and alert.is_in_deploy else ""))
    return " ".join(marks)


def test_what_would_fire_waits_and_fires_when_it_is_over() -> None:
    one = Harness(watched())
    assert picture(one, "0 [0 3 3 ]3 3") == ". . Pd Pd F F"
    assert [str(one.change) for one in one.transitions] == ["pending", "fired"]


def test_what_is_over_by_then_is_forgotten_silently() -> None:
    one = Harness(watched())
    assert picture(one, "0 [3 3 0 3 0 ]0 0") == ". Pd Pd . Pd . . ."
    assert one.posted() == []


def test_its_for_begins_at_the_end() -> None:
    one = Harness(watched(hold=2 * MINUTE))
    assert picture(one, "[3 3 3 3 3 ]3 3 3 3") == "Pd Pd Pd Pd Pd P P F F"
    (fired,) = (one for one in one.transitions if one.change is Change.FIRED)
    assert fired.alert.active_at == fired.at - 2 * MINUTE


def test_what_fires_goes_on_firing_and_resolves_as_ever() -> None:
    one = Harness(watched())
    assert picture(one, "3 [3 3 0 ]0") == "F F F . ."
    assert [str(one.change) for one in one.transitions] == ["fired", "resolved"]


def test_it_says_for_what_it_waits_and_that_it_remained() -> None:
    one = Harness(watched())
    picture(one, "[3")
    waiting = alert_of(one)
    assert waiting is not None
    assert shown_annotations(waiting)[DEPLOYMENT] == (
        "held by a deployment since 2026-03-01 12:01:00 UTC, until 2026-03-01 13:01:00 UTC at the latest"
        " (release 5)"
    )
    picture(one, "]3")
    fired = alert_of(one)
    assert fired is not None
    assert shown_annotations(fired)[DEPLOYMENT] == (
        "remained after the deployment that ended at 2026-03-01 12:02:00 UTC (release 5)"
    )


def test_a_missing_column_and_all_that_does_not_wait_is_told_meanwhile() -> None:
    one = Harness(watched())
    begin(one)
    one.at += MINUTE
    one.run("usage", usage(9))
    one.run("missing_columns", columns(BALANCE))
    assert one.shown() == {
        "TokenUsageStopped": "firing held muted",
        "TokenColumnMissing": "firing",
    }


def test_data_that_was_read_before_the_end_decides_nothing() -> None:
    one = Harness(watched())
    begin(one)
    late = one.result("balances", balances(pro=3))
    one.at += SECOND
    end(one)
    one.take(late)
    waiting = alert_of(one)
    assert waiting is not None
    assert waiting.is_in_deploy
    assert picture(one, "0") == "."
    assert one.posted() == []


def test_of_a_sweep_the_first_cycle_after_the_end_decides() -> None:
    one = Harness(watched())
    result = one.result("balances", balances(pro=3))
    began_at = one.at - 5 * MINUTE
    cycle = Cycle(began_at, one.at)
    position = SweepPosition("", 1, last=cycle)
    snapshot = one.pipeline.snapshot
    view = replace(snapshot.queries["main", "balances"], position=position)
    snapshot = replace(snapshot, queries={("main", "balances"): view})
    assert data_from(snapshot, result) == began_at


def test_a_deployment_that_nobody_ends_ends_by_itself() -> None:
    one = Harness(watched())
    begin(one, 3 * MINUTE)
    assert picture(one, "3 3") == "Pd Pd"
    one.at += MINUTE
    one.tick()
    assert picture(one, "3") == "F"
    assert one.heard.count("deploy expired main") == 1
    assert one.pipeline.snapshot.deploys_of("main").under_way == ()


def test_it_outlives_the_process_and_what_is_over_meanwhile_expires() -> None:
    one = Harness(watched())
    begin(one)
    picture(one, "3")
    again = one.restarted(MINUTE)
    assert picture(again, "3 3") == "Pd Pd"
    third = again.restarted(2 * HOUR)
    third.tick()
    assert third.heard.count("deploy expired main") == 1
    assert picture(third, "3") == "F"


def test_it_outlives_a_reload_and_goes_with_its_target() -> None:
    one = Harness(watched())
    begin(one)
    one.take(NewConfig(watched()))
    assert len(one.pipeline.snapshot.deploys_of("main").under_way) == 1
    one.take(NewConfig(replace(watched(), targets=(), jobs=())))
    assert one.pipeline.snapshot.deploys == {}
    assert one.state.deploys() == {}


def test_it_moves_with_a_clock_that_was_set() -> None:
    one = Harness(watched())
    begin(one)
    one.set_by = timedelta(days=3)
    one.tick()
    (deploy,) = one.pipeline.snapshot.deploys_of("main").under_way
    assert deploy.ends_at == one.at + HOUR
    assert one.state.deploys() == one.pipeline.snapshot.deploys
    assert picture(one, "3 ]3") == "Pd F"


def test_to_begin_again_gives_it_another_end() -> None:
    one = Harness(watched())
    begin(one)
    began_at = one.at
    one.at += MINUTE
    begin(one, 2 * HOUR)
    (deploy,) = one.pipeline.snapshot.deploys_of("main").under_way
    assert (deploy.began_at, deploy.ends_at) == (began_at, one.at + 2 * HOUR)
    end(one)
    end(one)
    assert [line for line in one.heard if "deploy" in line] == [
        "deploy begun main",
        "deploy begun main",
        "deploy ended main",
    ]


# by a file


def test_a_file_declares_it_while_it_is_there() -> None:
    file = replace(DEPLOYS, file=Path("deploy.lock"), max=3 * MINUTE)
    one = Harness(watched(file))
    for _ in range(3):
        one.take(DeployFile("release 6"))
    (deploy,) = one.pipeline.snapshot.deploys_of("main").under_way
    assert (deploy.source, deploy.reason) == (DeploySource.FILE, "release 6")
    one.take(DeployFile(None))
    assert one.pipeline.snapshot.deploys_of("main").under_way == ()
    assert one.heard == ["deploy begun main", "deploy ended main"]


def test_one_that_is_left_behind_expires_once_and_begins_again_when_it_was_gone() -> (
    None
):
    file = replace(DEPLOYS, file=Path("deploy.lock"), max=3 * MINUTE)
    one = Harness(watched(file))
    for _ in range(9):
        one.take(DeployFile(""))
        one.at += MINUTE
        one.tick()
    one.take(DeployFile(None))
    one.take(DeployFile(""))
    assert [line for line in one.heard if "deploy" in line] == [
        "deploy begun main",
        "deploy expired main",
        "deploy begun main",
    ]


def test_a_file_that_is_no_longer_configured_ends_it() -> None:
    one = Harness(watched(replace(DEPLOYS, file=Path("deploy.lock"))))
    one.take(DeployFile(""))
    one.take(NewConfig(watched()))
    one.tick()
    assert one.pipeline.snapshot.deploys_of("main").under_way == ()


# by a metric


def test_a_metric_declares_it_while_it_is_above_0() -> None:
    open_deploys = a_query(
        "deployments",
        metrics=(Metric("open_deploys", "", ("version",), value="open"),),
    )
    config = a_config(BALANCES, open_deploys)
    one = Harness(replace(config, deploys=replace(DEPLOYS, metric="open_deploys")))

    def seen(**versions: float) -> list[str]:
        one.at += MINUTE
        found = samples("open_deploys", versions, label="version")
        one.run("deployments", Success(found, len(found)))
        under_way = one.pipeline.snapshot.deploys_of("main").under_way
        return [deploy.reason for deploy in under_way]

    assert seen(v5=0) == []
    assert seen(v5=1, v4=0) == ["version v5"]
    assert seen(v5=1) == ["version v5"]
    assert seen() == []
    assert one.heard == ["deploy begun main", "deploy ended main"]


# what rules remember


def remembering(*rules: str) -> Harness:
    change = a_rule(
        "PlansChanged",
        "plans",
        condition=Condition("change"),
        detector=ChangeDetector(by=0.2, over=timedelta(hours=1)),
        summary="{plan} was {before} and is {value}",
    )
    new = a_rule(
        "PlanNew",
        "plans",
        condition=Condition("new"),
        detector=NewDetector(learn=timedelta(hours=1)),
        summary="{plan} is new",
    )
    metric = Metric("plans", "", ("plan",), value="users")
    query = a_query("plans", metrics=(metric,), rules=(change, new))
    waiting = DeploySettings(rules=frozenset(rules))
    return Harness(replace(a_config(query), deploys=waiting))


def see(one: Harness, *, minutes: int = 1, **plans: float) -> list[str]:
    """Let runs end with this outcome, a minute apart; return what fired or resolved."""
    before = len(one.transitions)
    for _ in range(minutes):
        one.at += MINUTE
        found = samples("plans", plans)
        one.run("plans", Success(found, len(found)))
    return [
        f"{change.change}: {dict(change.alert.annotations)['summary']}"
        for change in one.transitions[before:]
        if change.change is not Change.PENDING
    ]


BOTH = ("PlansChanged", "PlanNew")


def test_a_level_of_the_deployment_is_told_at_its_end_and_not_before() -> None:
    one = remembering(*BOTH)
    assert see(one, pro=90, minutes=90) == []
    begin(one, timedelta(days=3))
    assert see(one, pro=45, team=7, minutes=36 * 60) == []
    end(one)
    assert sorted(see(one, pro=45, team=7)) == [
        "fired: pro was 90 and is 45",
        "fired: team is new",
    ]


def test_a_level_that_is_put_back_in_time_is_told_by_nobody() -> None:
    one = remembering(*BOTH)
    see(one, pro=90, minutes=90)
    begin(one)
    assert see(one, pro=45, team=7, minutes=20) == []
    assert see(one, pro=90, minutes=20) == []
    end(one)
    assert see(one, pro=90, minutes=120) == []


def test_a_level_that_is_accepted_is_what_the_next_change_is_measured_by() -> None:
    one = remembering(*BOTH)
    see(one, pro=90, minutes=90)
    begin(one)
    see(one, pro=45, team=7, minutes=5)
    end(one, accepts=True)
    assert see(one, pro=45, team=7, minutes=3) == []
    assert see(one, pro=30, team=7) == ["fired: pro was 45 and is 30"]


def test_what_fires_already_ends_when_it_is_accepted() -> None:
    one = remembering(*BOTH)
    see(one, pro=90, minutes=90)
    assert see(one, pro=45) == ["fired: pro was 90 and is 45"]
    end(one, accepts=True)
    assert see(one, pro=45) == ["resolved: pro was 90 and is 45"]
    again = one.restarted(MINUTE)
    assert see(again, pro=45) == []
    assert see(again, pro=20) == ["fired: pro was 45 and is 20"]


def test_the_table_that_a_tool_copies_is_nobodys_news() -> None:
    change = a_rule(
        "RowsChanged",
        "rows",
        condition=Condition("change"),
        detector=ChangeDetector(by=0.2, over=timedelta(hours=1)),
        summary="{table}",
    )
    new = a_rule(
        "TableNew",
        "rows",
        condition=Condition("new"),
        detector=NewDetector(learn=timedelta(hours=1)),
        summary="{table}",
    )
    metric = Metric("rows", "", ("table",), value="rows")
    one = Harness(a_config(a_query("rows", metrics=(metric,), rules=(change, new))))

    def tables(**rows: float) -> None:
        one.at += MINUTE
        found = samples("rows", rows, label="table")
        one.run("rows", Success(found, len(found)))

    for _ in range(90):
        tables(users=100)
    for _ in range(90):
        tables(users=100, _users_gho=50, _users_ghc=3)
    for _ in range(90):
        tables(users=100, _users_del=100, _users_20260301120000_del=1)
    assert one.transitions == []
    tables(users=100, invoices=3)
    assert [str(one.change) for one in one.transitions] == ["fired"]


# Any history, against an account that knows of nothing but values and windows.


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 3.0]), st.sampled_from(["", "", "begin", "end"])
        ),
        max_size=30,
    ),
    st.sampled_from([timedelta(0), 2 * MINUTE]),
)
def test_nothing_that_does_not_wait_is_touched_and_what_remains_fires_once(
    history: list[tuple[float, str]], hold: timedelta
) -> None:
    deployed = Harness(watched(hold=hold))
    quiet = Harness(watched(hold=hold))
    is_open, since, fires = False, None, False
    for value, what in [*history, (3.0, "end"), (3.0, ""), (3.0, ""), (3.0, "")]:
        for one in (deployed, quiet):
            one.at += MINUTE
        if what == "begin":
            begin(deployed)
            is_open = True
        elif what == "end":
            end(deployed)
            if is_open and since is not None and not fires:
                since = deployed.at
            is_open = False
        for one in (deployed, quiet):
            one.run("usage", usage(value))
            one.run("balances", balances(pro=value))
        # By hand: since when it is so, not counting what a deployment covers.
        if value == 0:
            since, fires = None, False
        else:
            since = since or deployed.at
            fires = fires or (not is_open and deployed.at - since >= hold)
        alert = alert_of(deployed)
        assert (alert is not None and alert.is_firing()) == fires
    assert fires

    def about_usage(one: Harness) -> list[tuple[object, ...]]:
        return [
            (change.change, change.at, change.alert)
            for change in one.transitions
            if change.alert.name == "TokenUsageStopped"
        ]

    assert about_usage(deployed) == about_usage(quiet)
    for one in (deployed, quiet):
        one.state.close()


# what was counted from before its end


def counted(one: Harness, **minutes: float) -> Success:
    """Make a result that finds something of each plan, which was counted for so many minutes."""
    found = balances(**dict.fromkeys(minutes, 3.0))
    since: list[CountedFrom] = []
    for plan, count in minutes.items():
        labels = labels_of({"plan": plan})
        since.append(CountedFrom("token_subscribers", labels, one.at - count * MINUTE))
    return replace(found, counted_from=tuple(since))


def states(one: Harness) -> dict[str, str]:
    """Return each alert's state by its plan, with what it says of the deployment."""
    return {
        alert.label("plan"): f"{alert.state} {alert.deploy}".strip()
        for alert in one.pipeline.active_alerts()
        if alert.name == "TokenBalances"
    }


STILL_COUNTED = "pending held by a deployment that is over, until nothing of before its end is counted"
REMAINED = "firing remained after the deployment that ended at 2026-03-01 12:01:00 UTC (release 5)"


def after_a_deployment(config: Config) -> Harness:
    """Return a harness a minute after a deployment ended at 12:01."""
    one = Harness(config)
    begin(one)
    one.at += MINUTE
    end(one)
    one.at += MINUTE
    return one


def test_what_was_counted_from_before_the_end_waits_until_none_of_it_is() -> None:
    one = after_a_deployment(watched())
    seen = []
    for minutes in (2, 3, 3, 3):
        one.run("balances", counted(one, pro=minutes))
        seen.append(states(one)["pro"])
        one.at += MINUTE
    assert seen == [STILL_COUNTED, STILL_COUNTED, REMAINED, REMAINED]
    assert one.posted() == ["TokenBalances firing"]


def test_what_is_counted_no_more_by_then_was_never_told() -> None:
    one = after_a_deployment(watched())
    one.run("balances", counted(one, pro=2))
    one.at += MINUTE
    one.run("balances", balances(pro=0))
    one.tick()
    assert states(one) == {}
    assert one.posted() == []


def test_each_alert_waits_for_what_its_own_sample_counts() -> None:
    one = after_a_deployment(watched())
    one.run("balances", counted(one, pro=2, free=1))
    assert states(one) == {"pro": STILL_COUNTED, "free": "firing"}


def test_it_waits_over_a_restart_and_what_fired_before_goes_on() -> None:
    one = Harness(watched())
    one.run("balances", counted(one, free=60))
    begin(one)
    one.at += MINUTE
    end(one)
    one.at += MINUTE
    again = one.restarted(MINUTE)
    again.run("balances", counted(again, pro=3, free=60))
    assert states(again) == {"pro": STILL_COUNTED, "free": "firing"}


def test_a_rate_over_a_while_waits_until_that_lies_behind_the_end() -> None:
    rate = RateDetector(RateUnit.INCREASE, 5 * MINUTE)
    config = watched()
    rule = replace(BALANCES.rules[0], detector=rate)
    one = after_a_deployment(config)
    for minutes, is_open in ((0, True), (3, True), (4, False)):
        late = replace(one.result("balances", balances(pro=3)))
        late = replace(late, scheduled_at=one.at + minutes * MINUTE)
        hold = hold_of(config, one.pipeline.snapshot, rule, late)
        assert hold.is_open is is_open


def test_detectors_learn_nothing_of_what_was_counted_before_the_end() -> None:
    config = watched()
    one = after_a_deployment(config)
    looks = []
    for minutes in (2, 1):
        result = one.result("balances", counted(one, pro=minutes))
        looks.append(look_of(config, one.pipeline.snapshot, result).waiting)
    assert looks == [{"TokenBalances"}, set()]
