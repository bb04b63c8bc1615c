"""A query that is asked for each of some items: what becomes of alerts where items fail, as pictures of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.model.conditions import Condition
from monitor.model.errors import QueryError, Reason
from monitor.model.for_each import FailedItem, ForEach, ItemOutcomes, NoItemError, Turns
from monitor.model.results import Failure, Outcome, Sample, Success
from monitor.model.settings import Metric, labels_of
from tests.support.harness import (
    LOST,
    MINUTE,
    OWN_RULES,
    Harness,
    a_config,
    a_query,
    a_rule,
)

FAILING = "TokenMonitorQueryFailing"
SHOPS = a_query(
    "shops",
    for_each=ForEach("name", "shop", 100, ("name",)),
    metrics=(Metric("app_late", "", ("shop",), value="n"),),
    rules=(
        a_rule("OrdersLate", "app_late"),
        a_rule("NoShops", "app_late", condition=Condition("absent", 0.0)),
    ),
)


def a_harness() -> Harness:
    own_rules = {rule.name: rule for rule in OWN_RULES}
    own_rules[FAILING] = replace(
        own_rules[FAILING],
        summary="{query} gives no data{of_items} since {failing_since}",
        description="{reason}: {message}",
    )
    return Harness(a_config(SHOPS, own_rules=tuple(own_rules.values())))


def shops(*failed: str, **late: float) -> Success:
    """Make a result: late orders by shop, and which shops failed."""
    samples = [
        Sample("app_late", labels_of({"shop": shop}), value)
        for shop, value in late.items()
    ]
    return Success(
        tuple(samples),
        len(samples),
        silent=tuple(labels_of({"shop": shop}) for shop in failed),
        items=_items(len(late), *failed),
    )


def none_of(*failed: str) -> Failure:
    """Make the failure of a run in which no shop gave data."""
    items = _items(0, *failed)
    error = NoItemError(items, QueryError(Reason.TIMEOUT, "no result"))
    return Failure(error.reason, error.message, items=items)


def _items(well: int, *failed: str) -> ItemOutcomes:
    all_failed = [FailedItem(shop, Reason.TIMEOUT, "no result") for shop in failed]
    return ItemOutcomes(well + len(failed), tuple(all_failed))


def names(harness: Harness) -> list[str]:
    return [
        f"{alert.name} {dict(alert.labels).get('shop', '')}".strip()
        + (" held" if alert.held else "")
        for alert in harness.pipeline.snapshot.alerts
        if alert.name != "TokenMonitorWatchdog" and not alert.is_over()
    ]


def test_the_alert_of_an_item_that_fails_is_held_and_the_others_go_on() -> None:
    harness = a_harness()
    harness.run("shops", shops(eu=1, us=1))
    assert names(harness) == ["OrdersLate eu", "OrdersLate us"]
    harness.after(MINUTE).run("shops", shops("eu", us=0))
    assert names(harness) == ["OrdersLate eu held"]
    harness.after(MINUTE).run("shops", shops(eu=0, us=0))
    assert names(harness) == []


def test_the_alert_of_an_item_that_is_gone_resolves() -> None:
    harness = a_harness()
    harness.run("shops", shops(eu=1, us=0))
    harness.after(MINUTE).run("shops", shops(us=0))
    assert names(harness) == []


@pytest.mark.parametrize(
    ("outcomes", "firing_from"),
    [
        ([shops("eu", us=0)] * 4, 2),
        ([none_of("eu", "us")] * 4, 2),
        # one account of it, whoever fails
        ([shops("eu", us=0), none_of("eu", "us"), none_of("eu", "us")], 2),
        ([none_of("eu", "us"), none_of("eu", "us"), shops("eu", us=0)], 2),
        # not one item three times, but always another
        ([shops("eu", us=0), shops("us", eu=0)] * 3, None),
        ([shops("eu", us=0), shops("eu", us=0), shops(eu=0, us=0)] * 2, None),
        # the items could not be asked for in between
        (
            [
                shops("eu", us=0),
                Failure(Reason.QUERY_ERROR, "syntax"),
                shops("eu", us=0),
            ],
            2,
        ),
    ],
)
def test_who_fails_three_times_in_a_row_is_told_of_once(
    outcomes: list[Outcome], firing_from: int | None
) -> None:
    harness = a_harness()
    harness.run("shops", shops(eu=0, us=0))
    harness.after(MINUTE)
    told: list[int] = []
    for outcome in outcomes:
        harness.run("shops", outcome)
        told.append(names(harness).count(FAILING))
        harness.after(MINUTE)
    first = len(outcomes) if firing_from is None else firing_from
    assert told == [int(number >= first) for number in range(len(outcomes))]


def test_it_says_which_items_fail_why_and_since_when() -> None:
    harness = a_harness()
    harness.run("shops", shops(eu=0, us=0, uk=0))
    for _ in range(3):
        harness.after(MINUTE).run("shops", shops("eu", "us", uk=0))
    (alert,) = [one for one in harness.pipeline.snapshot.alerts if one.name == FAILING]
    assert dict(alert.annotations)["summary"] == (
        "shops gives no data for eu and 1 more of its items since 2026-03-01 12:01:00 UTC"
    )
    assert dict(alert.annotations)["description"] == (
        "timeout: eu: timeout: no result; us: timeout: no result"
    )


def test_it_is_over_when_the_last_item_gives_data_or_is_gone() -> None:
    harness = a_harness()
    harness.run("shops", shops(eu=0, us=0))
    for _ in range(3):
        harness.after(MINUTE).run("shops", shops("eu", us=0))
    assert names(harness) == [FAILING]
    harness.after(MINUTE).run("shops", shops(us=0))
    assert names(harness) == []


def test_after_a_restart_it_is_held_until_it_is_known_whether_the_item_still_fails() -> (
    None
):
    harness = a_harness()
    harness.run("shops", shops(eu=1, us=0))
    for _ in range(3):
        harness.after(MINUTE).run("shops", shops("eu", us=0))
    again = harness.restarted(timedelta(seconds=5))
    again.run("shops", shops("eu", us=0))
    assert sorted(names(again)) == ["OrdersLate eu held", f"{FAILING} held"]
    again.after(MINUTE).run("shops", shops("eu", us=0))
    again.after(MINUTE).run("shops", shops("eu", us=0))
    assert FAILING in names(again)
    again.after(MINUTE).run("shops", shops(eu=0, us=0))
    assert names(again) == []


def test_while_the_target_is_lost_its_alert_speaks_for_the_items_too() -> None:
    harness = a_harness()
    harness.run("shops", shops(eu=0, us=0))
    for _ in range(3):
        harness.after(MINUTE).run("shops", shops("eu", us=0))
    harness.after(MINUTE).run("shops", LOST)
    harness.after(MINUTE)
    assert sorted(names(harness)) == [f"{FAILING} held", "TokenMonitorTargetDown"]


def test_what_an_item_that_fails_may_have_is_not_absent() -> None:
    harness = a_harness()
    harness.run("shops", shops("eu"))
    assert names(harness) == []
    harness.after(MINUTE).run("shops", shops())
    assert names(harness) == ["NoShops"]
    harness.after(MINUTE).run("shops", shops("eu"))
    assert names(harness) == ["NoShops held"]


def test_the_next_run_is_told_who_goes_first() -> None:
    harness = a_harness()
    turns = Turns(("us",), frozenset({"eu"}))
    outcome = shops("eu", "us", uk=0)
    assert outcome.items is not None
    harness.run("shops", replace(outcome, items=replace(outcome.items, turns=turns)))
    assert harness.pipeline.snapshot.turns_of(("main", "shops")) == turns
    harness.after(MINUTE).run("shops", LOST)
    assert harness.pipeline.snapshot.turns_of(("main", "shops")) == turns
