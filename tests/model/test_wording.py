"""What a server calls a TIME reads as the servers write it."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from monitor.model.wording import clock_time, format_number


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (timedelta(hours=-12), "-12:00:00"),
        (timedelta(0), "00:00:00"),
        (timedelta(hours=838, minutes=59, seconds=59), "838:59:59"),
        (timedelta(seconds=-1, microseconds=-500_000), "-00:00:01.500000"),
    ],
)
def test_a_time_reads_as_the_servers_write_it(cell: timedelta, text: str) -> None:
    assert clock_time(cell) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1500.0, "1500"),
        (0.25, "0.25"),
        (-3.0, "-3"),
        (0.0, "0"),
        (-0.0, "0"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (0.1 + 0.2, "0.3"),
        (100 / 3, "33.3333333333333"),
        (12345678901.0, "12345678901"),
        (999999999999.25, "999999999999.25"),
        (2.0**53, "9007199254740992"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_are_written_as_people_do_without_the_noise_of_floats(
    value: float, text: str
) -> None:
    assert format_number(value) == text
