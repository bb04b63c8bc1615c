"""A run that was not made for want of columns: one of the outcomes that a result may have."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from monitor.model.columns import ColumnName


@dataclass(frozen=True, slots=True)
class Blocked:
    """A run that was not made, because columns that it needs are known to be missing."""

    missing: tuple[ColumnName, ...]

    @property
    def why_no_data(self) -> tuple[str, str]:
        """Return the word for it and the message."""
        return "blocked", self.message

    @property
    def remark(self) -> str:
        """Return what there is to say of it to people."""
        return self.message

    @property
    def has_reached_server(self) -> bool:
        """Return whether it has taken time of its server."""
        return False

    def columns_lacked(self, _missing: Set[ColumnName]) -> Set[ColumnName]:
        """Return for want of which columns the run was not made."""
        return frozenset(self.missing)

    @property
    def message(self) -> str:
        """Return which columns are missing, in words."""
        return f"missing: {', '.join(str(column) for column in self.missing)}"
