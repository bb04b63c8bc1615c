"""Make one look of a ledger: new rows of use and balances as of one instant, compared with those before; in a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from monitor.alerting.evaluate import matching
from monitor.collector.cursor_check import why_unfit
from monitor.collector.evidence import EVIDENCE_ROWS, look_up_evidence
from monitor.collector.fetching import MIN_TRY_SECONDS
from monitor.collector.findings import RunFindings
from monitor.collector.ledger_statements import LedgerStatements
from monitor.database import Session
from monitor.detection.ledger import compare, times_of
from monitor.detection.ledger_examples import examples_of
from monitor.detection.ledger_facts import values_of
from monitor.detection.ledger_rows import (
    MAX_IDS,
    RECENT_IDS,
    Taken,
    begun,
    begun_anew,
    begun_by_other_statement,
    rows_since,
    take_rows,
)
from monitor.detection.ledger_since import counted_since
from monitor.model.counted_from import CountedFrom
from monitor.model.errors import QueryError
from monitor.model.ledger import (
    ALL_USERS,
    LedgerMemory,
    LedgerPosition,
    LedgerSettings,
    UsageRow,
)
from monitor.model.positions import Position
from monitor.model.results import EvidenceKey, EvidenceRow, Rows, Sample, Success
from monitor.model.settings import Query
from monitor.model.walked import walked_by
from monitor.model.walks import Cursor, Ledger

FIRST_IDS = 20_000
"""So many of the newest rows say at the beginning who is to be tracked."""
_TABLE_CHANGED = 1412
"""ER_TABLE_DEF_CHANGED: a deploy copies a table, and its statement asks to begin the transaction again."""
_CHECK_EVERY = timedelta(hours=1)
_ABOUT_NOTHING = ((),)
"""The labels that every alert has: a run that is silent about them says nothing about any."""
_SHOWN_ROWS = 20


def look_at_ledger(
    query: Query,
    walk: Ledger,
    session: Session,
    position: Position | None,
    now: datetime | None,
) -> RunFindings:
    """Make one look that goes on from the position, and return what is known then with the next position.

    Without `now` it only reads, and judges nothing: that takes the looks before. Raises QueryError as the server
    answers, SampleError where rows cannot be read.
    """
    before = position if isinstance(position, LedgerPosition) else None
    is_of_other = before is not None and before.is_of_other
    run = _LedgerRun(query, walk, session, time.monotonic(), is_of_other)
    session.use_time_zone(query.time_zone)
    if now is None:
        return run.only_read()
    checked_at, unfit = _fitness(run, before, now)
    memory = None if before is None else before.memory
    if not unfit:
        memory = run.memory_after(memory, now)
    memory = memory or LedgerMemory(now)
    serial = 1 if before is None else before.serial + 1
    after = LedgerPosition(walked_by(query), serial, memory, unfit, checked_at)
    return run.findings(after)


def settings_of(walk: Ledger) -> LedgerSettings:
    """Return what the detector goes by."""
    return LedgerSettings(walk.settle, walk.users, walk.loop)


def _fitness(
    run: _LedgerRun, before: LedgerPosition | None, now: datetime
) -> tuple[datetime, str]:
    """Return when the column was last looked at, and why it cannot serve."""
    checked_at = None if before is None else before.checked_at
    if before is not None and checked_at is not None:
        age = now - checked_at
        is_fresh = timedelta(0) <= age < _CHECK_EVERY
        if is_fresh:
            return checked_at, before.unfit
    return now, _why_unfit(run)


def _why_unfit(run: _LedgerRun) -> str:
    cursor = Cursor(run.walk.table, run.walk.column)
    return why_unfit(run.query, cursor, run.session)


@dataclass(slots=True)
class _LedgerRun:
    """One look, in the thread and the session that it was given."""

    query: Query
    walk: Ledger
    session: Session
    started_seconds: float
    begins_anew: bool
    """Whether the memory is of another statement."""
    shown: Rows = field(default_factory=partial(Rows, (), ()))
    row_count: int = 0

    def memory_after(self, before: LedgerMemory | None, now: datetime) -> LedgerMemory:
        """Return what the ledger knows after this look; made again where a table was made anew meanwhile."""
        while True:
            try:
                return self._look(before, now)
            except QueryError as error:
                # The snapshot is older than the table: another one is needed, and is had at once.
                has_time = time.monotonic() < self._ends_at_seconds() - MIN_TRY_SECONDS
                if error.code != _TABLE_CHANGED or not has_time:
                    raise

    def _look(self, before: LedgerMemory | None, now: datetime) -> LedgerMemory:
        """Return what the ledger knows after a look as of one instant."""
        self.row_count = 0
        statements = self._statements()
        settings = settings_of(self.walk)
        with self.session.snapshot(timeout=self.query.timeout):
            elapsed = timedelta(seconds=time.monotonic() - self.started_seconds)
            seen_at = now + elapsed
            taken, at = self._taken(statements, before, seen_at, settings)
            accounts = statements.accounts(taken.memory.users)
        self.shown = statements.shown
        return compare(taken, accounts, at, settings)

    def only_read(self) -> RunFindings:
        """Return the newest rows as they are; no judgement, and nothing is kept."""
        statements = self._statements()
        if _why_unfit(self):
            return RunFindings(Rows((), ()), Success((), 0, silent=_ABOUT_NOTHING))
        with self.session.snapshot(timeout=self.query.timeout):
            self._newest(statements, RECENT_IDS, ALL_USERS)
        shown = statements.shown
        rows = Rows(shown.columns, shown.rows[:_SHOWN_ROWS], shown.types)
        success = Success((), self.row_count, silent=_ABOUT_NOTHING)
        return RunFindings(rows, success)

    def findings(self, position: LedgerPosition) -> RunFindings:
        """Return the samples of what is known, with examples for what the rules find."""
        memory = position.memory
        samples = () if position.unfit else tuple(_samples(self.query, memory))
        ends_at_seconds = self._ends_at_seconds()
        evidence, errors = look_up_evidence(
            self.query, self.session, samples, ends_at_seconds
        )
        examples = _examples(self.query, memory, samples)
        # Before users have a level, that nothing was found says nothing.
        is_young = memory.looked_at < 2 * self.walk.settle.total_seconds()
        success = Success(
            samples,
            self.row_count,
            {**examples, **evidence},
            errors,
            silent=_ABOUT_NOTHING if is_young or position.unfit else (),
            position=position,
            counted_from=tuple(self._counted_from(memory)),
        )
        return RunFindings(self.shown, success)

    def _counted_from(self, memory: LedgerMemory) -> Iterable[CountedFrom]:
        """Yield from when on was counted what is told.

        A look finds it when no call can be under way any more: one look sees that a worth is another one, and one
        that it stood for as long.
        """
        settings = settings_of(self.walk)
        times = times_of(memory, memory.looked_at, settings)
        looks = 2 * self.query.schedule.period
        origin = memory.origin - timedelta(seconds=times.longest) - looks
        for metric in self.query.metrics:
            if metric.of_ledger is not None:
                since = counted_since(metric.of_ledger, memory, settings)
                for labels, at in since.items():
                    counted_at = origin + timedelta(seconds=at)
                    yield CountedFrom(metric.name, labels, counted_at)

    def _taken(
        self,
        statements: LedgerStatements,
        before: LedgerMemory | None,
        seen_at: datetime,
        settings: LedgerSettings,
    ) -> tuple[Taken, float]:
        """Return what is known with the new rows of this look, and when that is."""
        if before is None:
            rows, highest = self._newest(statements, FIRST_IDS, ALL_USERS)
            return begun(rows, highest, seen_at, settings), 0.0
        before = before.brought_back(seen_at)
        at = max(before.looked_at, (seen_at - before.origin).total_seconds())
        highest = statements.highest()
        since = rows_since(before, highest, settings)
        if self.begins_anew:
            rows, highest = self._newest(statements, FIRST_IDS, ALL_USERS)
            return begun_by_other_statement(before, rows, highest, at, settings), at
        if highest < before.highest or highest - since > MAX_IDS:
            rows, highest = self._newest(statements, RECENT_IDS, before.sample)
            return begun_anew(before, rows, highest, at, settings), at
        rows = self._read(statements.rows(since, highest, before.sample))
        return take_rows(before, rows, highest, at, settings), at

    def _newest(
        self, statements: LedgerStatements, most: int, sample: int
    ) -> tuple[Sequence[UsageRow], int]:
        highest = statements.highest()
        since = max(0, highest - most)
        return self._read(statements.rows(since, highest, sample)), highest

    def _read(self, rows: Iterable[UsageRow]) -> Sequence[UsageRow]:
        read = tuple(rows)
        self.row_count += len(read)
        return read

    def _statements(self) -> LedgerStatements:
        return LedgerStatements(
            self.query, self.walk, self.session, self._ends_at_seconds()
        )

    def _ends_at_seconds(self) -> float:
        return self.started_seconds + self.query.timeout.total_seconds()


def _samples(query: Query, memory: LedgerMemory) -> Iterable[Sample]:
    for metric in query.metrics:
        if metric.of_ledger is not None:
            for labels, value in values_of(metric.of_ledger, memory):
                yield Sample(metric.name, labels, value)


def _examples(
    query: Query, memory: LedgerMemory, samples: tuple[Sample, ...]
) -> dict[EvidenceKey, tuple[EvidenceRow, ...]]:
    """Return examples for what each rule finds: users and numbers, from what the ledger remembers."""
    facts = {metric.name: metric.of_ledger for metric in query.metrics}
    examples: dict[EvidenceKey, tuple[EvidenceRow, ...]] = {}
    for rule in query.rules:
        fact = facts.get(rule.metric)
        if fact is None:
            continue
        for sample in matching(rule, samples):
            found = examples_of(fact, sample.labels, memory)
            examples[rule.name, sample.labels] = tuple(found[:EVIDENCE_ROWS])
    return examples
