"""Query files to queries: SQL templates, their guard, and what their columns mean."""

from __future__ import annotations

from monitor.config.queries.read_only import Fault
from monitor.config.queries.statement import StatementError, read_statement

__all__ = ["Fault", "StatementError", "read_statement"]
