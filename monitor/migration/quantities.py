"""Read numbers out of items of YAML, in quotes too; what is none is told, and taken as not there."""

from __future__ import annotations

import re
from typing import Final

from monitor.migration.reading import text_of
from monitor.migration.report import ImportReport
from monitor.migration.yaml_tree import Item

_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER: Final = re.compile(
    r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?"
)
"""Without what is infinite, which is no constant."""


def whole_number_of(item: Item, wanted: range, report: ImportReport) -> int | None:
    """Return a number within a range, in quotes too; None where there is none, and of all else, which is told."""
    text = text_of(item, report).strip()
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text) and int(text) in wanted:
        return int(text)
    message = (
        f'"{text}" is no number from {wanted[0]} to {wanted[-1]}, so it was left out'
    )
    report.left(item.origin, message)
    return None


def number_of(item: Item) -> float | None:
    """Return the number that a value is, in quotes too; None where it is none."""
    text = str(item.text).strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None
