"""Write times, durations and counts as a person would read them on the page; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.model.wording import shortened

MAX_CHARACTERS = 4_000
"""Of one text; a statement that repairs a table is shorter."""

MAX_LINE = 300
"""Characters of a headline; the API has the whole summary."""

# Control characters but for tab and line feed, lone surrogates, and what changes the direction of text.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class When:
    """An instant, and how it reads from now."""

    at: datetime
    text: str


def fit(value: object) -> object:
    """Return text that is fit for the page: cut where nobody reads on, nothing that hides, turns or beeps.

    Every value that the template prints goes through here. Markup of the template's own (`__html__`) and
    what is not text stay as they are. A database may say anything; a direction override makes other text
    read as what it is not.
    """
    is_markup = hasattr(value, "__html__")
    if is_markup or not isinstance(value, str):
        return value
    text = shortened(value, MAX_CHARACTERS)
    # Nearly all text is plain ASCII: the pattern need not look at it.
    if text.isascii() and text.isprintable():
        return text
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def age(since: timedelta) -> str:
    """Return how long ago, as roughly as a person would say it; 0 s of what is to come."""
    seconds = max(0, int(since.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        text = f"{seconds // 3600} h {seconds // 60 % 60} min"
        return text.removesuffix(" 0 min")
    text = f"{seconds // 86400} d {seconds // 3600 % 24} h"
    return text.removesuffix(" 0 h")


def when(at: datetime, now: datetime) -> When:
    """Return an instant with how long ago it was."""
    return When(at, age(now - at))


def when_known(at: datetime | None, now: datetime) -> When | None:
    """Return the same; None of what has not happened yet, or is not known."""
    if at is None:
        return None
    return when(at, now)


def clock_text(at: datetime, now: datetime) -> str:
    """Return an instant by the clock, in UTC; with its date where that is not today's."""
    date = "" if at.date() == now.date() else f"{at:%Y-%m-%d} "
    return f"{date}{at:%H:%M} UTC"


def until(at: datetime, now: datetime) -> When:
    """Return an instant with how soon it is; of what should have been, since when it is due."""
    if at > now:
        return When(at, f"in {age(at - now)}")
    return When(at, f"due since {at:%H:%M:%S}")


def duration(seconds: float) -> str:
    """Return how long something took: in milliseconds below one second."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s"
