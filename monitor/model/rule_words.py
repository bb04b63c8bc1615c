"""Write a rule as a person reads it: what it judges, beyond what it fires, after how long; pure."""

from __future__ import annotations

from datetime import timedelta

from monitor.model.detectors import judged_words
from monitor.model.populations import words_of
from monitor.model.rules import Rule, SeverityLevel
from monitor.timing.durations import format_duration


def condition_words(rule: Rule) -> str:
    """Return what a rule judges and when it fires, with its severities where it has several."""
    exact = [f' {name}="{value}"' for name, value in rule.where]
    where = "".join([*exact, *rule.pattern_words])
    levels = [_level(level, rule) for level in rule.levels]
    return f"{rule.metric}{where} {', '.join(levels)}"


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
        return "at once"
    length = format_duration(hold)
    return f"for {length}"
