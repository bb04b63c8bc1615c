"""Read one piece of a sweep: narrower where it fails, with examples of what it proves; in a run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.alerting.evaluate import matching
from monitor.collector.evidence import MAX_FINDINGS, look_up_evidence
from monitor.collector.fetching import MIN_TRY_SECONDS, fetch
from monitor.collector.samples import samples_of
from monitor.collector.sweep_keys import SweepKeys
from monitor.collector.sweep_pace import next_pace
from monitor.collector.sweep_sums import added, proven_in
from monitor.database import Session
from monitor.model.errors import QueryError, Reason
from monitor.model.results import CANCELLED, EvidenceKey, EvidenceRow, Rows, Sample
from monitor.model.settings import Bindable, Query, Rule
from monitor.model.sweeps import Pace, PartCycle, Sums, SweepKey

_RETRIES = 3
_NARROWER = 8
"""A piece that failed is read again as so many, the first of them."""
_MOST_TIMES = 10
"""A piece may take so many times what it should: then it is cut, and read narrower."""
_OF_SIZE = frozenset({Reason.TIMEOUT, Reason.LOCK_WAIT, Reason.KILLED})
"""What a narrower piece may be spared."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one piece gave, up to which key there is nothing left to read, and how wide the next one is."""

    rows: Rows
    samples: tuple[Sample, ...]
    examples: dict[EvidenceKey, tuple[EvidenceRow, ...]]
    evidence_errors: tuple[str, ...]
    reached: SweepKey
    pace: Pace
    seconds: float
    """What its statements took, also those that failed."""


@dataclass(frozen=True, slots=True)
class PieceReader:
    """Reads pieces of one query in a session, within what is left of a run's time."""

    query: Query
    session: Session
    keys: SweepKeys
    left_seconds: float

    def read(self, under_way: PartCycle, pace: Pace) -> Piece:
        """Read the next piece; QueryError where three narrower tries failed too, SampleError for rows."""
        started_seconds = time.monotonic()
        width = pace.width
        for retry in range(_RETRIES + 1):
            try:
                return self._read(under_way, replace(pace, width=width), retry)
            except QueryError as error:
                is_cancelled = error.detail == CANCELLED
                if error.reason not in _OF_SIZE or is_cancelled or retry == _RETRIES:
                    raise
                left_seconds = self.left_seconds - (time.monotonic() - started_seconds)
                if left_seconds < MIN_TRY_SECONDS:
                    raise
            width = max(1, width // _NARROWER)
        raise AssertionError("the last try returns or raises")

    def _read(self, under_way: PartCycle, pace: Pace, retry: int) -> Piece:
        to_key = self.keys.piece_end(under_way.reached, under_way.end, pace.width)
        bounds: dict[str, Bindable] = {
            "from_key": under_way.reached,
            "to_key": to_key,
        }
        started_seconds = time.monotonic()
        rows = self._fetch(bounds, self._limit(pace, retry))
        seconds = time.monotonic() - started_seconds
        samples = samples_of(self.query, rows)
        sums = under_way.so_far.sums
        examples, errors = self._examples(samples, sums, bounds)
        reached = to_key
        if not any(sample.value for sample in samples):
            reached = self.keys.gap_end(to_key, under_way.end)
        if to_key != under_way.end and reached == to_key:
            # Neither the rest of a table nor a gap says how long a piece takes.
            pace = next_pace(pace, pace.width, seconds, self._piece_seconds)
        return Piece(
            rows,
            samples,
            examples,
            errors,
            _least(reached, under_way.end),
            pace,
            seconds,
        )

    def _fetch(self, bounds: dict[str, Bindable], limit: timedelta) -> Rows:
        statement = self.query.statement_for(self.session.server.flavor)
        values = {**self.query.parameters, **bounds}
        return fetch(self.session, statement, values, limit, self.query.max_rows)

    def _limit(self, pace: Pace, retry: int) -> timedelta:
        """Return how long this try may take; the last one has all the time of the run."""
        if retry == _RETRIES:
            return timedelta(seconds=max(self.left_seconds, MIN_TRY_SECONDS))
        usual_seconds = self._piece_seconds
        # In large steps: each other limit has to be stated, which is one more way to the server and back.
        while usual_seconds < 2 * pace.fixed_seconds:
            usual_seconds *= 2
        seconds = max(usual_seconds * _MOST_TIMES, MIN_TRY_SECONDS)
        return timedelta(seconds=min(seconds, max(self.left_seconds, MIN_TRY_SECONDS)))

    @property
    def _piece_seconds(self) -> float:
        return self.keys.sweep.piece.total_seconds()

    def _examples(
        self,
        samples: tuple[Sample, ...],
        before: Sums,
        bounds: dict[str, Bindable],
    ) -> tuple[dict[EvidenceKey, tuple[EvidenceRow, ...]], tuple[str, ...]]:
        """Look up examples, within the piece, of what its rows prove for the first time."""
        proven = proven_in(self.query, added(before, samples, {}), Sums())
        here = {(sample.metric, sample.labels) for sample in samples if sample.value}
        found: dict[EvidenceKey, tuple[EvidenceRow, ...]] = {}
        errors: tuple[str, ...] = ()
        for rule in self.query.rules:
            wanted = _without_examples(rule, proven, before)
            wanted = [one for one in wanted if (one.metric, one.labels) in here]
            if not wanted:
                continue
            piece = replace(self.query, rules=(rule,))
            ends_at_seconds = time.monotonic() + self.left_seconds
            rows, failed = look_up_evidence(
                piece, self.session, tuple(wanted), ends_at_seconds, bounds
            )
            found.update(rows)
            errors += failed
        return found, errors


def _without_examples(
    rule: Rule, proven: tuple[Sample, ...], before: Sums
) -> list[Sample]:
    """Return what a rule finds proven and has no examples of yet, as many as it may have."""
    if rule.evidence is None or rule.condition.kind != "above":
        return []
    shown = {labels for name, labels in before.examples if name == rule.name}
    wanted = [one for one in matching(rule, proven) if one.labels not in shown]
    return wanted[: max(0, MAX_FINDINGS - len(shown))]


def _least(reached: SweepKey, end: SweepKey) -> SweepKey:
    """Return a key that is not behind the end of the cycle: what was inserted since is the next one's."""
    if isinstance(reached, int) and isinstance(end, int):
        return min(reached, end)
    return reached
