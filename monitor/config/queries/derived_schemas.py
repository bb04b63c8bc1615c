"""The schemas of `[derived.NAME]` and of its inputs."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from typing import Any, Literal

from monitor.config.toml.validation import Interval, Schema, Text


class DerivedSchema(Schema):
    """`[derived.NAME]`; its inputs and rules are checked one by one."""

    stand_ins = {"help": "-", "value": "-", "inputs": {}}

    help: Text
    value: Text
    # Any: each is checked by itself, so that each problem has the line of its key.
    inputs: dict[str, Any]
    labels: list[Text] | None = None
    aggregate: Literal["sum", "min", "max", "avg"] | None = None
    targets: list[Text] | None = None
    max_age: Interval | None = None
    enabled: bool = True
    rules: dict[str, Any] = {}


class DerivedInputSchema(Schema):
    """An input of a derived value that says more than the name of its metric."""

    stand_ins = {"metric": "-"}

    metric: Text
    target: Text | None = None
    where: dict[str, Text] = {}
    absent: float | None = None
