"""What the demo prints: a story that fits the terminal, and the monitor's log in a file."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from pathlib import Path

import pytest

from monitor.demo.output import DemoConsole, DemoStop, MonitorLog

SUMMARY = (
    "The column users.tokens_remaining is missing on demo since 2026-11-28 21:22:07 UTC"
)
LOOK = "where to look: http://127.0.0.1:46863/, docs/runbooks/column-missing.md"


def on_a_terminal(columns: int, text: str, *details: str) -> list[str]:
    """Print it on a terminal of this width; returns its lines as they come out."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(inner, "w", encoding="utf-8") as out:
        DemoConsole(out, DemoStop(), columns=columns).print(text, *details, mood="bad")
        out.flush()
        written = os.read(outer, 100_000).decode()
    os.close(outer)
    return written.splitlines()


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_no_line_is_wider_than_it_and_no_word_is_lost(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = on_a_terminal(
        columns, "webhook received: firing TokenColumnMissing", SUMMARY, LOOK
    )
    assert max(map(len, lines)) < columns
    assert lines[0].startswith("demo: webhook received: ")
    words = " ".join(line.strip() for line in lines[1:])
    assert words == f"{SUMMARY} {LOOK}"


def test_into_a_file_each_thing_is_one_line_without_colours() -> None:
    out = io.StringIO()
    DemoConsole(out, DemoStop()).print("MENDED", SUMMARY * 3, mood="good")
    assert out.getvalue() == f"demo: MENDED\n          {SUMMARY * 3}\n"


def test_a_reader_that_went_away_ends_the_demo() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stop = DemoStop()
    out = os.fdopen(writer, "w")
    DemoConsole(out, stop).print("more")
    assert stop.is_set
    with pytest.raises(BrokenPipeError):
        out.close()


@pytest.mark.parametrize(
    ("form", "shown"), [(None, ""), ("json", '{"event":"run.failed"}\n')]
)
def test_the_monitors_log_is_in_a_file_and_shown_only_where_it_was_asked_for(
    form: str | None, shown: str, tmp_path: Path
) -> None:
    out = io.StringIO()
    log = MonitorLog(tmp_path / "monitor.log", DemoConsole(out, DemoStop()), form)
    log.add('{"event":"run.failed"}')
    assert log.path.read_text() == '{"event":"run.failed"}\n'
    assert out.getvalue() == shown
    log.show_end()
    assert out.getvalue() == (shown or '    {"event":"run.failed"}\n')
    log.close()
