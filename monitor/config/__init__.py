"""config.toml and the query files to one frozen Config, with every problem at once."""

from __future__ import annotations

from monitor.config.loading import Outside, load
from monitor.config.shipped import shipped_queries_directory

__all__ = ["Outside", "load", "shipped_queries_directory"]
