"""What may be the name of a label; pure."""

from __future__ import annotations

import re
from typing import Final

LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
EMPTY_LABEL: Final = "is empty, and an empty label is no label"
"""To Prometheus a label without a value is the same as none."""
RESERVED_LABELS: Final = frozenset(
    {"alertname", "severity", "target", "job", "instance", "le", "quantile"}
)
"""What the monitor, a scrape and Prometheus's own types set."""


def grammar_fault(name: str) -> str | None:
    """Return why a name is not one for Prometheus, or None where it is."""
    if LABEL_NAME.fullmatch(name) is not None:
        return None
    return (
        f'"{name}" is not a label name; allowed: letters, digits and _, no digit first'
    )


def label_fault(name: str) -> str | None:
    """Return why a name cannot be a label of ours, or None where it can."""
    fault = grammar_fault(name)
    if fault is not None:
        return fault
    # Two underscores in front are Prometheus's own: __name__, __address__.
    is_reserved = name.startswith("__") or name in RESERVED_LABELS
    if not is_reserved:
        return None
    other = name.strip("_") or "name"
    return f'label "{name}" is reserved; call it something else, such as "own_{other}"'
