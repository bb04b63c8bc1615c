"""What a server calls a TIME reads as the servers write it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.model.wording import clock_time


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
