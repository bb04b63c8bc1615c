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
    """Make text fit for the page: cut where nobody reads on, without what hides, turns or beeps.

    A database may say anything; a direction override makes other text read as what it is not.
    """
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value  # markup is the template's own
    text = shortened(value, MAX_CHARACTERS)
    return (
        text
        if text.isascii() and text.isprintable()
        else _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
    )


def age(since: timedelta) -> str:
    """Write how long ago, as roughly as a person would."""
    seconds = max(0, int(since.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def when(at: datetime, now: datetime) -> When:
    """Return an instant with how long ago it was."""
    return When(at, age(now - at))


def when_known(at: datetime | None, now: datetime) -> When | None:
    """Return the same; None of what has not happened yet, or is not known."""
    return None if at is None else when(at, now)


def until(at: datetime, now: datetime) -> When:
    """Tell how soon; of what should have been, since when."""
    return When(at, f"in {age(at - now)}" if at > now else f"due since {at:%H:%M:%S}")


def duration(seconds: float) -> str:
    """Write how long something took."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
