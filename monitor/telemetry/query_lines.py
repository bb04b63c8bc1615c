"""Write the samples of one target's queries as lines, by family; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.alerting.query_view import QueryView
from monitor.model.results import Sample
from monitor.telemetry.query_families import Layout
from monitor.telemetry.text_format import LineFormat

# What a value that is not a number raises.
_UNRENDERABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class SampleLines:
    """The lines of one job's samples by the names of their metrics, and how many had to be left out."""

    of: tuple[Sample, ...] = ()
    """What they were written of."""
    lines: Mapping[str, bytes] = field(default_factory=dict)
    skipped: int = 0


def sample_lines(
    views: Sequence[QueryView], layout: Layout, now: datetime
) -> list[SampleLines]:
    """Return the lines of each of these jobs, which are all that can give the same series.

    Left out are a metric without a place on the page, and a series that is there already: Prometheus takes
    the first of two equal ones without a word, or refuses the page.
    """
    seen: set[object] | None = set() if len(views) > 1 else None
    return [_of_view(view, layout, now, seen) for view in views]


def _of_view(
    view: QueryView, layout: Layout, now: datetime, seen: set[object] | None
) -> SampleLines:
    samples = view.samples_at(now)
    if not samples:
        return SampleLines()
    writer = _LineWriter(view, layout.exported(view.job.query), seen)
    for sample in samples:
        writer.add(sample)
    return SampleLines(samples, writer.lines(), writer.skipped)


class _LineWriter:
    """The lines of one job, as they grow."""

    def __init__(
        self,
        view: QueryView,
        exported: Mapping[str, str | None],
        seen: set[object] | None,
    ) -> None:
        target = view.job.target
        self._fixed = {**target.labels, "target": target.name}
        self._exported = exported
        self._seen = seen
        self.skipped = 0
        """How many had to be left out."""
        self._lines: dict[str, list[str]] = {}
        self._formats: dict[tuple[str, ...], LineFormat] = {}

    def add(self, sample: Sample) -> None:
        """Add the line of a sample; others than those that are exported feed rules only."""
        if sample.metric not in self._exported:
            return
        family = self._exported[sample.metric]
        try:
            line = self._line(sample) if family else None
        except _UNRENDERABLE:
            line = None
        if family is None or line is None or self._is_there(sample):
            self.skipped += 1
        else:
            # Of a histogram all lines of one row stay together, as OpenMetrics wants it.
            self._lines.setdefault(family, []).append(line)

    def lines(self) -> dict[str, bytes]:
        """Return all lines by the names of their families."""
        return {name: "".join(lines).encode() for name, lines in self._lines.items()}

    def _line(self, sample: Sample) -> str:
        names = tuple([name for name, _value in sample.labels])
        values = [value for _name, value in sample.labels]
        kind = (sample.metric, *names)
        line_format = self._formats.get(kind)
        if line_format is None:
            line_format = self._formats[kind] = self._format(sample.metric, names)
        return line_format.line(values, sample.value)

    def _format(self, metric: str, names: tuple[str, ...]) -> LineFormat:
        # A label of the sample wins over one of the target's own, but never over the target's name.
        fixed = {
            name: value
            for name, value in self._fixed.items()
            if name == "target" or name not in names
        }
        return LineFormat(metric, names, fixed)

    def _is_there(self, sample: Sample) -> bool:
        """Return whether another job of the target has given the same series."""
        if self._seen is None:
            return False
        identity = (
            sample.metric,
            frozenset({**self._fixed, **dict(sample.labels)}.items()),
        )
        is_there = identity in self._seen
        self._seen.add(identity)
        return is_there
