"""Query files to queries: SQL templates, their guard, and what their columns mean."""

from __future__ import annotations

from monitor.catalog.guard import Fault
from monitor.catalog.statement import StatementError, read_statement

__all__ = ["Fault", "StatementError", "read_statement"]
