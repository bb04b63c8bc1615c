"""Which changes of an alert are one line of the history: pictures of time, a sign for each ten minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.model.alerts import Alert, AlertState, Change, Transition
from monitor.web.flapping import folded, latest_changes
from monitor.web.history_rows import PastChange, past_change
from tests.web.picture import NOW, an_alert, seconds
from tests.web.serving import serving

STEP = timedelta(minutes=10)
CHANGES = {"P": Change.PENDING, "F": Change.FIRED, "r": Change.RESOLVED}
SIGNS = {change.value: sign for sign, change in CHANGES.items()}
STATES = {
    Change.PENDING: AlertState.PENDING,
    Change.FIRED: AlertState.FIRING,
    Change.RESOLVED: AlertState.RESOLVED,
}


def what_did(alert: Alert, picture: str) -> Iterator[Transition]:
    """Yield the changes of a picture, the newest first; the last sign is of now."""
    for place, sign in enumerate(reversed(picture)):
        if sign != " ":
            change = CHANGES[sign]
            changed = replace(alert, state=STATES[change])
            yield Transition(change, changed, NOW - place * STEP)


def lines(*some: Transition) -> tuple[PastChange, ...]:
    newest_first = sorted(some, key=lambda one: one.at, reverse=True)
    return folded([past_change(one, NOW) for one in newest_first])


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        ("FrFrFr", "r(FrFrF)"),
        ("PFrPFrPF", "F(PrFPrFP)"),
        ("FrFr", "r F r F"),
        ("Fr     FrFr", "r(FrFrF)"),
        ("Fr      FrFr", "r F r F r F"),
        ("FrFrF          FrFrFr", "r(FrFrF) F(rFrF)"),
        ("PrPrPr", "r P r P r P"),
        ("", ""),
    ],
)
def test_what_fires_three_times_without_a_pause_of_an_hour_is_one_line(
    picture: str, expected: str
) -> None:
    found = lines(*what_did(an_alert(), picture))
    words = []
    for line in found:
        under = "".join(SIGNS[one.change] for one in line.earlier)
        words.append(SIGNS[line.change] + (f"({under})" if under else ""))
    assert " ".join(words) == expected


def test_what_others_did_meanwhile_stands_in_its_place() -> None:
    flapping = [*what_did(an_alert(plan="pro"), "FrFrFr")]
    other = Transition(Change.FIRED, an_alert(plan="team"), NOW - seconds(900))
    newest, second = lines(*flapping, other)
    assert newest.flapping_words == "fired 3 times within 50 min"
    assert (newest.change, len(newest.earlier)) == ("resolved", 5)
    assert (second.change, second.earlier) == ("fired", ())


def test_on_the_first_page_what_flaps_leaves_room_for_others() -> None:
    flapping = [*what_did(an_alert(plan="pro"), "FrFrFr")]
    before = Transition(Change.FIRED, an_alert(plan="team"), NOW - timedelta(hours=9))
    found = latest_changes([*flapping, before], NOW)
    assert [len(one.earlier) for one in found] == [5, 0]


def test_what_flapped_all_day_is_counted_whole_on_the_first_page_and_hides_nobody() -> (
    None
):
    with serving() as client:
        past = client.served.past
        first = Transition(
            Change.FIRED, an_alert(plan="first"), NOW - timedelta(hours=22)
        )
        past.record({}, [first], ())
        flapping = what_did(an_alert(plan="pro"), "Fr" * 64)
        past.record({}, [*flapping][::-1], ())
        page = client.get("/").text
    assert "fired 64 times within 21 h 10 min" in page
    assert f"alerts/{first.alert.fingerprint}" in page


def test_the_history_counts_every_change_and_unfolds_what_flapped() -> None:
    with serving() as client:
        oldest_first = [*what_did(an_alert(plan="pro"), "FrFrFr")][::-1]
        client.served.past.record({}, oldest_first, ())
        page = client.get("/history").text
    assert "History: 6 changes" in page
    assert "<summary>fired 3 times within 50 min</summary>" in page
    (under,) = re.findall(r'<ul class="earlier">(.*?)</ul>', page, re.DOTALL)
    assert under.count("<li>") == 5
    (table,) = re.findall(r'<table class="changes">(.*?)</table>', page, re.DOTALL)
    assert table.count('<td data-name="Change">') == 1


def test_what_flapped_all_day_hides_nothing_that_others_did_and_stays_small() -> None:
    """Twenty alerts flap at once; one that fired before them all is still on the page."""
    with serving() as client:
        past = client.served.past
        before = NOW - timedelta(hours=9)
        first = Transition(Change.FIRED, an_alert(plan="first"), before)
        past.record({}, [first], ())
        for number in range(20):
            flapping = what_did(an_alert(plan=f"plan{number}"), "Fr" * 24)
            past.record({}, [*flapping][::-1], ())
        answer = client.get("/history")
    assert "History: 961 changes" in answer.text
    assert answer.text.count("fired 24 times within 7 h 50 min") == 20
    assert answer.text.count("And 17 before these:") == 20
    assert f"alerts/{first.alert.fingerprint}" in answer.text
    assert "Older ones are not shown" not in answer.text
    assert len(answer.body) < 200_000
