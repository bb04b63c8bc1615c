"""What the answer of a far end means: taken, tried again and when, or given up; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from monitor.model.errors import DeliveryError
from monitor.notify.backoff import bounded_retry_after, retry_after_seconds

# Refusals that end when somebody replaces a token or a route, or that pass; other 4xx mean the body.
_FIXABLE: Final = frozenset({401, 403, 404, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """An answer as it came: its status, the beginning of its body, and its Retry-After."""

    status: int
    text: str
    """May repeat secrets of what was sent, so it is only looked at, never shown."""
    retry_after: str | None = None

    @property
    def is_object(self) -> bool:
        """Return whether it seems to be an object in JSON."""
        beginning = self.text.lstrip()[:1]
        return beginning == "{"

    @property
    def is_page(self) -> bool:
        """Return whether it seems to be a web page."""
        beginning = self.text.lstrip()[:1]
        return beginning == "<"


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """How one service says what HTTP alone does not: which refusals somebody can end, and when to come again."""

    service: str = ""
    taken: frozenset[int] = frozenset(range(200, 300))
    """The statuses by which it says that it has the message."""
    is_page_taken: bool = True
    """Whether a web page can be its answer; if not, it is one of something on the way."""
    fixable: frozenset[int] = frozenset()
    """Statuses that mean the address or the channel, beside those that always do."""
    fixable_words: tuple[str, ...] = ()
    """Words, in small letters, by which a refusal means what the receiver is set up with, not the message."""
    gone: frozenset[int] = frozenset()
    """Statuses that say, with an object in JSON, that what a request would end is not there: it is done."""
    retry_after: tuple[str, ...] = ()
    """The names that lead to the seconds to wait in the JSON of its body."""


ANY_SERVICE: Final = AnswerRules()
"""What HTTP says, and no more."""


def require_taken(
    answer: ServiceAnswer, shown: str, rules: AnswerRules, now: datetime
) -> None:
    """Raise DeliveryError for any answer but a yes; `shown` is what it says, without secrets."""
    status = answer.status
    if 200 <= status < 300:
        _require_from_service(answer, rules)
        return
    if status in rules.gone and answer.is_object:
        return
    if 300 <= status < 400:
        raise DeliveryError(
            "redirect", f"HTTP {status}, redirects are not followed", recoverable=True
        )
    raise DeliveryError(
        f"http_{status}",
        f"HTTP {status}: {shown}" if shown else f"HTTP {status}",
        recoverable=not _is_final(answer, rules),
        retry_after_seconds=_retry_after(answer, rules, now),
    )


def _require_from_service(answer: ServiceAnswer, rules: AnswerRules) -> None:
    """Raise DeliveryError for a 2xx that something on the way gave in the service's place."""
    status = answer.status
    fault = ""
    if status not in rules.taken:
        codes = ", ".join(str(code) for code in sorted(rules.taken))
        fault = f"where {rules.service} says {codes}"
    elif answer.is_page and not rules.is_page_taken:
        fault = f"a web page, which is not an answer of {rules.service}"
    if fault:
        raise DeliveryError(
            f"http_{status}", f"HTTP {status}, {fault}", recoverable=True
        )


def _is_final(answer: ServiceAnswer, rules: AnswerRules) -> bool:
    """Return whether the same request will be refused for ever."""
    status = answer.status
    if not 400 <= status < 500 or status in _FIXABLE | rules.fixable:
        return False
    text = answer.text.lower()
    return not any(word in text for word in rules.fixable_words)


def _retry_after(
    answer: ServiceAnswer, rules: AnswerRules, now: datetime
) -> float | None:
    """Return for how long the far end asks to be left alone; of two numbers the longer."""
    asked = (retry_after_seconds(answer.retry_after, now), _in_body(answer.text, rules))
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _in_body(text: str, rules: AnswerRules) -> float | None:
    """Read the seconds to wait from a body in JSON; None where it does not say them."""
    if not rules.retry_after:
        return None
    try:
        found: Any = json.loads(text)
        for name in rules.retry_after:
            found = found[name]
        return bounded_retry_after(float(found))
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
