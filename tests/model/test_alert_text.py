from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.alert_text import names_in, render
from monitor.model.text_formats import byte_size, people_number, span


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{value:duration} behind", "1 h 1 min behind"),
        ("{value:bytes} on disk", "3.66 kB on disk"),
        ("{value:percent}", "366,000 %"),
        ("{value:.1f}", "3660.1"),
        ("{value:number} {value:exact} {value}", "3,660 3660.1 3,660"),
        ("https://d/?q={queue:url}", "https://d/?q=a%20b%2Fc"),
        ("{queue:bytes}", "a b/c"),
        ("{{value:bytes}}", "{value:bytes}"),
        ("{other:bytes}", "{other:bytes}"),
    ],
)
def test_a_format_behind_a_name_says_how_its_value_is_written(
    text: str, shown: str
) -> None:
    values = {"value": "3,660", "queue": "a b/c"}
    assert render(text, values, {"value": "3660.1"}) == shown


def test_what_is_only_a_lower_bound_stays_one() -> None:
    assert render("{value:bytes}", {"value": "at least 5000"}) == "at least 5 kB"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{value:byte}",
            '{value:byte}: unknown format "byte"; allowed: duration, percent, bytes, number, exact, url, .0f to .9f',
        ),
        ("{value", 'lone "{" at character 1; write "{{"'),
    ],
)
def test_what_is_wrong_with_a_text_is_said_at_load(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        names_in(text)


def test_the_names_of_a_text_are_given_without_their_formats() -> None:
    assert names_in("{value:bytes} of {plan}, {{x}}, {value}") == ("value", "plan")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (1, "1 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3601, "1 h"),
        (90_061, "1 d 1 h"),
        (-90_000, "-1 d 1 h"),
    ],
)
def test_a_span_is_said_by_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.23 MB")],
)
def test_a_size_is_said_in_powers_of_a_thousand(number: float, text: str) -> None:
    assert byte_size(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_people_write_it_is_near_the_number(value: float) -> None:
    read = float(people_number(value).replace(",", ""))
    assert math.isclose(read, value, rel_tol=1e-3, abs_tol=0) or value == read == 0
