"""What `validate --connect` shows of a target: its server, the account's rights, the plan of each query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from monitor.cli import OK, USAGE
from monitor.cli.cost_verdict import show_verdict
from monitor.cli.output import echo, indented, table
from monitor.cli.preflight import attempt, evidence_faults
from monitor.collector.execute import answer, is_off
from monitor.collector.explain import (
    NO_PROCESS,
    is_show,
    missing_needs,
    missing_text,
    plan,
    seen_in_part,
    unfit_column,
)
from monitor.collector.items import for_one_item
from monitor.collector.plan_cost import MANY_ROWS
from monitor.collector.time_zones import HISTORY_CLOCK, history_warnings, unknown_zone
from monitor.daemon.server_changes import lacking, zone_warning
from monitor.database import Database, Session
from monitor.database.grants import Grant, read_grant
from monitor.model.errors import QueryError, SampleError, TargetError
from monitor.model.results import Replication, Rows, Server
from monitor.model.settings import ColumnName, Job, Query, Statement
from monitor.model.targets import Target
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

_LEASE_SECONDS = 10.0
_GRANTS_TIMEOUT = timedelta(seconds=5)
_MAX_GRANTS = 1000
_PLAN_HEADER = ("TABLE", "TYPE", "KEY", "ROWS", "EXTRA")
_NOTHING = "-"
_SCHEMA = "missing_columns"
_MISMATCH = "token_schema_column_mismatch"


@dataclass(frozen=True, slots=True)
class _Planned:
    """What the server says of a query before it is run."""

    rows: Rows
    """The steps of the plan, as the server has them."""
    missing: tuple[ColumnName, ...]
    unjudged: Mapping[str, tuple[ColumnName, ...]]
    """The rules that lack columns of their own, and which."""
    seen_in_part: str
    unfit_column: str
    """Why a query cannot read forward by its column; empty where it can, or does not."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A query that was shown: the exit code, and its plan where it would run."""

    query: Query
    code: int
    plan: Rows | None = None


class _Step(NamedTuple):
    """A step of a plan, in the words of EXPLAIN; `_NOTHING` where the server leaves a column empty."""

    table: str
    type: str
    key: str
    rows: str
    extra: str

    @property
    def is_long_scan(self) -> bool:
        """Return whether it reads a large table as a whole."""
        if self.type != "ALL" or not self.rows.isdigit():
            return False
        # <derived2> is a result in between: the server guesses its size, and its tables have lines of their own
        return not self.table.startswith("<") and int(self.rows) > MANY_ROWS


def show_target(target: Target, jobs: Sequence[Job], watchdog: Watchdog) -> int:
    """Enter a target and print what is found there; return the exit code, OK or USAGE."""
    database = Database(target, secrets=SecretReader(), watchdog=watchdog)
    try:
        with database.lease(deadline_seconds=_LEASE_SECONDS) as session:
            _show_server(target, session.server)
            _show_rights(session)
            shown = [_show_query(job.query, session) for job in jobs]
            codes = [one.code for one in shown]
            plans = [(one.query, one.plan) for one in shown]
            codes.append(show_verdict(plans, session, target.load))
    except TargetError as error:
        echo(f"\n{target.name}: {error.reason}: {error.message}")
        return USAGE
    finally:
        database.close()
    return max(codes)


def _show_server(target: Target, server: Server) -> None:
    """Show what the server said of itself, and warn of what a session cannot have there."""
    echo(f"\n{target.name}: {server.flavor} {server.version}")
    unset = lacking(server)
    if unset:
        names = ", ".join(unset)
        echo(
            "  warning: in sessions of this server these are not as we set them:"
            f" {names}"
        )
    if server.clock is not None:
        offset, margin = server.clock.seconds, server.clock.uncertainty_seconds
        echo(f"  clock: {offset:+.3f} s from ours (to ± {margin:.3f} s)")
    if server.replication is not None:
        echo(f"  replica: {_lag(server.replication)}")
    elif not server.knows_replication:
        echo(
            "  replica: unknown; the account may not ask"
            " (token-monitor grants prints the right)"
        )
    if server.read_only:
        echo("  the server takes no writes (read_only)")


def _lag(replication: Replication) -> str:
    if replication.lag_seconds is None:
        return f"stands, {replication.state}"
    return f"{replication.lag_seconds:.0f} s behind"


def _show_rights(session: Session) -> None:
    """Show the account's rights, and warn of those that a monitor should not have."""
    rows = attempt(
        lambda: session.fetch(
            Statement("SHOW GRANTS"), {}, timeout=_GRANTS_TIMEOUT, max_rows=_MAX_GRANTS
        )
    )
    if isinstance(rows, QueryError):
        echo(f"  warning: the rights cannot be seen: {rows.reason}: {rows.message}")
        return
    for row in rows.rows:
        grant = read_grant(str(row[0]))
        if grant is not None:
            echo(f"  {_right(grant)}")


def _right(grant: Grant) -> str:
    if not grant.surplus:
        return f"rights: {grant}"
    names = ", ".join(grant.surplus)
    return f"warning: more rights than a monitor needs: {names} on {grant.where}"


def _show_query(query: Query, session: Session) -> _Shown:
    """Show whether a query would run, what of it could not be judged, and how the server would read."""
    first = attempt(lambda: for_one_item(query, session))
    if isinstance(first, QueryError):
        return _show_unplanned(query, first)
    whole, query = query, first
    planned = attempt(lambda: _planned(query, session))
    if isinstance(planned, QueryError):
        return _show_unplanned(query, planned)
    missing = planned.missing
    verdict = missing_text(missing) if missing else "ok"
    echo(f"  {query.name}: {verdict}")
    for note in _notes(query, planned, session):
        echo(f"    {note}")
    if not is_show(query.statement_for(session.server.flavor).text):
        _show_steps(_steps(planned.rows))
    zone_fault = unknown_zone(query, session)
    if zone_fault:
        echo(f"    {zone_fault}")
    else:
        _show_what_no_plan_shows(query, session)
    is_faulty = any((missing, planned.unjudged, zone_fault))
    code = USAGE if is_faulty else OK
    return _Shown(whole, code, planned.rows)


def _show_unplanned(query: Query, error: QueryError) -> _Shown:
    """Show why a query would not run; one that is off for want of a right is in order."""
    if is_off(query, error):
        echo(
            f"  {query.name}: off; token-monitor grants prints the right that it wants"
        )
        return _Shown(query, OK)
    echo(f"  {query.name}: {error.reason}: {error.author_message}")
    return _Shown(query, USAGE)


def _planned(query: Query, session: Session) -> _Planned:
    """Ask the server about a query; QueryError says why it cannot be planned."""
    rows = plan(query, session)
    missing = missing_needs(query.needs, query, session)
    unjudged = {}
    for rule in query.rules:
        columns = missing_needs(rule.needs, query, session)
        if columns:
            unjudged[rule.name] = columns
    in_part, unfit = seen_in_part(query, session), unfit_column(query, session)
    return _Planned(rows, missing, unjudged, in_part, unfit)


def _notes(query: Query, planned: _Planned, session: Session) -> Iterator[str]:
    """Yield what to know of a query that can be planned; the server is asked about its evidence meanwhile."""
    if planned.seen_in_part:
        yield f"warning: sees only its own {planned.seen_in_part}: {NO_PROCESS}"
    if planned.unfit_column:
        yield f"warning: {planned.unfit_column}: no row is counted, {_instead(query)}"
    zone = zone_warning(query, session.server)
    if zone:
        yield f"warning: {zone}"
    for warning in planned.rows.warnings:
        yield f"warning {warning.code} of the server: {warning.message}"
    for rule, columns in planned.unjudged.items():
        yield f"{rule} cannot be judged: {missing_text(columns)}"
    for fault in evidence_faults(query, session):
        yield f"warning: {fault}"


def _instead(query: Query) -> str:
    if query.accounts is not None:
        return "there is no ledger"
    if query.fallback is None:
        return "the query fails"
    return "only the windows are read, by time and every 5m"


def _show_what_no_plan_shows(query: Query, session: Session) -> None:
    if not query.shipped:
        return
    if query.name == HISTORY_CLOCK:
        _show_history_clock(query, session)
    if query.name == _SCHEMA:
        _show_mismatches(query, session)


def _show_history_clock(query: Query, session: Session) -> None:
    """Run the one query that finds a wrong zone, which no plan shows; a newcomer sees it before the start."""
    try:
        rows = answer(query, session).rows
    except TargetError:
        raise
    except (QueryError, SampleError) as error:
        echo(
            "    warning: the times of the history cannot be compared with the clock:"
            f" {error}"
        )
        return
    thresholds = [rule.condition.threshold for rule in query.rules]
    threshold = min(thresholds, default=0.0)
    for warning in history_warnings(rows, threshold):
        echo(f"    warning: {warning}")


def _show_mismatches(query: Query, session: Session) -> None:
    """Run the schema query: no plan shows a type that statements cannot work with, or work with otherwise."""
    samples = attempt(lambda: answer(query, session).success.samples)
    if isinstance(samples, QueryError):
        echo(f"    warning: the types of columns cannot be seen: {samples}")
        return
    lines = []
    for sample in samples:
        if sample.metric == _MISMATCH and sample.value:
            labels, details = dict(sample.labels), dict(sample.details)
            column = f"{labels['table']}.{labels['column']}"
            lines.append(
                f"{column} is {details['found']}, expected is {details['wanted']}"
            )
    for line in dict.fromkeys(lines):
        echo(f"    warning: {line}")


def _show_steps(steps: Sequence[_Step]) -> None:
    """Print the steps of a plan, and note what reads a large table as a whole."""
    if not steps:
        return
    right = {_PLAN_HEADER.index("ROWS")}
    echo(indented(table(steps, _PLAN_HEADER, right=right)))
    for step in steps:
        if step.is_long_scan:
            echo(
                f"    note: reads the whole table {step.table},"
                f" about {int(step.rows):,} rows, at each run"
            )


def _steps(rows: Rows) -> list[_Step]:
    """Return the steps of a plan that read a table.

    The servers have different columns, and spell them differently. Of a view there may be none: its plan
    takes a right that a monitor does not need.
    """
    names = [column.lower() for column in rows.columns]
    steps = []
    for row in rows.rows:
        cells = dict(zip(names, row, strict=True))
        step = _Step(
            table=_cell(cells["table"]),
            type=_cell(cells["type"]),
            key=_cell(cells["key"]),
            rows=_cell(cells["rows"]),
            extra=_cell(cells["extra"]),
        )
        if step.table != _NOTHING:
            steps.append(step)
    return steps


def _cell(cell: object) -> str:
    return _NOTHING if cell is None else str(cell)
