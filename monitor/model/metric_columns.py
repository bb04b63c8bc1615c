"""From which columns of a result the values of a metric are; pure."""

from __future__ import annotations

from monitor.model.settings import Labels, Metric


def value_columns(metric: Metric) -> tuple[str, ...]:
    """Return the columns whose cells become values: one, or one for each value of `values_label`."""
    return metric.values if metric.value is None else (metric.value,)


def unlabelled(metric: Metric, column: str) -> tuple[str, Labels]:
    """Return name and labels of the sample that a metric without other labels has from a column."""
    labels: Labels = ()
    if metric.values_label is not None:
        pair = (metric.values_label, column)
        labels = (pair,)
    return metric.name, labels
