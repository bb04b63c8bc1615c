"""A measured figure: what every part of the bench gives, and what the page, the table and the plots are made of."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: all its samples, and those of what it is compared with."""

    part: str
    measure: str
    unit: str
    samples: tuple[float, ...]
    reference: tuple[float, ...] = ()
    """The same measure of what it is compared with, if there is such a thing."""
    against: str = ""
    """The name of that."""
    goal: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        """Return the median of the samples."""
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float | None:
        """Return the median by that of the reference; None without one, or where it is 0."""
        reference = statistics.median(self.reference) if self.reference else 0.0
        return self.median / reference if reference else None

    def line(self) -> str:
        """Return the row as a line for a terminal."""
        spread = f"{number(min(self.samples))}–{number(max(self.samples))}"
        text = f"{self.measure}: {number(self.median)} {self.unit} ({spread})"
        if self.ratio is not None:
            text += f"; {self.ratio:.2f} × {self.against}"
        return text

    def document(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return asdict(self) | {"median": self.median}


def row_of(document: Mapping[str, Any]) -> Row:
    """Return the row that a document of a run before holds."""
    fields = {key: value for key, value in document.items() if key != "median"}
    fields["samples"] = tuple(fields["samples"])
    fields["reference"] = tuple(fields["reference"])
    return Row(**fields)


def compared(rows: Sequence[Row], before: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the rows beside the samples of an earlier run, where it has the measure and they have no other peer."""
    samples = {document["measure"]: document["samples"] for document in before}
    return [
        replace(row, reference=tuple(samples[row.measure]), against="before")
        if row.measure in samples and not row.reference
        else row
        for row in rows
    ]


def number(value: float) -> str:
    """Return a figure with as many digits as are worth reading."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
