"""`[metrics.NAME]` of a query to metrics: what its columns mean as samples; pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from monitor.config.labels import label_fault
from monitor.config.queries.cursor_metrics import (
    labels_of_fact,
    read_windows,
    stands_without_value,
)
from monitor.config.queries.metric_kinds import read_histogram, read_info, read_stateset
from monitor.config.queries.metric_names import name_faults
from monitor.config.queries.schema import MetricSchema
from monitor.config.queries.words import words_of
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import (
    check_list,
    check_table,
    refuse_both,
    require_one_of,
    validate,
)
from monitor.model.settings import Metric
from monitor.model.walks import CursorFact, LedgerFact


def read_metric(name: str, section: Section, problems: Problems) -> Metric | None:
    """Check one metric; None where it has a problem."""
    before = len(problems)
    metric = _read(name, section, problems)
    for fault in name_faults(name, section.data.get("type")):
        problems.add(section.origin(), fault)
    check_labels(metric.labels, "labels", section, problems)
    return metric if len(problems) == before else None


def _read(name: str, section: Section, problems: Problems) -> Metric:
    """Read a metric by its type; one with problems is of no use."""
    match section.data.get("type"):
        case "stateset":
            return read_stateset(name, section, problems)
        case "info":
            return read_info(name, section, problems)
        case "histogram":
            return read_histogram(name, section, problems)
        case _:
            return _read_number(name, section, problems)


def _read_number(name: str, section: Section, problems: Problems) -> Metric:
    """Read a gauge or a counter; of an unknown type the schema says so."""
    checked = validate(MetricSchema, section, problems)
    if checked.constant is not None:
        refuse_both(section, "value", "constant", problems)
        refuse_both(section, "values", "constant", problems)
    elif not stands_without_value(checked):
        require_one_of(section, "value", "values", problems, at_second=True)
    values_label, values = _values(checked, section, problems)
    at_least_fault = partial(_at_least_fault, values or [checked.value or ""])
    check_table(section, "at_least", checked.at_least, at_least_fault, problems)
    return Metric(
        name=name,
        help=checked.help,
        labels=tuple(checked.labels) or labels_of_fact(checked),
        value=checked.value,
        values_label=values_label,
        values=values,
        kind=checked.type,
        null=checked.null,
        at_least=dict(checked.at_least),
        windows=read_windows(checked, section, problems),
        distinct=checked.distinct,
        is_future=checked.future,
        is_seen=checked.seen,
        of_cursor=None if checked.of_cursor is None else CursorFact(checked.of_cursor),
        of_ledger=None if checked.of_ledger is None else LedgerFact(checked.of_ledger),
        positive=checked.positive,
        per=checked.per,
        words=words_of(checked.states, section, problems),
        constant=checked.constant,
        aggregate=checked.aggregate,
        null_label=checked.null_label,
    )


def check_labels(
    labels: Sequence[str], key: str, section: Section, problems: Problems
) -> None:
    """Check columns that become labels: their names, and that each is there once."""
    seen: set[str] = set()

    def fault(label: str) -> str | None:
        message = label_fault(label)
        if message is None and label in seen:
            return f'"{label}" is there twice'
        seen.add(label)
        # A column is called otherwise where it is selected.
        return message and message.replace(
            "call it", "write AS in the statement to call it"
        )

    check_list(section, key, labels, fault, problems)


def _values(
    checked: MetricSchema, section: Section, problems: Problems
) -> tuple[str | None, tuple[str, ...]]:
    """Return the label that `values` names, and the columns that become its values."""
    if checked.values is None:
        return None, ()
    if len(checked.values) != 1:
        message = "names exactly one label: { LABEL = [columns] }"
        problems.add(section.origin("values"), message)
        return None, ()
    ((label, columns),) = checked.values.items()
    fault = _values_fault(label, columns, checked.labels)
    if fault is not None:
        problems.add(section.origin("values", label), fault)
    return label, tuple(columns)


def _at_least_fault(columns: Sequence[str], column: str, _flag: str) -> str | None:
    """Return what is wrong with the name of a column, which a value of the metric is to be of."""
    if column in columns:
        return None
    return f'"{column}" gives no value of the metric{near_miss(column, columns)}'


def _values_fault(
    label: str, columns: Sequence[str], other_labels: Sequence[str]
) -> str | None:
    fault = label_fault(label)
    if fault is not None:
        return fault
    if label in other_labels:
        return f'"{label}" is already among the labels'
    if not columns:
        return "names no column"
    if len(set(columns)) < len(columns):
        return "names a column twice"
    return None
