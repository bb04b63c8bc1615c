"""Patterns of labels: which values are wanted, and that PromQL would choose the same."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.label_patterns import LabelPatterns

NAMES = ["", "a", "ab", "low", "lower", "a.b", "axb", "a\nb"]


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["a"], ["a"]),
        (["a", "low"], ["a", "low"]),
        (["a*"], ["a", "ab", "a.b", "axb", "a\nb"]),
        (["a?b"], ["a.b", "axb", "a\nb"]),
        (["a.b"], ["a.b"]),
        (["!low*"], ["", "a", "ab", "a.b", "axb", "a\nb"]),
        (["a*", "!ab", "!a.*"], ["a", "axb", "a\nb"]),
        (["*"], NAMES),
        (["!*"], []),
    ],
)
def test_what_fits_is_wanted_but_for_what_is_excepted(
    patterns: list[str], wanted: list[str]
) -> None:
    found = LabelPatterns("queue", tuple(patterns))
    assert [one for one in NAMES if found.fits(one)] == wanted


def test_promql_is_asked_for_the_same() -> None:
    found = LabelPatterns("queue", ("a*", "b.c", "!low"))
    assert found.matchers == ['queue=~"a.*|b\\\\.c"', 'queue!~"low"']
    assert found.words == "queue in a*, b.c, !low"


_PATTERN = st.text(alphabet="ab*?.-", min_size=1, max_size=4)
_VALUE = st.text(alphabet="ab.-", max_size=5)


@given(
    wanted=st.lists(_PATTERN, max_size=3),
    unwanted=st.lists(_PATTERN, max_size=3),
    value=_VALUE,
)
def test_any_patterns_are_what_the_words_say(
    wanted: list[str], unwanted: list[str], value: str
) -> None:
    is_wanted = not wanted or any(fnmatchcase(value, one) for one in wanted)
    is_unwanted = any(fnmatchcase(value, one) for one in unwanted)
    found = LabelPatterns("queue", (*wanted, *(f"!{one}" for one in unwanted)))
    assert found.fits(value) == (is_wanted and not is_unwanted)
