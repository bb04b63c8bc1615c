"""A mapping in pieces is what a dict is, and what was there before a change stays as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.model.chunked_map import ChunkedMap, changed_keys, updated

KEYS = st.integers(0, 600)
CHANGES = st.lists(
    st.dictionaries(KEYS, st.integers(), min_size=0, max_size=5), max_size=10
)


@given(beginning=st.dictionaries(KEYS, st.integers(), max_size=500), changes=CHANGES)
def test_it_is_what_a_dict_would_be_and_what_was_before_stays(
    beginning: dict[int, int], changes: list[dict[int, int]]
) -> None:
    now: ChunkedMap[int, int] = ChunkedMap(beginning)
    oracle = dict(beginning)
    history = [(now, dict(oracle))]
    for change in changes:
        now = now.updated(change)
        oracle.update(change)
        history.append((now, dict(oracle)))
    for mapping, expected in history:
        assert mapping == expected
        assert list(mapping.items()) == list(expected.items())
        assert len(mapping) == len(expected)
        assert all(key in mapping for key in expected)
        assert -1 not in mapping


def test_a_dict_is_changed_the_same_way_and_stays() -> None:
    before = {"a": 1}
    after = updated(before, {"b": 2})
    assert (before, dict(after)) == ({"a": 1}, {"a": 1, "b": 2})


def test_a_change_shares_all_other_pieces() -> None:
    many: ChunkedMap[int, object] = ChunkedMap({n: object() for n in range(1000)})
    changed = many.updated({700: "new"})
    assert changed[700] == "new"
    assert all(changed[n] is many[n] for n in range(1000) if n != 700)
    assert repr(ChunkedMap({1: 2})) == "ChunkedMap({1: 2})"


@given(
    beginning=st.dictionaries(KEYS, st.integers(), min_size=1, max_size=500),
    data=st.data(),
)
def test_it_says_which_values_are_others_than_before(
    beginning: dict[int, int], data: st.DataObject
) -> None:
    """By identity, after any number of steps; of other keys than before nothing is said."""
    before: ChunkedMap[int, object] = ChunkedMap({key: object() for key in beginning})
    changed = data.draw(st.sets(st.sampled_from(sorted(beginning))))
    after = before
    for key in changed:
        after = after.updated({key: object()})
    found = changed_keys(before, after)
    assert found is not None
    assert sorted(found) == sorted(changed)
    assert changed_keys(before, before.updated({-1: object()})) is None
    assert changed_keys(dict(before), after) is None
