"""Keep the lines of /metrics ready as bytes, by query and by target; writes anew those of what has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from monitor.alerting.contact import TargetView
from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.settings import JobKey
from monitor.telemetry.carrying import carried_over
from monitor.telemetry.counters import Changed
from monitor.telemetry.own_lines import OwnLines, subject_of
from monitor.telemetry.own_metrics import Owner
from monitor.telemetry.query_families import Layout, layout_of
from monitor.telemetry.query_lines import SampleLines, sample_lines

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class QueryPiece:
    """The lines of one query on one target."""

    view: QueryView
    """What they were written of."""
    own: tuple[bytes, ...]
    """Of the metrics of our own, in the order of `OwnLines.of_query`."""
    statuses: frozenset[QueryStatus]
    """Those that it was shown with."""
    samples: SampleLines = field(default_factory=SampleLines)

    @property
    def expires_at(self) -> datetime:
        """Return until when its samples may be shown."""
        ends_at = self.view.expires_at if self.samples.lines else None
        return ends_at or NEVER


@dataclass(frozen=True, slots=True)
class TargetPiece:
    """The lines of one target, in the order of `OwnLines.of_target`."""

    view: TargetView
    own: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All lines that are ready, in the order of the configuration; never changed, but replaced as a whole."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    changes: int = -1
    """What `Telemetry.changes` was before they were written."""
    queries: Mapping[JobKey, QueryPiece] = field(default_factory=dict)
    targets: Mapping[str, TargetPiece] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    expires_at: datetime = NEVER
    """When the first of them may be shown no longer."""

    def is_current(self, snapshot: Snapshot, changes: int, now: datetime) -> bool:
        """Return whether nothing has changed and nothing has expired since they were written."""
        is_same = snapshot is self.snapshot and changes == self.changes
        return is_same and not self.is_over(now)

    def is_over(self, now: datetime) -> bool:
        """Return whether some of them may be shown no longer."""
        return now >= self.expires_at

    def of_target(self, name: str) -> Prepared | None:
        """Return the lines of one target alone; None where there is no such target."""
        if name not in self.targets:
            return None
        keys = self.snapshot.shown_keys_of(name)
        queries = {key: self.queries[key] for key in keys}
        targets = {name: self.targets[name]}
        return replace(self, queries=queries, targets=targets)

    def without_targets(self) -> Prepared:
        """Return no lines of any target, for what belongs to none."""
        return replace(self, queries={}, targets={})


class Renewal:
    """One step from what was prepared to what is known now.

    It goes by identity, as views are replaced when they change: the same view has the same lines. `changed`
    are the owners of the counters that changed; `taken` the names of families that no query may have.
    """

    def __init__(
        self,
        old: Prepared,
        snapshot: Snapshot,
        own: OwnLines,
        *,
        changed: Changed,
        taken: Collection[str],
    ) -> None:
        self._old = old
        self._snapshot = snapshot
        self._own = own
        self._counted = changed
        self._taken = taken
        self._queries: dict[JobKey, QueryPiece] = {}
        self._renewed: list[JobKey] = []
        # They are others with each configuration, and with nothing else.
        self._is_alike = snapshot.keys_of is old.snapshot.keys_of

    def prepared(self, changes: int, now: datetime) -> Prepared:
        """Return all lines; of samples those that hold at `now`."""
        self._write_own()
        layout = self._layout()
        self._write_samples(layout, now)
        return Prepared(
            self._snapshot,
            changes,
            self._queries,
            self._targets(),
            layout,
            self._expires_at(now),
        )

    def _expires_at(self, now: datetime) -> datetime:
        """Return when the first lines expire, or something earlier: then all of them are looked at."""
        known = self._old.expires_at
        keys: Iterable[JobKey] = self._renewed
        if not self._is_alike or self._old.is_over(now):
            known, keys = NEVER, self._queries
        return min([known, *[self._queries[key].expires_at for key in keys]])

    def _write_own(self) -> None:
        views = self._snapshot.queries
        counted = self._counted[Owner.JOB]
        self._queries, keys = carried_over(
            self._old.queries, self._old.snapshot.queries, views, counted
        )
        for key in keys:
            view = views[key]
            piece = self._old.queries.get(key)
            if piece is None or piece.view is not view or key in counted:
                piece = self._query_piece(piece, view)
                self._renewed.append(key)
            self._queries[key] = piece

    def _query_piece(self, old: QueryPiece | None, view: QueryView) -> QueryPiece:
        statuses = frozenset([view.status])
        samples = SampleLines()
        if old is not None:
            statuses |= old.statuses
            samples = old.samples
        subject = subject_of(view, statuses)
        own = tuple([column.write(subject) for column in self._own.of_query])
        return QueryPiece(view, own, statuses, samples)

    def _layout(self) -> Layout:
        """Return the layout; the one of before while the jobs are the same ones."""
        if self._is_alike:
            return self._old.layout
        jobs = [view.job for view in self._snapshot.queries.values()]
        return layout_of(jobs, self._taken)

    def _write_samples(self, layout: Layout, now: datetime) -> None:
        is_other = layout is not self._old.layout
        candidates: Iterable[JobKey] = self._renewed
        if is_other or self._old.is_over(now):
            candidates = self._queries
        groups: dict[tuple[JobKey, ...], None] = {}
        for key in candidates:
            piece = self._queries[key]
            # Most stay as they are from run to run: to compare ten thousand is cheaper than to write them.
            if is_other or piece.view.samples_at(now) != piece.samples.of:
                groups[layout.sharing(key)] = None
        for group in groups:
            self._write_group(group, layout, now)

    def _write_group(
        self, keys: tuple[JobKey, ...], layout: Layout, now: datetime
    ) -> None:
        pieces = [self._queries[key] for key in keys]
        written = sample_lines([piece.view for piece in pieces], layout, now)
        for key, piece, samples in zip(keys, pieces, written, strict=True):
            self._queries[key] = replace(piece, samples=samples)

    def _targets(self) -> dict[str, TargetPiece]:
        views = self._snapshot.targets
        counted = {name for (name,) in self._counted[Owner.TARGET]}
        targets, names = carried_over(
            self._old.targets, self._old.snapshot.targets, views, counted
        )
        for name in names:
            view = views[name]
            piece = self._old.targets.get(name)
            if piece is None or piece.view is not view or name in counted:
                lines = [column.write(view) for column in self._own.of_target]
                piece = TargetPiece(view, tuple(lines))
            targets[name] = piece
        return targets
