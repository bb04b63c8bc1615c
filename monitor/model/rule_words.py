"""Write a rule as a person reads it: what it judges, beyond what it fires, after how long; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from monitor.model.detectors import judged_words
from monitor.model.populations import words_of
from monitor.model.rules import Rule, SeverityLevel
from monitor.timing.durations import format_duration

_AT_ONCE: Final = " at once"


def condition_words(rule: Rule) -> str:
    """Return what a rule judges and when it fires, with its severities where it has several."""
    exact = [f' {name}="{value}"' for name, value in rule.where]
    where = "".join([*exact, *rule.pattern_words])
    levels = [_level(level, rule) for level in rule.levels]
    return f"{rule.metric}{where} {', '.join(levels)}"


def firing_words(rule: Rule) -> str:
    """Return when a rule fires, as a sentence goes on behind "fires"."""
    words = condition_words(rule)
    if rule.louder or not words.endswith(_AT_ONCE):
        return f"when {words}"
    return f"as soon as {words.removesuffix(_AT_ONCE)}"


def _level(level: SeverityLevel, rule: Rule) -> str:
    severity = str(level.severity) if rule.louder else ""
    words = [
        severity,
        judged_words(rule.detector),
        level.condition.words,
        words_of(rule.population),
        _hold(level.hold),
    ]
    return " ".join(filter(None, words))


def _hold(hold: timedelta) -> str:
    """Return after how long it fires."""
    if not hold:
        return _AT_ONCE.strip()
    length = format_duration(hold)
    return f"for {length}"
