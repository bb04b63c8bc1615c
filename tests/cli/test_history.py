"""All that a transition says is kept by the state, and shown by `history` in both of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.cli.history import transition_as_json, transition_row
from monitor.model.alerts import Alert, AlertState, Change, Scope, Transition
from monitor.model.settings import Severity
from monitor.storage.file_names import MEMORY
from monitor.storage.history import (
    TransitionRow,
    insert_transitions,
    row_to_transition,
)
from monitor.storage.opening import open_database
from monitor.storage.rows import column_list
from tests.support.harness import START

ALERT = Alert(
    Scope("Low", "main", "balances"),
    (("alertname", "Low"),),
    Severity.INFO,
    AlertState.FIRING,
    1.0,
    START,
    fired_at=START,
)
TRANSITION = Transition(Change.FIRED, ALERT, START)
OTHER: Mapping[str, Any] = {
    "change": Change.PENDING,
    "alert": replace(ALERT, severity=Severity.CRITICAL),
    "at": START + timedelta(hours=1),
}
"""Another value for each field of a transition."""


def kept(transition: Transition) -> Transition:
    """Return a transition as the state gives it back."""
    columns = column_list(TransitionRow._fields)
    with closing(open_database(MEMORY)) as connection:
        insert_transitions(connection, [transition])
        (row,) = connection.execute(f"SELECT {columns} FROM transitions")
    return row_to_transition(row)


@pytest.mark.parametrize("name", [field.name for field in fields(Transition)])
def test_each_field_of_a_transition_is_kept_and_shown(name: str) -> None:
    assert name in OTHER, f"tests/cli/test_history.py: OTHER lacks {name}"
    other = replace(TRANSITION, **{name: OTHER[name]})
    assert getattr(kept(other), name) == OTHER[name], (
        f"storage/history.py does not write or read {name}"
    )
    assert transition_row(other) != transition_row(TRANSITION), (
        f"cli/history.py: the table does not show {name}"
    )
    assert transition_as_json(other) != transition_as_json(TRANSITION), (
        f"cli/history.py: the JSON does not have {name}"
    )
