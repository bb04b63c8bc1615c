"""Each key of a target or a query: whether it makes another one at a reload is decided, and somebody goes by it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.model.application import Contract
from monitor.model.derivations import Derivation
from monitor.model.expressions import Constant
from monitor.model.for_each import ForEach
from monitor.model.load_limits import LoadLimits
from monitor.model.process_settings import (
    HeartbeatSettings,
    LogSettings,
    StateSettings,
    Web,
)
from monitor.model.schedules import Cron, Every
from monitor.model.settings import (
    ColumnName,
    Flavor,
    Job,
    Metric,
    Query,
    Receiver,
    Rule,
    SchemaColumns,
    Statement,
)
from monitor.model.targets import PasswordSource, Target, Tls
from monitor.model.walks import Cursor
from tests.support.harness import BALANCES, a_config

JOB = a_config(BALANCES).jobs[0]

CONNECTION, ANSWER, NEITHER = "connection and answer", "answer", "neither"

TARGET: Mapping[str, tuple[str, Any]] = {
    "name": (CONNECTION, "other"),
    "user": (CONNECTION, "other"),
    "database": (CONNECTION, "other"),
    "tls": (CONNECTION, Tls("required")),
    "host": (CONNECTION, "other"),
    "port": (CONNECTION, 1),
    "unix_socket": (CONNECTION, Path("other")),
    "password": (CONNECTION, PasswordSource(env="OTHER")),
    "max_connections": ("connection", 9),
    "labels": (NEITHER, {"other": "label"}),
    "max_replica_lag": (NEITHER, timedelta(hours=9)),
    "time_zone": (ANSWER, "+09:00"),
    "session": (CONNECTION, {"div_precision_increment": 9}),
    "load": (NEITHER, LoadLimits(share=0.9)),
    # What it is compared with is said by its query.
    "contract": (NEITHER, False),
}
"""On what each key of a target bears, and another value for it."""

QUERY: Mapping[str, tuple[str, Any]] = {
    "name": (ANSWER, "other"),
    "summary": (NEITHER, "Other"),
    "statement": (ANSWER, Statement("SELECT 9")),
    "schedule": (NEITHER, Cron("9 9 * * *")),
    "timeout": (NEITHER, timedelta(seconds=99)),
    "max_rows": (ANSWER, 99),
    "source": (ANSWER, Path("other")),
    "shipped": (ANSWER, not BALANCES.shipped),
    "variants": (ANSWER, {Flavor.MYSQL: Statement("SELECT 9")}),
    "parameters": (ANSWER, {"other": 9}),
    "needs": (ANSWER, (ColumnName("other", "other"),)),
    "metrics": (ANSWER, (Metric("other", "Other"),)),
    "rules": (NEITHER, ()),
    "walk": (ANSWER, Cursor("other", "other")),
    "schema": (ANSWER, SchemaColumns("t", "c", "m")),
    "contract": (ANSWER, Contract("t", "c", "k", "f")),
    "fallback": (ANSWER, Statement("SELECT 9")),
    "accounts": (ANSWER, Statement("SELECT 9")),
    "off_without_right": (ANSWER, True),
    "time_zone": (ANSWER, "+09:00"),
    "local_time": (ANSWER, ("NOW()",)),
    "for_each": (ANSWER, ForEach("name", "shop", 9, ("name",))),
    "derivation": (ANSWER, Derivation(Constant(9.0), "9", ())),
}


@pytest.mark.parametrize("key", [field.name for field in fields(Target)])
def test_it_is_decided_of_each_key_of_a_target_on_what_it_bears(key: str) -> None:
    assert key in TARGET, f"tests/model/test_settings.py: on what does {key} bear?"
    bears_on, value = TARGET[key]
    other = replace(JOB.target, **{key: value})
    assert other.is_reached_as(JOB.target) is ("connection" not in bears_on)
    assert Job(other, JOB.query).runs_as(JOB) is ("answer" not in bears_on)


@pytest.mark.parametrize("key", [field.name for field in fields(Query)])
def test_it_is_decided_of_each_key_of_a_query_whether_it_bears_on_a_run(
    key: str,
) -> None:
    assert key in QUERY, f"tests/model/test_settings.py: on what does {key} bear?"
    bears_on, value = QUERY[key]
    other = replace(JOB.query, **{key: value})
    assert Job(JOB.target, other).runs_as(JOB) is (bears_on == NEITHER)


ROOT = Path(__file__).parent.parent.parent
# These only hand a value on.
HANDED_ON_IN = ("model", "config")
VALUES = (
    *(Target, Tls, Query, Every, Cron, SchemaColumns, Metric, Rule, Receiver),
    *(Web, HeartbeatSettings, LogSettings, StateSettings),
)


def names_read() -> set[str]:
    """Return every attribute that is read where values are gone by, and not only handed on."""
    names: set[str] = set()
    for path in (ROOT / "monitor").rglob("*.py"):
        if path.relative_to(ROOT).parts[1] not in HANDED_ON_IN:
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            names.update(node.attr for node in nodes if isinstance(node, ast.Attribute))
    return names


def test_somebody_goes_by_each_field_that_comes_from_a_key() -> None:
    read = names_read()
    idle = [
        f"{value.__name__}.{field.name}"
        for value in VALUES
        for field in fields(value)
        if field.name not in read
    ]
    assert not idle, f"nobody outside of {' and '.join(HANDED_ON_IN)} goes by {idle}"
