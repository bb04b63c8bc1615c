"""What follows from an alert stands under it, in fewer words; what speaks for itself does not."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.snapshot import with_alerts
from monitor.model.alerts import Alert, AlertState
from monitor.model.settings import Severity
from monitor.web.alert_groups import AlertGroup
from monitor.web.alert_sections import MAX_CONSEQUENCE_ROWS, MAX_CONSEQUENCES
from monitor.web.page import Page, page_of
from monitor.web.page_filter import page_filter
from tests.web.picture import (
    GONE,
    NOW,
    UNINITIALIZED,
    a_config,
    a_scene,
    a_snapshot,
    an_alert,
    seconds,
)
from tests.web.serving import ServedState, serving

CONFIG = a_config()
CAUSE = an_alert(GONE, subject="missing_columns", table="users")


def follows(
    name: str, plan: str = "pro", *, cause: Alert = CAUSE, is_explained: bool = True
) -> Alert:
    """Make an alert that is muted under another one, since that explains it or keeps its data away."""
    alert = an_alert(replace(UNINITIALIZED, name=name), plan=plan)
    labels = cause.labels if is_explained else ()
    return replace(
        alert, muted_by=cause.fingerprint, cause=labels, held=not is_explained
    )


def page(*alerts: Alert, asked: str = "", **chosen: str) -> Page:
    scene = a_scene(with_alerts(a_snapshot(CONFIG), alerts))
    return page_of(scene, CONFIG, asked=asked, chosen=page_filter(chosen))


def named(groups: tuple[AlertGroup, ...]) -> dict[str, list[str]]:
    """Return the rules of these cards, each with those that are listed in it."""
    return {group.name: [one.name for one in group.consequences] for group in groups}


def test_what_is_muted_stands_under_its_own_cause_whether_explained_or_without_data() -> (
    None
):
    other = an_alert(replace(GONE, name="Other"), subject="missing_columns")
    shown = page(
        follows("Explained"),
        other,
        follows("Blind", is_explained=False),
        CAUSE,
        follows("OfOther", cause=other),
    )
    assert named(shown.active) == {
        "Other": ["OfOther"],
        "TokenColumnMissing": ["Blind", "Explained"],
    }
    assert (shown.muted, shown.not_described) == ((), 0)


def test_what_was_there_before_data_was_lost_is_not_said_to_follow() -> None:
    explained, blind = follows("B"), follows("C", is_explained=False)
    titles = {
        "Follows from it, 1 alert; nobody is notified of it meanwhile": [explained],
        "No data because of it, so as last seen, 1 alert; nobody is notified of it meanwhile": [
            blind
        ],
        "Follows from it, or has no data because of it, 2 alerts; nobody is notified of these meanwhile": [
            explained,
            blind,
        ],
    }
    for title, alerts in titles.items():
        (group,) = page(CAUSE, *alerts).active
        assert group.consequences_title == title


def test_what_follows_is_said_in_one_line_with_a_link_to_the_rest() -> None:
    one = follows("Explained")
    with serving(
        ServedState(CONFIG, with_alerts(a_snapshot(CONFIG), (CAUSE, one)), NOW)
    ) as client:
        text = client.get("/").text
    (listed,) = re.findall(r"<li .*?</li>", text, re.DOTALL)
    words = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", listed))).strip()
    assert words == (
        "critical Explained summary of Explained, firing for 3 min , seen 0 s ago"
    )
    assert f'href="alerts/{one.fingerprint}"' in listed
    assert "Follows from it, 1 alert; nobody is notified of it meanwhile" in text
    assert "Set the balance to the plan" not in text, "what to do is to mend the cause"


def test_the_worst_of_what_follows_comes_first_and_rules_beyond_a_few_are_counted() -> (
    None
):
    rules = MAX_CONSEQUENCES + 2
    alerts = [
        follows(f"Effect{number:02}", plan)
        for number in range(rules)
        for plan in ("pro", "team")
    ]
    alerts[-1] = replace(alerts[-1], severity=Severity.WARNING)
    alerts[-2] = replace(alerts[-2], severity=Severity.WARNING)
    (group,) = page(CAUSE, *alerts).active
    assert [one.name for one in group.consequences] == [
        f"Effect{number:02}" for number in range(MAX_CONSEQUENCES)
    ]
    assert (group.consequences_left_out, group.consequence_count) == (4, 2 * rules)
    (group,) = page(CAUSE, *alerts, asked=alerts[-1].fingerprint).active
    assert group.consequences[0].name == f"Effect{rules - 1:02}"
    assert group.shows_asked_for
    assert not group.has_asked_for


def test_of_a_rule_that_follows_a_few_alerts_are_named() -> None:
    alerts = [follows("Effect", f"p{number:03}") for number in range(100)]
    (group,) = page(CAUSE, *alerts).active
    (one,) = group.consequences
    assert (len(one.rows), one.left_out) == (
        MAX_CONSEQUENCE_ROWS,
        100 - MAX_CONSEQUENCE_ROWS,
    )


def test_what_follows_from_what_follows_stands_under_the_first_cause() -> None:
    middle = follows("Middle", is_explained=False)
    last = follows("Last", cause=middle)
    assert named(page(CAUSE, middle, last).active) == {
        "TokenColumnMissing": ["Last", "Middle"]
    }


def test_what_is_muted_under_an_alert_that_is_not_shown_stands_by_itself() -> None:
    one = follows("Explained")
    narrowed = page(CAUSE, one, plan="pro")
    assert (narrowed.active, named(narrowed.muted)) == ((), {"Explained": []})
    first, second = follows("A"), follows("B")
    circle = (
        replace(first, muted_by=second.fingerprint),
        replace(second, muted_by=first.fingerprint),
    )
    assert named(page(*circle).muted) == {"A": [], "B": []}
    over = replace(CAUSE, state=AlertState.RESOLVED, resolved_at=NOW - seconds(1))
    assert named(page(over, one).muted) == {"Explained": []}


def test_an_alerts_own_page_lists_what_follows_and_leads_to_what_it_follows_from() -> (
    None
):
    one = follows("Explained")
    snapshot = with_alerts(a_snapshot(CONFIG), (CAUSE, one))
    with serving(ServedState(CONFIG, snapshot, NOW)) as client:
        cause = client.get(f"/alerts/{CAUSE.fingerprint}").text
        effect = client.get(f"/alerts/{one.fingerprint}").text
    assert f'href="../alerts/{one.fingerprint}"' in cause
    assert (
        f'It follows from <a href="../alerts/{CAUSE.fingerprint}">TokenColumnMissing</a>'
        in effect
    )


@st.composite
def any_alerts(draw: st.DrawFn) -> list[Alert]:
    """Draw alerts of which each is muted under none, under another one, or under one that is not there."""
    count = draw(st.integers(0, 12))
    alerts = [
        an_alert(replace(UNINITIALIZED, name=draw(st.sampled_from("ABC"))), plan=f"{n}")
        for n in range(count)
    ]
    roots = [None, "f" * 16, *(alert.fingerprint for alert in alerts)]
    return [replace(alert, muted_by=draw(st.sampled_from(roots))) for alert in alerts]


@given(any_alerts())
def test_every_alert_stands_once_and_under_what_it_is_muted_under(
    alerts: list[Alert],
) -> None:
    shown = page(*alerts)
    cards = (*shown.active, *shown.muted)
    below = [one for card in cards for one in card.consequences]
    rows = [row.fingerprint for group in (*cards, *below) for row in group.rows]
    assert sorted(rows) == sorted(alert.fingerprint for alert in alerts)
    assert shown.not_described == 0
    speaking = {row.fingerprint for card in shown.active for row in card.rows}
    assert speaking == {one.fingerprint for one in alerts if one.muted_by is None}
