"""What counts from the opening of a rule's hours on has to fit into them, or it would never be over; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from monitor.config.queries.schema import RuleSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.timing.durations import format_duration


def check_hours(checked: RuleSchema, section: Section, problems: Problems) -> None:
    """Note what a rule waits for longer than it is ever active at a stretch."""
    longest = None if checked.active is None else checked.active.longest
    if longest is None:
        return
    waits = (
        ("for", "fires", _longest_hold(checked)),
        ("keep_firing_for", "resolves", checked.keep_firing_for),
    )
    room = format_duration(longest)
    for key, end, length in waits:
        if length < longest:
            continue
        given = format_duration(length)
        message = (
            f"{given} begins anew at each opening, and the rule is active for {room} at a stretch,"
            f" so that it never {end}; allowed: below {room}, or longer hours in active"
        )
        problems.add(section.origin(key), message)


def _longest_hold(checked: RuleSchema) -> timedelta:
    """Return the `for`, the longest where severities have their own."""
    hold = checked.for_
    if isinstance(hold, Mapping):
        return max(hold.values(), default=timedelta(0))
    return hold  # type: ignore[no-any-return]  # checked by its validator
