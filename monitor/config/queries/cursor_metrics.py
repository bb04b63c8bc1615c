"""What only the metrics of a query with a cursor can say: windows, what counts once, facts of the cursor; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor.config.queries.schema import MetricSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import check_list, refuse_both
from monitor.model.settings import Metric
from monitor.model.walks import (
    KIND_LABEL,
    PLAN_LABEL,
    WINDOW_LABEL,
    Cursor,
    Ledger,
    Walk,
    Window,
    windows_of_rows,
)
from monitor.timing.durations import parse_duration

_LONGEST: Final = timedelta(hours=24)
_SHORTEST: Final = timedelta(minutes=1)


def stands_without_value(checked: MetricSchema) -> bool:
    """Return whether a metric needs no column with its value."""
    facts = (checked.distinct, checked.of_cursor, checked.of_ledger)
    return any(one is not None for one in facts)


def labels_of_fact(checked: MetricSchema) -> tuple[str, ...]:
    """Return the labels that a fact of the cursor or the ledger has by itself."""
    if checked.of_ledger == "auto_initializations":
        return (PLAN_LABEL,)
    kinds = ("drift_users", "drift_tokens", "drift_events")
    is_by_kind = checked.of_cursor == "left_out" or checked.of_ledger in kinds
    return (KIND_LABEL,) if is_by_kind else ()


def read_windows(
    checked: MetricSchema, section: Section, problems: Problems
) -> tuple[Window, ...]:
    """Return the windows of a metric, named as they are written; the only one has no name. None: a problem."""
    before = len(problems)
    refuse_both(section, "windows", "window", problems)
    check_list(section, "windows", checked.windows, _window_fault, problems)
    if checked.window is not None and (fault := _window_fault(checked.window)):
        problems.add(section.origin("window"), fault)
    if len(problems) > before:
        return ()
    if checked.window is not None:
        return (Window("", parse_duration(checked.window)),)
    return tuple(Window(name, parse_duration(name)) for name in checked.windows)


def check_cursor_metrics(
    metrics: Iterable[Metric], walk: Walk | None, section: Section, problems: Problems
) -> None:
    """Note what does not go together in a metric, or with how its query reads."""
    for metric in metrics:
        _check(metric, walk, section, problems)


def _check(
    metric: Metric, walk: Walk | None, section: Section, problems: Problems
) -> None:
    origin_of = section.at("metrics").at(metric.name).origin
    faults = _faults_of(metric, walk) if isinstance(walk, Cursor) else _alien(metric)
    faults += _ledger_faults(metric, walk)
    for fault in faults:
        if fault.is_there:
            problems.add(origin_of(fault.key), fault.message)


@dataclass(frozen=True, slots=True)
class _MetricFault:
    """What may be wrong with a metric, at a key of it, and whether it is."""

    key: str
    message: str
    is_there: bool


def _alien(metric: Metric) -> list[_MetricFault]:
    """Return what says something of a cursor that there is not."""
    message = "goes with a query that has a [cursor]"
    return [
        _MetricFault("windows", message, bool(metric.windows)),
        _MetricFault("distinct", message, metric.distinct is not None),
        _MetricFault("future", message, metric.is_future),
        _MetricFault("seen", message, metric.is_seen),
        _MetricFault("of_cursor", message, metric.of_cursor is not None),
    ]


def _ledger_faults(metric: Metric, walk: Walk | None) -> list[_MetricFault]:
    is_fact, has_ledger = metric.of_ledger is not None, isinstance(walk, Ledger)
    own_labels = ((), (KIND_LABEL,), (PLAN_LABEL,))
    return [
        _MetricFault(
            "of_ledger",
            "goes with a query that has a [ledger]",
            is_fact and not has_ledger,
        ),
        _MetricFault(
            "of_ledger", 'does not go with "value"', is_fact and bool(metric.value)
        ),
        _MetricFault(
            "of_ledger",
            'does not go with "labels"',
            is_fact and metric.labels not in own_labels,
        ),
        _MetricFault(
            "value",
            'a query with a [ledger] has "of_ledger" in its place',
            has_ledger and not is_fact,
        ),
    ]


def _faults_of(metric: Metric, cursor: Cursor) -> list[_MetricFault]:
    has_memory, has_windows = metric.has_memory, bool(metric.windows)
    is_once, is_fact = metric.distinct is not None, metric.of_cursor is not None
    of_rows = windows_of_rows(metric.windows, is_seen=metric.is_seen)
    by_time = any((metric.is_future, of_rows))
    is_counter = metric.kind == "counter"
    has_labels = metric.labels not in ((), (KIND_LABEL,))
    return [
        _MetricFault(
            "windows" if has_windows else "future",
            'goes with "time" in [cursor]',
            by_time and not cursor.time,
        ),
        _MetricFault("distinct", 'goes with "windows"', is_once and not has_windows),
        _MetricFault(
            "future", 'does not go with "windows"', metric.is_future and has_windows
        ),
        _MetricFault(
            "type",
            "what is of a window goes down too: not a counter",
            has_memory and is_counter,
        ),
        _MetricFault("of_cursor", 'does not go with "windows"', is_fact and by_time),
        _MetricFault(
            "seen",
            'goes with "window", and not with "distinct"',
            metric.is_seen and not _has_one_sum(metric),
        ),
        _MetricFault("of_cursor", 'does not go with "labels"', is_fact and has_labels),
        _MetricFault(
            "labels",
            f'"{WINDOW_LABEL}" names the windows',
            has_windows and WINDOW_LABEL in metric.labels,
        ),
    ]


def _has_one_sum(metric: Metric) -> bool:
    """Return whether a metric is a sum over one window that has no name."""
    names = [window.name for window in metric.windows]
    return (names, metric.distinct) == ([""], None)


def _window_fault(name: str) -> str | None:
    try:
        length = parse_duration(name)
    except ValueError as error:
        return str(error)
    if not _SHORTEST <= length <= _LONGEST or length % _SHORTEST:
        return f'"{name}" is not a window; allowed: whole minutes, 1m to 24h'
    return None
