"""What a run finds while it is being made, before it is a Result; between the run and how it reads."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.model.results import Rows, Success


@dataclass(frozen=True, slots=True)
class RunFindings:
    """The rows as they came, and what became of them."""

    rows: Rows
    success: Success
