"""Who goes first where the time of a run is not enough for all items: nobody who takes his share is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.model.for_each import QueryItem, Turns

LIMIT = 10
"""How much time a run has."""


def run(
    items: list[QueryItem], takes: dict[str, int], turns: Turns
) -> tuple[set[str], Turns]:
    """Return who gave data in a run, and what it says of the next: a plain account of what a run does."""
    left = LIMIT
    done: set[str] = set()
    waiting: list[str] = []
    slow: set[str] = set()
    for item in turns.in_order(items):
        if left < 1:
            waiting.append(item.name)
        elif takes[item.name] <= left:
            left -= takes[item.name]
            done.add(item.name)
        else:
            if left >= LIMIT / 2:
                slow.add(item.name)
            else:
                waiting.append(item.name)
            left = 0
    still_slow = turns.slow.intersection(waiting)
    return done, Turns(tuple(waiting), still_slow | slow)


@given(st.lists(st.integers(0, 3 * LIMIT), min_size=1, max_size=12))
def test_everyone_who_takes_at_most_half_of_the_time_gives_data_again_and_again(
    seconds: list[int],
) -> None:
    items = [QueryItem(f"item{number:02}") for number in range(len(seconds))]
    takes = {item.name: time for item, time in zip(items, seconds, strict=True)}
    modest = {name for name, time in takes.items() if time <= LIMIT / 2}
    turns, last = Turns(), dict.fromkeys(modest, 0)
    # In each run either a slow one is found, or modest ones fill more than a half of it.
    patience = 2 * len(items) + 2
    for number in range(1, 3 * patience):
        done, turns = run(items, takes, turns)
        for name in modest:
            last[name] = number if name in done else last[name]
            assert number - last[name] <= patience, (name, number, takes)


def test_where_all_have_their_turn_the_order_stays() -> None:
    items = [QueryItem("b"), QueryItem("a"), QueryItem("c")]
    assert Turns().in_order(items) == items


def test_who_waited_goes_first_and_who_was_slow_last() -> None:
    items = [QueryItem("a"), QueryItem("b"), QueryItem("c"), QueryItem("d")]
    turns = Turns(("d", "c"), frozenset("ac"))
    assert [item.name for item in turns.in_order(items)] == ["d", "b", "c", "a"]
