"""What people read of the log: short lines, the date once, alerts in two lines, colour where it is wanted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from monitor.telemetry.console import Console, is_coloured

AT = "2026-11-28T21:04:23.311000Z"
ALERT: dict[str, Any] = {
    "timestamp": AT,
    "level": "error",
    "event": "alert.fired",
    "alertname": "TokenColumnMissing",
    "fingerprint": "d0c5",
    "severity": "critical",
    "target": "main",
    "labels": {
        "alertname": "TokenColumnMissing",
        "column": "tokens_remaining",
        "severity": "critical",
        "table": "users",
        "target": "main",
    },
    "annotations": {
        "summary": "The column users.tokens_remaining is missing",
        "runbook": "column-missing",
    },
    "value": 1,
    "active_at": "2026-11-28T21:04:20.000000Z",
    "evidence": [{"user_id": 4711}],
}


def lines(*events: dict[str, Any], is_coloured: bool = False) -> list[str]:
    console = Console(is_coloured=is_coloured)
    return [
        line for event in events for line in console.line(event).decode().splitlines()
    ]


def test_an_event_is_a_short_line_and_the_date_stands_above_the_day() -> None:
    event = {
        "timestamp": AT,
        "level": "warning",
        "event": "run.failed",
        "target": "main",
        "code": 1054,
    }
    event |= {
        "query": "balances",
        "message": "two words",
        "took_seconds": 0.12345678,
        "repeated": 3,
        "reason": None,
    }
    assert lines(event, event, {**event, "timestamp": "2026-11-29T00:00:01Z"}) == [
        "-- 2026-11-28, times are UTC --",
        "21:04:23 warning  run.failed         main/balances: two words took_seconds=0.123 repeated=3",
        "21:04:23 warning  run.failed         main/balances: two words took_seconds=0.123 repeated=3",
        "-- 2026-11-29, times are UTC --",
        "00:00:01 warning  run.failed         main/balances: two words took_seconds=0.123 repeated=3",
    ]


def test_an_alert_is_two_lines_what_it_is_and_which_since_when_and_what_to_do() -> None:
    assert lines(ALERT)[1:] == [
        "21:04:23 FIRED    critical TokenColumnMissing on main: The column users.tokens_remaining is missing",
        "         column=tokens_remaining table=users · since 21:04:20 · do: runbook column-missing",
    ]


def test_a_link_to_the_runbook_is_shown_and_without_one_what_explains_the_alert() -> (
    None
):
    url = "https://wiki.example.com/runbooks/column-missing"
    linked = {**ALERT, "annotations": {"runbook_url": url}, "since_at_least": True}
    assert lines(linked)[2].endswith(f" · since at least 21:04:20 · do: {url}")
    assert lines({**ALERT, "annotations": {}})[2].endswith(
        "· why: token-monitor explain TokenColumnMissing"
    )


def test_what_is_over_says_for_how_long_it_fired_and_no_repair() -> None:
    past = {"summary": "The column users.tokens_remaining was missing, for 14s"}
    over = {
        **ALERT,
        "level": "info",
        "event": "alert.resolved",
        "fired_seconds": 14.2,
        "annotations": past,
    }
    assert lines(over)[1] == (
        "21:04:23 RESOLVED critical TokenColumnMissing on main:"
        " The column users.tokens_remaining was missing, for 14s"
    )
    assert (
        lines(over)[2]
        == "         column=tokens_remaining table=users · fired for 14.2 s"
    )
    assert lines({**over, "resolve_reason": "rule_removed"})[2].endswith(
        "fired for 14.2 s · rule_removed"
    )


def test_what_is_of_use_to_a_program_alone_is_left_out_and_long_lists_are_counted() -> (
    None
):
    event = {
        "timestamp": AT,
        "level": "info",
        "event": "monitor.started",
        "repeated": 1,
        "code": 7,
    }
    event |= {
        "targets": ["main", "b c"],
        "queries": list("abcdef"),
        "receivers": [],
        "seconds": 0.25,
    }
    assert lines(event)[1:] == [
        '21:04:23 info     monitor.started    targets=main,"b c" queries=6 receivers=0 seconds=0.25'
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_lines_are_broken_between_words_to_its_width(
    columns: int,
) -> None:
    event = {
        "timestamp": AT,
        "level": "warning",
        "event": "run.failed",
        "target": "main",
        "query": "q",
    }
    event |= {"message": "Unknown column 'u.tokens_remaining' in 'SELECT' " * 3}
    for one in (ALERT, event):
        console = Console(is_coloured=False, columns=lambda: columns)
        broken = console.line(one).decode().splitlines()[1:]
        assert max(map(len, broken)) < columns
        whole = Console(is_coloured=False).line(one).decode().splitlines()[1:]
        assert " ".join(broken).split() == " ".join(whole).split()
        assert all(line.startswith(" " * 9) for line in broken[1:])


def test_a_trace_follows_its_event() -> None:
    event = {
        "timestamp": AT,
        "level": "error",
        "event": "pipeline.failed",
        "exception": "Traceback\n  x\n",
    }
    assert lines(event)[1:] == ["21:04:23 error    pipeline.failed", "Traceback", "  x"]


def test_nothing_of_a_database_steers_the_terminal() -> None:
    hostile = {**ALERT, "annotations": {"summary": "a\x1b[2Jb\x9bc\u202ed\u2028e\nf"}}
    for coloured in (False, True):
        text = "".join(
            lines({**hostile, "alertname": "A\x1b[1m"}, is_coloured=coloured)
        )
        without_colours = re.sub(r"\x1b\[[0-9;]+m", "", text) if coloured else text
        assert without_colours.isprintable()
        assert "\x1b[2J" not in text


def test_colours_change_no_character_of_what_is_said() -> None:
    plain, coloured = lines(ALERT), lines(ALERT, is_coloured=True)
    assert coloured != plain
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain


@pytest.mark.parametrize(
    ("environ", "is_terminal", "expected"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colour_is_for_terminals_unless_somebody_says_otherwise(
    environ: dict[str, str], is_terminal: bool, expected: bool
) -> None:
    assert is_coloured(environ, is_terminal=is_terminal) is expected
