"""The silences as they are kept: one row of JSON for each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from monitor.model.label_matchers import LabelMatcher, MatchOperator, a_matcher
from monitor.model.silences import Silence, Silences
from monitor.storage.rows import insert_into
from monitor.storage.serialization import (
    UnreadableError,
    instant_to_text,
    text_to_instant,
    text_to_json,
)

SILENCE_COLUMNS = ("number", "silence")
"""The number keeps them in the order in which they were made."""
_INSERT = insert_into("silences", SILENCE_COLUMNS)


def write_silences(connection: sqlite3.Connection, silences: Silences) -> None:
    """Write the silences, in place of all that were."""
    rows = [
        (number, json.dumps(_record(one)))
        for number, one in enumerate(silences.values())
    ]
    connection.execute("DELETE FROM silences")
    connection.executemany(_INSERT, rows)


def row_to_silence(row: Sequence[Any]) -> Silence:
    """Read a row of `silences`; UnreadableError."""
    _number, text = row
    record = text_to_json(text)
    try:
        return _silence(record)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from None


def _record(silence: Silence) -> dict[str, object]:
    return {
        "id": silence.id,
        "matchers": [
            [one.label, one.operator.value, one.value] for one in silence.matchers
        ],
        "starts_at": instant_to_text(silence.starts_at),
        "ends_at": instant_to_text(silence.ends_at),
        "updated_at": instant_to_text(silence.updated_at),
        "by": silence.by,
        "comment": silence.comment,
        "is_started": silence.is_started,
        "is_over": silence.is_over,
    }


def _silence(record: Any) -> Silence:
    return Silence(
        str(record["id"]),
        tuple(_matcher(one) for one in record["matchers"]),
        text_to_instant(record["starts_at"]),
        text_to_instant(record["ends_at"]),
        text_to_instant(record["updated_at"]),
        str(record["by"]),
        str(record["comment"]),
        bool(record["is_started"]),
        bool(record["is_over"]),
    )


def _matcher(parts: Any) -> LabelMatcher:
    label, operator, value = parts
    return a_matcher(str(label), MatchOperator(operator), str(value))
