"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Align columns; the last one is left as long as it is."""
    every = [list(header)] if header else []
    every.extend(list(row) for row in rows)
    if not every:
        return ""
    widths = [max(len(row[index]) for row in every) for index in range(len(every[0]))]
    lines = []
    for row in every:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def indented(text: str, by: int = 4) -> str:
    """Move every line of a text to the right."""
    return "\n".join(" " * by + line if line else "" for line in text.splitlines())
