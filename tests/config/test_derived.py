"""Derived values in config.toml: of which targets they are, by which labels, and what else may be said of them."""

from __future__ import annotations

from monitor.model.schedules import OnResults
from monitor.model.settings import Config, Severity
from tests.config.folder import Folder

TARGETS = "".join(
    f'[targets.{name}]\nunix_socket = "/{name}.sock"\nuser = "u"\ndatabase = "d"\n'
    for name in ("primary", "replica_1", "replica_2")
)
ORDERS = """
summary = "Orders"
interval = "5m"
[metrics.orders_rows]
help = "h"
labels = ["plan"]
values = { state = ["open", "late"] }
[metrics.orders_limit]
help = "h"
labels = ["plan"]
value = "most"
"""
SQL = "SELECT plan, open, late, most FROM orders"


def loaded(folder: Folder, derived: str, more: str = "") -> Config:
    folder.query("orders", ORDERS, SQL)
    return folder.load(f"{TARGETS}{more}[derived.value]\nhelp = 'h'\n{derived}")


def inputs_by_target(config: Config) -> dict[str, list[str]]:
    """Return of which targets the value is, and of which its inputs are."""
    return {
        job.target.name: [one.target for one in job.query.derived_by.inputs]
        for job in config.derived
    }


SHARE = "value = 'a / b'\naggregate = 'sum'\ninputs = { a = 'orders_rows', b = 'orders_limit' }\n"
BEHIND = (
    "value = 'a - b'\naggregate = 'sum'\n"
    "inputs.a = { metric = 'orders_rows', target = 'primary' }\ninputs.b = 'orders_rows'\n"
)


def test_it_is_of_each_target_that_has_its_inputs(folder: Folder) -> None:
    more = "[targets.replica_2.queries.orders]\nenabled = false\n"
    assert inputs_by_target(loaded(folder, SHARE, more)) == {
        "primary": ["primary", "primary"],
        "replica_1": ["replica_1", "replica_1"],
    }


def test_it_compares_each_of_some_targets_with_one(folder: Folder) -> None:
    config = loaded(folder, BEHIND + "targets = ['replica_*']\n")
    assert inputs_by_target(config) == {
        "replica_1": ["primary", "replica_1"],
        "replica_2": ["primary", "replica_2"],
    }


def test_of_one_target_alone_nothing_need_be_said(folder: Folder) -> None:
    only = BEHIND.replace(
        "'orders_rows'\n", "{ metric = 'orders_rows', target = 'primary' }\n"
    )
    assert inputs_by_target(loaded(folder, only)) == {"primary": ["primary", "primary"]}


def test_its_labels_are_those_that_all_inputs_have(folder: Folder) -> None:
    (job, *_) = loaded(folder, SHARE).derived
    (metric,) = job.query.exported_metrics
    assert (metric.name, metric.label_names, metric.kind) == (
        "value",
        ("plan",),
        "gauge",
    )
    assert job.query.schedule == OnResults(
        loaded(folder, SHARE).jobs[0].query.schedule.period
    )


def test_a_label_that_where_says_is_none_of_the_input(folder: Folder) -> None:
    text = "value = 'late'\ninputs.late = { metric = 'orders_rows', where = { state = 'late' } }\n"
    (job, *_) = loaded(folder, text).derived
    assert job.query.derived_by.labels == ("plan",)


def test_nobody_who_asks_a_database_meets_it(folder: Folder) -> None:
    config = loaded(folder, SHARE)
    assert {job.query.name for job in config.jobs} == {"orders"}
    assert {job.query.statement.text for job in config.derived} == {""}
    assert {job.query.name for job in config.all_jobs} == {"orders", "value"}


def test_its_rules_are_overridden_like_others(folder: Folder) -> None:
    rule = "[derived.value.rules.ShareHigh]\nabove = 1\nseverity = 'info'\nsummary = '{a} of {b}'\n"
    more = "[rules.ShareHigh]\nabove = 2\nseverity = 'critical'\n"
    (job, *_) = loaded(folder, SHARE + rule, more).derived
    (found,) = job.query.rules
    assert (found.condition.threshold, found.severity) == (2.0, Severity.CRITICAL)


def test_what_is_switched_off_is_nowhere(folder: Folder) -> None:
    assert loaded(folder, SHARE + "enabled = false\n").derived == ()


def test_a_value_of_no_target_is_noted(folder: Folder) -> None:
    more = "".join(
        f"[targets.{name}.queries.orders]\nenabled = false\n"
        for name in ("primary", "replica_1", "replica_2")
    )
    config = loaded(folder, SHARE, more)
    assert 'derived value "value": no target has all inputs' in config.notices


def test_of_shards_one_that_does_not_watch_all_leaves_it_out(folder: Folder) -> None:
    folder.query("orders", ORDERS, SQL)
    text = f"{TARGETS}[derived.value]\nhelp = 'h'\n{BEHIND}"
    found: dict[str, list[str]] = {}
    warned: list[str] = []
    for shard in range(3):
        config = folder.load(text, f'query_dirs = ["q"]\nshard = "{shard}/3"\n')
        found |= inputs_by_target(config)
        warned += [one for one in config.warnings if "derived" in one]
    assert set(found) | {one.split('"')[3] for one in warned} == {
        "primary",
        "replica_1",
        "replica_2",
    }
    assert all(targets == ["primary", name] for name, targets in found.items())
    for one in warned:
        assert one.endswith("is not computed: another shard watches primary")
