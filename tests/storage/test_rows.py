"""What is written beside the tables agrees with them: a column that was forgotten in one place is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from monitor.model.alerts import Alert
from monitor.storage.alert_writer import AlertRecord
from monitor.storage.deploys import DEPLOY_COLUMNS
from monitor.storage.file_names import MEMORY
from monitor.storage.history import DeliveryRow, TransitionRow
from monitor.storage.last_results import LastResultRow
from monitor.storage.opening import open_database
from monitor.storage.outbox import OutboxRow
from monitor.storage.positions import POSITION_COLUMNS
from monitor.storage.rule_memories import MEMORY_COLUMNS
from monitor.storage.schema import TABLES
from monitor.storage.serialization import FIELDS
from monitor.storage.silences import SILENCE_COLUMNS
from monitor.storage.trends import POINT_COLUMNS, SERIES_COLUMNS
from tests.storage.older_state import OLDER_VERSIONS, make_older_state

ROWS = {
    "alerts": AlertRecord._fields,
    "transitions": TransitionRow._fields,
    "outbox": OutboxRow._fields,
    "deliveries": DeliveryRow._fields,
    "marks": ("name", "at"),
    "last_results": LastResultRow._fields,
    "positions": POSITION_COLUMNS,
    "memories": MEMORY_COLUMNS,
    "deploys": DEPLOY_COLUMNS,
    "silences": SILENCE_COLUMNS,
    "trend_series": SERIES_COLUMNS,
    "trend_points": POINT_COLUMNS,
}


def columns_in(path: str) -> Iterator[tuple[str, list[str]]]:
    with closing(open_database(path)) as connection:
        for table in TABLES:
            found = connection.execute(f"PRAGMA table_info({table})")
            yield table, [name for _, name, *_ in found]


def test_a_row_has_the_columns_of_its_table() -> None:
    for table, columns in columns_in(MEMORY):
        written = set(ROWS[table])
        assert set(columns) - {"id"} == written, f"schema.py and the row of {table}"
    assert set(ROWS) == set(TABLES), "schema.TABLES names other tables than have rows"


@pytest.mark.parametrize("version", OLDER_VERSIONS)
def test_the_steps_from_an_older_version_make_the_tables_of_this_one(
    version: str, tmp_path: Path
) -> None:
    path = make_older_state(tmp_path, version)
    renewed = dict(columns_in(str(path)))
    for table, columns in columns_in(MEMORY):
        assert set(renewed[table]) == set(columns), f"schema._STEPS leaves out {table}"


def test_each_field_of_an_alert_is_written_and_read() -> None:
    computed = {"fingerprint"}
    stated = {field.name for field in fields(Alert)} - computed
    assert set(FIELDS) == stated, (
        "serialization.FIELDS lacks a field of Alert, or has more"
    )
