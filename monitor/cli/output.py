"""What the commands print: lines on stdout, tables, and texts of which no terminal takes harm."""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Collection, Iterable, Sequence

import click

from monitor.model.wording import escaped

_WIDTH_WITHOUT_TERMINAL = 120


def say(text: str) -> None:
    """Print a result to stdout, also where the terminal's encoding lacks some of its characters.

    A reader that went away (`| head -1`) is no error: what counts is the exit code.
    """
    encoding = sys.stdout.encoding or "utf-8"
    with contextlib.suppress(OSError):
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def table(
    rows: Iterable[Sequence[str]],
    header: Sequence[str] = (),
    *,
    right: Collection[int] = (),
) -> str:
    """Align columns, those in `right` by their ends; the last one is left as long as it is."""
    every = [
        [plain(cell, one_line=True) for cell in row]
        for row in ([header] if header else [])
    ]
    every.extend([plain(cell, one_line=True) for cell in row] for row in rows)
    if not every:
        return ""
    widths = [
        max(_width(row[index]) for row in every) for index in range(len(every[0]))
    ]
    return "\n".join(_line(row, widths, right) for row in every)


def records(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    """Show each row as a block with a line for each column: for rows that are too wide for a table."""
    longest = max((_width(name) for name in header), default=0)
    blocks = []
    for number, row in enumerate(rows, start=1):
        lines = [f"-- row {number}"]
        for name, cell in zip(header, row, strict=True):
            first, *more = plain(cell).splitlines() or [""]
            lines.append(f"{_padded(name, longest)}  {first}".rstrip())
            lines.extend(f"{' ' * longest}  {line}".rstrip() for line in more)
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def table_or_records(
    rows: Sequence[Sequence[str]], header: Sequence[str], *, right: Collection[int] = ()
) -> str:
    """Show rows as a table where it fits the terminal, else one below the other."""
    shown = table(rows, header, right=right)
    is_long = any("\n" in cell for row in rows for cell in row)
    is_wide = max(_width(line) for line in shown.splitlines()) > terminal_width()
    return records(rows, header) if rows and (is_long or is_wide) else shown


def terminal_width() -> int:
    """Tell how many columns the terminal has, or COLUMNS says."""
    return shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns


def indented(text: str, by: int = 4) -> str:
    """Move every line of a text to the right."""
    return "\n".join(" " * by + line if line else "" for line in text.splitlines())


def wrapped(text: str, by: int = 4) -> str:
    """Break a text of one paragraph into lines that can be read, moved to the right."""
    width = min(terminal_width(), _WIDTH_WITHOUT_TERMINAL)
    lines = textwrap.wrap(
        plain(text, one_line=True), max(width - by, 20), break_on_hyphens=False
    )
    return indented("\n".join(lines), by)


def plain(text: str, *, one_line: bool = False) -> str:
    """Write what a terminal would obey as escapes: what a database holds may have been put there."""
    return escaped(text, kept="" if one_line else "\n")


def _line(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    last = len(row) - 1
    cells = [
        " " * (width - _width(cell)) + cell
        if at in right
        else (cell if at == last else _padded(cell, width))
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Count the columns that a terminal needs: two for East Asian ones, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c)
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )
