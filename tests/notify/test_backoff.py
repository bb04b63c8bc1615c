from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.errors import DeliveryError
from monitor.notify.backoff import NOTIFICATION, Backoff, retry_after_seconds
from tests.notify.far_end import START


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_the_most_nor_than_the_doubled_first(
    failures: int, draw: float
) -> None:
    seconds = Backoff(1, 300).seconds(failures, lambda: draw)
    assert 0 <= seconds <= min(300, 2.0 ** min(failures - 1, 60))


def test_waits_double_up_to_the_most() -> None:
    waits = [Backoff(0.5, 5).seconds(failures, lambda: 1.0) for failures in range(1, 7)]
    assert waits == [0.5, 1, 2, 4, 5, 5]
    assert Backoff(0.5, 5).seconds(3, lambda: 0.25) == 0.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", None),
        ("99999999", 3600.0),
        ("Sun, 22 Nov 2026 14:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 13:00:00 GMT", None),
        ("Sun, 22 Nov 2026 13:00:00", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_otherwise_ignored(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_seconds(header, START) == seconds


@pytest.mark.parametrize("header", ["0", "Sun, 22 Nov 2026 13:59:30 GMT"])
def test_who_asks_to_be_asked_at_once_is_not_asked_more_and_more_often(
    header: str,
) -> None:
    error = DeliveryError(
        "http_503",
        "HTTP 503",
        recoverable=True,
        retry_after_seconds=retry_after_seconds(header, START),
    )
    waits = [NOTIFICATION.seconds_after(error, one, lambda: 0.5) for one in (1, 5, 99)]
    assert waits == [0.5, 8, 150]
