"""Look up example rows for what the rules of a query find, within the time of its run; in a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias

from monitor.alerting.evaluate import matching
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch
from monitor.database import Session
from monitor.model.binary_keys import key_of, shown_bytes
from monitor.model.errors import QueryError
from monitor.model.results import Cell, EvidenceKey, EvidenceRow, Rows, Sample
from monitor.model.settings import Bindable, Labels, Query, Rule, Statement
from monitor.model.wording import clock_time

EVIDENCE_ROWS = 10
"""Examples, not a list: they go into each message about the alert."""
MAX_FINDINGS = 10
"""Beyond these a rule's alerts have no examples: each is a statement, within the time of one run."""

NO_BOUNDS: Mapping[str, Bindable] = MappingProxyType({})

_PlainCell: TypeAlias = str | int | float | bool | None
EvidenceCase: TypeAlias = tuple[str, Statement, Sample]
"""What has evidence: the rule's name, its statement, and the sample that it found."""


def look_up_evidence(
    query: Query,
    session: Session,
    samples: tuple[Sample, ...],
    ends_at_seconds: float,
    bounds: Mapping[str, Bindable] = NO_BOUNDS,
) -> tuple[dict[EvidenceKey, tuple[EvidenceRow, ...]], tuple[str, ...]]:
    """Look up example rows for what the rules find, until an instant of the monotonic clock.

    `bounds` are between what it reads, of a query that reads in pieces. Returns them by rule and labels, and what
    failed, which fails nothing else.
    """
    findings = findings_of(query.rules, samples)
    return look_up(query, session, findings, ends_at_seconds, bounds)


def look_up(
    query: Query,
    session: Session,
    findings: Iterable[EvidenceCase],
    ends_at_seconds: float,
    bounds: Mapping[str, Bindable] = NO_BOUNDS,
) -> tuple[dict[EvidenceKey, tuple[EvidenceRow, ...]], tuple[str, ...]]:
    """Look up example rows for findings, as `look_up_evidence` does for those of its rules."""
    found: dict[EvidenceKey, tuple[EvidenceRow, ...]] = {}
    errors: list[str] = []
    for rule, statement, sample in findings:
        values = {**_values(query, sample), **bounds}
        left_seconds = max(MIN_TRY_SECONDS, ends_at_seconds - time.monotonic())
        timeout = timedelta(seconds=left_seconds)
        try:
            rows = fetch(session, statement, values, timeout, query.max_rows)
        except QueryError as error:
            errors.append(f"{rule}: {error.reason}: {error.message}")
        except KeyError as error:
            # An `absent` finding has only the labels of its `where`.
            errors.append(f"{rule}: no value for :{error.args[0]}")
        else:
            found[rule, sample.labels] = _evidence_rows(rows)
    return found, tuple(errors)


def lists_of(details: Labels) -> dict[str, tuple[str | bytes, ...]]:
    """Return what the details of a sample stand for in a statement: each the list that its text is, by commas."""
    return {name: tuple(map(key_of, text.split(","))) for name, text in details}


def _values(query: Query, sample: Sample) -> dict[str, Bindable]:
    """Return what evidence may ask for: parameters, over them details, over both the labels of what was found."""
    return {**query.parameters, **lists_of(sample.details), **dict(sample.labels)}


def findings_of(
    rules: tuple[Rule, ...], samples: tuple[Sample, ...]
) -> Iterator[EvidenceCase]:
    """Yield what has evidence of what is found in this run."""
    for rule in rules:
        if rule.evidence is None or rule.detector is not None:
            continue
        for sample in matching(rule, samples)[:MAX_FINDINGS]:
            yield rule.name, rule.evidence, sample


def _evidence_rows(rows: Rows) -> tuple[EvidenceRow, ...]:
    """Return the first rows, each cell fit for JSON by its column's name."""
    found: list[EvidenceRow] = []
    for cells in rows.rows[:EVIDENCE_ROWS]:
        row: dict[str, _PlainCell] = {}
        for column, cell in zip(rows.columns, cells, strict=True):
            row[column] = _plain(cell)
        found.append(row)
    return tuple(found)


def plain_number(cell: Decimal) -> int | float:
    """Return a decimal as other numbers are: SUM() and AVG() are DECIMAL in MySQL, also of integers."""
    if cell == cell.to_integral_value():
        return int(cell)
    return float(cell)


def _plain(cell: Cell) -> _PlainCell:
    """Make a cell fit for JSON without losing what it says."""
    if isinstance(cell, str | int | float | None):
        return cell
    if isinstance(cell, Decimal):
        return plain_number(cell)
    if isinstance(cell, bytes):
        return shown_bytes(cell)
    if isinstance(cell, timedelta):
        return clock_time(cell)
    return cell.isoformat()
