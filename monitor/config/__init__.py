"""config.toml and the query files to one frozen Config, with every problem at once."""

from __future__ import annotations

from monitor.config.loading import load
from monitor.config.shipped import shipped_queries_directory

__all__ = ["load", "shipped_queries_directory"]
