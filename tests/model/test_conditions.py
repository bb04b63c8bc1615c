"""The table of conditions: it is complete, and what it says of each is tried on a value that holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from monitor.config.queries.schema import RuleSchema
from monitor.model.conditions import CONDITIONS, Condition, ConditionKind

ROOT = Path(__file__).parent.parent.parent
VALUES = (4.0, 5.0, 6.0, math.nan)

FOUND: Mapping[ConditionKind, str] = {
    "above": "6",
    "below": "4",
    "equals": "5",
    "not_equals": "4 6 nan",
    "between": "5 6",
    "not_between": "4",
    "absent": "",
    "baseline": "4 5 6 nan",
    "change": "4 5 6 nan",
    "new": "4 5 6 nan",
    "slo": "4 5 6 nan",
}
"""Which of VALUES each condition finds, with a threshold of 5, or 5 to 6; of a detector there are only findings."""


def test_the_table_says_of_each_condition_what_it_is() -> None:
    missing = set(get_args(ConditionKind)) - set(CONDITIONS)
    assert not missing, "model/conditions.py: CONDITIONS has no row for these"


def test_each_condition_can_be_written_in_a_file() -> None:
    missing = set(CONDITIONS) - set(RuleSchema.model_fields)
    assert not missing, "config/queries/schema.py: RuleSchema has no such keys"


@pytest.mark.parametrize("kind", CONDITIONS)
def test_conditions_compare_as_in_promql(kind: ConditionKind) -> None:
    assert kind in FOUND, "tests/model/test_conditions.py: say in FOUND what it finds"
    condition = Condition(kind, 5.0, 6.0)
    found = [value for value in VALUES if condition.holds(value)]
    assert " ".join(f"{value:g}" for value in found) == FOUND[kind]


@pytest.mark.parametrize("kind", CONDITIONS)
def test_the_worst_value_is_one_of_those_that_were_found(kind: ConditionKind) -> None:
    condition = Condition(kind, 5.0)
    first = condition.worst(None, 7.0)
    assert first in (None, 7.0)
    assert condition.worst(first, 9.0) in ((7.0, 9.0) if first else (None,))


def test_the_documentation_says_that_each_condition_takes_the_place_of_the_others() -> (
    None
):
    page = ROOT / "docs" / "configuration.md"
    listed = " / ".join(f"`{kind}`" for kind in CONDITIONS)
    assert listed in page.read_text(encoding="utf-8"), (
        "docs/configuration.md, Overrides"
    )
