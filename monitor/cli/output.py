"""What the commands print: lines on stdout, tables, and texts of which no terminal takes harm."""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence

import click
import orjson

from monitor.cli.columns import aligned, width_of
from monitor.cli.tints import tinted
from monitor.model.wording import escaped

_WIDTH_WITHOUT_TERMINAL = 120
"""Into a pipe or a file; also the widest paragraph that one reads with ease."""
_GAP = "  "
"""Between two columns."""


def echo(text: str) -> None:
    """Print a result to stdout, also where the terminal's encoding lacks some of its characters.

    A reader that went away (`| head -1`) is not an error: what counts is the exit code.
    """
    # A terminal may take Latin-1 or ASCII alone; to fail on a … would lose the whole result.
    encoding = sys.stdout.encoding or "utf-8"
    with contextlib.suppress(OSError):
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def echo_json(value: object) -> None:
    """Print a value as JSON for programs and people: indented, instants as RFC 3339."""
    echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def table(
    rows: Iterable[Sequence[str]],
    header: Sequence[str],
    *,
    right: Collection[int] = (),
    tints: Collection[int] = (),
) -> str:
    """Align columns, those in `right` by their ends; every row has as many cells as the header.

    The columns in `tints` say how bad it is: on a terminal in colours.
    """
    columns = []
    for number, cells in enumerate(zip(header, *rows, strict=True)):
        column = [plain_line(cell) for cell in cells]
        column = aligned(column, is_right=number in right)
        if number in tints:
            column = tinted(column)
        columns.append(column)
    lines = [_GAP.join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join(lines)


def records(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    """Show each row as a block with a line for each column: for rows that are too wide for a table."""
    names = aligned(header)
    lines = []
    for number, row in enumerate(rows, start=1):
        lines.append(f"-- row {number}")
        for name, cell in zip(names, row, strict=True):
            lines.extend(_field_lines(name, cell))
    return "\n".join(lines)


def _field_lines(name: str, cell: str) -> Iterator[str]:
    """Write a cell behind its name; the further lines of its text below the first one."""
    margin = " " * width_of(name)
    head = name
    for line in plain(cell).splitlines() or [""]:
        yield f"{head}{_GAP}{line}".rstrip()
        head = margin


def table_or_records(
    rows: Sequence[Sequence[str]], header: Sequence[str], *, right: Collection[int] = ()
) -> str:
    """Show rows as a table where it fits the terminal, else one below the other."""
    shown = table(rows, header, right=right)
    if not rows:
        return shown
    has_lines = any("\n" in "".join(row) for row in rows)
    widest = max(shown.splitlines(), key=width_of)
    if has_lines or width_of(widest) > terminal_width():
        return records(rows, header)
    return shown


def terminal_width() -> int:
    """Return how many columns the terminal has, or COLUMNS says."""
    return shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns


def indented(text: str, by: int = 4) -> str:
    """Move every line of a text to the right."""
    margin = " " * by
    lines = [margin + line if line else "" for line in text.splitlines()]
    return "\n".join(lines)


def wrapped(text: str, by: int = 4) -> str:
    """Break a text of one paragraph into lines that can be read, moved to the right."""
    width = min(terminal_width(), _WIDTH_WITHOUT_TERMINAL)
    lines = textwrap.wrap(plain_line(text), max(width - by, 20), break_on_hyphens=False)
    return indented("\n".join(lines), by)


def first_lines(lines: Sequence[str], count: int) -> list[str]:
    """Return the first lines, and a line that says how many more there are."""
    if len(lines) <= count:
        return list(lines)
    return [*lines[:count], f"  … and {len(lines) - count} more"]


def label_pairs(labels: Iterable[tuple[str, str]]) -> str:
    """Write labels as PromQL does between braces."""
    return ",".join(f'{name}="{plain(value)}"' for name, value in labels)


def plain(text: str) -> str:
    """Write what a terminal would obey as escapes: what a database holds may have been put there."""
    return escaped(text, kept="\n")


def plain_line(text: str) -> str:
    """Write the same as one line: line ends are escaped too."""
    return escaped(text)
