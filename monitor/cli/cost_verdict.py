"""What `validate --connect` ends with: what a minute costs a target, which index would help, what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.cli import OK, USAGE
from monitor.cli.output import echo, indented, table
from monitor.cli.preflight import attempt
from monitor.collector.explain import analyzed, fetched, is_show
from monitor.collector.plan_cost import LongScan, long_scans, rows_read
from monitor.database import Session
from monitor.model.errors import QueryError
from monitor.model.load_limits import LoadLimits
from monitor.model.results import Rows
from monitor.model.schedules import Every
from monitor.model.settings import Query
from monitor.timing.durations import format_duration

_SECONDS_PER_ROW = 1e-6
"""What a row costs about, of a scan or a look-up, on the servers that were measured: 0.2 to 1.2 µs."""
_MINUTE = timedelta(minutes=1)
_MAX_SHOWN = 5
_IN_PIECES = "it reads in pieces, as much at a time as its share allows"
_HEADER = ("QUERY", "EVERY", "ROWS READ", "TOOK", "A MINUTE")
_ADVISED: Mapping[str, str] = {
    "users": "tokens_remaining",
    "user_subscriptions": "user_id, is_active, tokens_limit, plan_type",
    "token_usage_history": "created_at",
}
"""By the parameter with a table's name: which index helps the shipped queries, by the parameters of its columns."""


@dataclass(frozen=True, slots=True)
class QueryCost:
    """What one run of a query costs: by the plan, and by a run where one was made."""

    query: Query
    rows: float
    seconds: float | None
    """How long its statements took; None where it was not run."""
    note: str = ""
    scans: tuple[LongScan, ...] = ()
    is_refused: bool = False

    @property
    def run_seconds(self) -> float:
        """Return how long a run takes, as measured, or about, by the rows that it reads."""
        return self.rows * _SECONDS_PER_ROW if self.seconds is None else self.seconds

    @property
    def minute_seconds(self) -> float:
        """Return how long its statements run in a minute; of a cron nothing, which runs in few of them."""
        schedule = self.query.schedule
        if not isinstance(schedule, Every):
            return 0.0
        return self.run_seconds * (_MINUTE / schedule.interval)


def cost_of(
    query: Query, plan: Rows, session: Session, limits: LoadLimits
) -> QueryCost:
    """Run a query once, within its own limits, and return what it cost.

    By its plan alone where that reads more than is allowed, the server is busy, or it walks and so reads only
    as much at a time as it may.
    """
    if query.walk is not None:
        return QueryCost(query, 0.0, None, note=_IN_PIECES)
    statement = query.statement_for(session.server.flavor)
    rows = 0.0 if is_show(statement.text) else rows_read(plan)
    scans = tuple(long_scans(plan, statement.text))
    if rows > limits.max_rows_read:
        return QueryCost(query, rows, None, scans=scans, is_refused=True)
    busy = limits.busy_words(session.server.threads_running)
    if busy:
        return QueryCost(query, rows, None, note=busy, scans=scans)
    return _measured(QueryCost(query, rows, None, scans=scans), session)


def show_verdict(
    plans: Iterable[tuple[Query, Rows | None]], session: Session, limits: LoadLimits
) -> int:
    """Run what may be run, print what a minute costs; return the exit code, USAGE where a query is refused.

    What has no plan would not run.
    """
    costs = [
        cost_of(query, plan, session, limits)
        for query, plan in plans
        if plan is not None
    ]
    for line in verdict(costs, limits):
        echo(line)
    return USAGE if any(cost.is_refused for cost in costs) else OK


def refusal_words(cost: QueryCost, limits: LoadLimits) -> str:
    """Return why a query is refused, and what to do."""
    return (
        f"{cost.query.name}: refused: would read about {cost.rows:,.0f} rows at each run, more than max_rows_read"
        f" ({limits.max_rows_read:,}) allows; add an index, take the query out (except),"
        " or raise [load] max_rows_read"
    )


def verdict(costs: Sequence[QueryCost], limits: LoadLimits) -> Iterator[str]:
    """Yield the lines of the verdict on a target."""
    if not costs:
        return
    minute_ms = sum(cost.minute_seconds for cost in costs) * 1000
    budget_ms = limits.share / limits.replicas * 60_000
    words = "within" if minute_ms <= budget_ms else "beyond"
    yield (
        f"  a minute costs the server {minute_ms:,.1f} ms of statements, {words} the share of"
        f" {budget_ms:,.0f} ms ({_how(costs)})"
    )
    if minute_ms > budget_ms:
        yield "  intervals of what is not critical will be stretched; see [load] share"
    dearest = sorted(costs, key=lambda cost: cost.minute_seconds, reverse=True)
    rows = [_row(cost) for cost in dearest[:_MAX_SHOWN]]
    yield indented(table(rows, _HEADER, right={2, 3, 4}))
    yield from _advice(costs)
    for cost in costs:
        if cost.is_refused:
            yield f"  {refusal_words(cost, limits)}"
        elif cost.note:
            yield f"  note: {cost.query.name} was not run: {cost.note}"


def _measured(cost: QueryCost, session: Session) -> QueryCost:
    """Return what a query costs as a run of it shows, and what it reads as a whole as the server counts that."""
    query = cost.query
    before_seconds = session.statement_seconds
    found = attempt(lambda: fetched(query, session))
    if isinstance(found, QueryError):
        return replace(cost, note=str(found))
    cost = replace(cost, seconds=session.statement_seconds - before_seconds)
    if not cost.scans:
        return cost
    plan = attempt(lambda: analyzed(query, session))
    if not isinstance(plan, Rows):
        return cost
    text = query.statement_for(session.server.flavor).text
    return replace(cost, scans=tuple(long_scans(plan, text)))


def _how(costs: Sequence[QueryCost]) -> str:
    runs = sum(cost.seconds is not None for cost in costs)
    return f"{runs} of {len(costs)} queries were run once, the others go by their plans"


def _row(cost: QueryCost) -> tuple[str, ...]:
    schedule = cost.query.schedule
    every = (
        format_duration(schedule.interval) if isinstance(schedule, Every) else "cron"
    )
    about = "about " if cost.seconds is None else ""
    return (
        cost.query.name,
        every,
        f"{cost.rows:,.0f}",
        f"{about}{cost.run_seconds * 1000:,.1f} ms",
        f"{about}{cost.minute_seconds * 1000:,.1f} ms",
    )


def _advice(costs: Sequence[QueryCost]) -> Iterator[str]:
    """Yield for each large table that is read as a whole, once, which index would help by how much."""
    said: set[str] = set()
    for cost in sorted(costs, key=lambda cost: cost.minute_seconds, reverse=True):
        for scan in cost.scans:
            if scan.table in said:
                continue
            said.add(scan.table)
            yield f"  index: {_advice_on(scan, cost.query)}"


def _advice_on(scan: LongScan, query: Query) -> str:
    counted = "it counted" if scan.is_measured else "the server guesses"
    gain = (
        f"{query.name} reads about {scan.rows:,.0f} rows of {scan.table} at each run and uses"
        f" {scan.used:,.0f} of them ({counted})"
    )
    columns = _advised_columns(scan.table, query)
    if scan.gain < 2:
        return f"{gain}: no index would help; a longer interval would"
    return f"{gain}: {columns} would have it read about {scan.gain:,.0f} times fewer"


def _advised_columns(name: str, query: Query) -> str:
    for parameter, columns in _ADVISED.items():
        if query.shipped and query.parameters.get(parameter, parameter) == name:
            named = [
                str(query.parameters.get(column, column))
                for column in columns.split(", ")
            ]
            return f"{name} ({', '.join(named)})"
    return "one on the columns that its WHERE compares"
