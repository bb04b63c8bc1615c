"""Colours of tables: where there is a terminal that shows them, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

_SHOWS = """
from monitor.cli.output import echo, table
rows = [("critical", "a\\x1b[31m"), ("ok", "b"), ("warning: late", "c"), ("other", "critical")]
echo(table(rows, ("STATE", "critical"), tints={0}))
"""
PLAIN = """STATE          critical
critical       a\\x1b[31m
ok             b
warning: late  c
other          critical
"""
RED, GREEN, YELLOW, END = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def on_a_terminal(**environ: str) -> str:
    """Return what a real terminal is sent."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", _SHOWS],
            stdout=theirs,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environ},
            cwd=Path(__file__).parents[2],
            check=True,
            timeout=60,
        )
        return os.read(ours, 10_000).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_shows_how_bad_it_is_in_colours_and_takes_none_from_the_data() -> (
    None
):
    lines = on_a_terminal().splitlines()
    assert lines == [
        "STATE          critical",
        f"{RED}critical     {END}  a\\x1b[31m",
        f"{GREEN}ok           {END}  b",
        f"{YELLOW}warning: late{END}  c",
        "other          critical",
    ]


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_who_wants_no_colours_gets_none(environ: dict[str, str]) -> None:
    assert on_a_terminal(**environ) == PLAIN


def test_a_pipe_gets_no_colours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SHOWS],
        capture_output=True,
        text=True,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=60,
    )
    assert done.stdout == PLAIN
