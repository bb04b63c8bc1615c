"""`explains_where` of a rule: which values of which labels its alerts explain in those of others; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.model.cause_graph import Claims

_OF_EVERY_ALERT: Final = frozenset({"alertname", "severity", "target"})


def claims_of(where: Mapping[str, list[str]]) -> Claims:
    """Return which values of which labels a cause explains, by the labels' names."""
    values = map(tuple, where.values())
    return tuple(sorted(zip(where, values, strict=True)))


def claim_fault(name: str, values: list[str]) -> str | None:
    """Return what is wrong with the values of a label that a cause explains; None where nothing is."""
    if name in _OF_EVERY_ALERT:
        return "is a label of every alert, which explains says already"
    if not values:
        return "has no value: nothing would be explained"
    return None
