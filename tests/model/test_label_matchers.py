"""Matchers of labels: what they mean as Alertmanager's do, and that none of anybody's holds up the monitor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.label_matchers import (
    MAX_VALUE,
    LabelMatcher,
    MatchOperator,
    matcher_text,
    matcher_to_json,
    parse_matcher,
)


@pytest.mark.parametrize(
    ("text", "labels", "fits"),
    [
        ("plan=pro", {"plan": "pro"}, True),
        (' plan =  "pro"  ', {"plan": "pro"}, True),
        ("plan!=pro", {}, True),
        ('plan=""', {}, True),
        ("plan=~pro|team", {"plan": "protest"}, False),
        ("plan=~pro|team", {"plan": "team"}, True),
        (r"target=~db-\d+", {"target": "db-12"}, True),
        (r"target!~db-\d{1,3}", {"target": "db-1234"}, True),
        ("plan=~.*", {}, True),
    ],
)
def test_a_matcher_means_what_it_means_to_alertmanager(
    text: str, labels: dict[str, str], fits: bool
) -> None:
    assert parse_matcher(text).fits(labels) is fits


@given(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.sampled_from([MatchOperator.EQUAL, MatchOperator.NOT_EQUAL]),
    st.text(max_size=30),
)
def test_what_is_written_is_read_as_the_same(
    label: str, operator: MatchOperator, value: str
) -> None:
    matcher = LabelMatcher(label, operator, value)
    assert parse_matcher(str(matcher)) == matcher


@pytest.mark.parametrize("blank", [" ", "\n", "\\", '"'])
def test_a_long_text_is_refused_before_it_is_looked_at(blank: str) -> None:
    text = f"a=x{blank * 60_000}y"
    with pytest.raises(ValueError, match="a matcher is longer than"):
        parse_matcher(text)
    within = f"a=x{blank * (2 * MAX_VALUE)}y"
    with pytest.raises(ValueError, match="is longer than 1000 characters"):
        parse_matcher(within)
    assert parse_matcher(f"a = {' ' * MAX_VALUE}x ").value == "x"


@pytest.mark.parametrize(
    "value",
    [
        r"\w" * 11,
        r"\pL{11}",
        r"(\d{4}){4}",
        "(a{150}){150}",
        "((x{99}){99}){99}",
        "a{200}" * 100,
    ],
)
def test_an_expression_that_would_take_megabytes_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="is too large; allowed: 10 times"):
        parse_matcher(f"a=~{value}")


@given(
    st.sampled_from(MatchOperator),
    st.text(st.sampled_from('ab"\\ \n=~!'), max_size=9),
)
def test_a_matcher_that_is_written_is_read_as_it_was_also_by_its_parts(
    operator: MatchOperator, value: str
) -> None:
    if operator.is_regex:
        value = value.replace("\\", ".")
    text = matcher_text("plan", operator, value)
    matcher = parse_matcher(text)
    assert (matcher.operator, matcher.value) == (operator, value)
    assert str(matcher) == text
    found = matcher_to_json(matcher)
    is_regex, is_positive = found["isRegex"] is True, found["isEqual"] is True
    assert MatchOperator.of(is_regex=is_regex, is_positive=is_positive) is operator
