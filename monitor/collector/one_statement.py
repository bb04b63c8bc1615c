"""Run a query of one statement: its rows, and what the query's file makes of them; in a run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from monitor.collector.contract_check import ContractAnswer
from monitor.collector.evidence import look_up_evidence
from monitor.collector.fetching import fetch_past_a_lock
from monitor.collector.findings import RunFindings
from monitor.collector.lower_bounds import lower_bounds_of, with_lower_bounds
from monitor.collector.samples import samples_of
from monitor.collector.schema_check import SchemaAnswer
from monitor.collector.schema_run import checked_contract, checked_schema
from monitor.collector.time_zones import unknown_zone
from monitor.database import Session
from monitor.model.errors import SampleError
from monitor.model.lower_bounds import LowerBound
from monitor.model.results import Rows, Sample, Success
from monitor.model.settings import Query


@dataclass(frozen=True, slots=True)
class RowsRead:
    """What the rows of a statement mean."""

    samples: tuple[Sample, ...]
    lower_bounds: tuple[LowerBound, ...]


def answer_at_once(query: Query, session: Session) -> RunFindings:
    """Run the statement of a query; QueryError as the server answers, SampleError where the rows cannot be read."""
    ends_at_seconds = time.monotonic() + query.timeout.total_seconds()
    statement = query.statement_for(session.server.flavor)
    session.use_time_zone(query.time_zone)
    schema: SchemaAnswer | None = None
    contract: ContractAnswer | None = None
    if query.schema is not None:
        schema = checked_schema(query, session, statement, ends_at_seconds)
        rows = schema.rows
    elif query.contract is not None:
        contract = checked_contract(query, session, statement, ends_at_seconds)
        rows = contract.rows
    else:
        rows = fetch_past_a_lock(session, statement, query, ends_at_seconds)
    read = read_rows(query, session, rows)
    samples = read.samples
    evidence, errors = look_up_evidence(query, session, samples, ends_at_seconds)
    success = Success(
        samples,
        len(rows.rows),
        evidence,
        errors,
        warnings=rows.warnings,
        lower_bounds=read.lower_bounds,
    )
    if schema is not None:
        success = _with_schema(success, schema)
    if contract is not None:
        success = replace(success, silent=contract.silent, refusals=contract.refusals)
    return RunFindings(rows, success)


def read_rows(query: Query, session: Session, rows: Rows) -> RowsRead:
    """Return what rows mean; SampleError where they cannot be read. The server is asked only what is wrong then."""
    try:
        samples = samples_of(query, rows)
        lower_bounds = lower_bounds_of(query, rows)
    except SampleError:
        # NULL is all that is to be seen of a zone that the server does not know
        fault = unknown_zone(query, session)
        if fault:
            raise SampleError(fault) from None
        raise
    if lower_bounds:
        samples = with_lower_bounds(samples, lower_bounds)
    return RowsRead(samples, lower_bounds)


def _with_schema(success: Success, schema: SchemaAnswer) -> Success:
    return replace(
        success,
        missing=schema.missing,
        unknown=schema.unknown,
        silent=schema.silent,
        refusals=schema.refusals,
    )
