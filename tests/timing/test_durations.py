"""Durations as Prometheus writes them: there and back, and what nobody can mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.migration.intervals import read_interval
from monitor.timing.durations import LONGEST, format_duration, parse_duration


@given(st.integers(1, int(LONGEST / timedelta(milliseconds=1))))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["101y", "5000y", "99999999999999d", f"{10**30}ms"])
def test_what_is_longer_than_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is longer than a hundred years"):
        parse_duration(text)


def test_the_longest_duration_ends_and_began_at_an_instant_that_there_is() -> None:
    now = datetime.now(UTC)
    assert now - parse_duration("100y") < now < now + LONGEST


@pytest.mark.parametrize("text", ["99999999999999999", "99999999999999999h"])
def test_an_interval_of_another_program_that_nobody_can_mean_is_none(text: str) -> None:
    assert read_interval(text) is None
