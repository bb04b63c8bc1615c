"""What the log tells of a query that reads forward."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from monitor.daemon.cursor_news import cursor_news
from monitor.model.cursor_position import CursorPosition, WindowRead
from monitor.model.ledger import LedgerMemory, LedgerPosition
from monitor.model.positions import Position

_COUNTED = CursorPosition("cursor t.id", 7, 120, late_rows=2)
_UNFIT = replace(_COUNTED, windows=WindowRead("t.id is not unique", datetime.now(UTC)))


def events(before: Position | None, after: Position | None) -> list[str]:
    return [one.event for one in cursor_news(before, after)]


def test_an_ordinary_run_is_no_news() -> None:
    assert events(None, None) == []
    assert events(None, replace(_COUNTED, late_rows=0)) == []
    assert events(_COUNTED, replace(_COUNTED, serial=8, until=130)) == []
    assert events(_UNFIT, _UNFIT) == []


def test_a_table_that_was_truncated_late_rows_and_an_unfit_column_are_news() -> None:
    (restarted,) = cursor_news(_COUNTED, replace(_COUNTED, until=0, restarts=1))
    assert restarted.fields == {"was_until": 120, "until": 0}
    (corrected,) = cursor_news(_COUNTED, replace(_COUNTED, late_rows=5))
    assert corrected.fields == {"late_rows": 3}
    (refused,) = cursor_news(_COUNTED, _UNFIT)
    assert (refused.event, refused.fields["message"]) == (
        "cursor.refused",
        "t.id is not unique",
    )
    assert events(_UNFIT, _COUNTED) == ["cursor.accepted"]


def test_windows_that_are_left_out_are_news_once_and_that_they_are_back() -> None:
    left_out = replace(_COUNTED, unread_ids=70)
    (delayed,) = cursor_news(_COUNTED, left_out)
    assert (delayed.event, delayed.fields) == ("cursor.delayed", {"unread_ids": 70})
    assert events(left_out, replace(left_out, unread_ids=90)) == []
    assert events(left_out, _COUNTED) == ["cursor.reached"]


def test_gaps_that_are_not_kept_are_news_when_that_begins() -> None:
    crowded = replace(_COUNTED, dropped_gaps=40, dropped_last=40)
    (dropped,) = cursor_news(_COUNTED, crowded)
    assert (dropped.event, dropped.fields) == ("cursor.dropped", {"gaps": 40})
    assert events(crowded, replace(crowded, dropped_gaps=60, dropped_last=20)) == []
    assert events(crowded, replace(crowded, dropped_last=0)) == []


def test_a_column_by_which_a_ledger_cannot_read_is_news() -> None:
    fit = LedgerPosition("ledger t.id", 1, LedgerMemory(datetime.now(UTC)))
    unfit = replace(fit, unfit="t.id is not unique")
    assert events(None, fit) == events(fit, fit) == events(unfit, unfit) == []
    assert events(None, unfit) == events(fit, unfit) == ["cursor.refused"]
    assert events(unfit, fit) == ["cursor.accepted"]
