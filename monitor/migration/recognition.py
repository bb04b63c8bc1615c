"""Find out whose configuration a file is, and have it mapped; the way into this room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from monitor.config.data_files import DataError
from monitor.migration.imported import Imported
from monitor.migration.justwatch import map_justwatch, substituted
from monitor.migration.query_exporter import map_query_exporter
from monitor.migration.report import ImportReport
from monitor.migration.sql_exporter import map_sql_exporter
from monitor.migration.yaml_tree import Item, NamedFiles, TreeReader

_OF_SQL_EXPORTER: Final = frozenset(
    {"target", "collectors", "collector_files", "collector_name"}
)
_UNKNOWN: Final = (
    "is no configuration that is known here: query-exporter's has databases, metrics and queries;"
    " sql_exporter's target or jobs, and collectors; justwatch's jobs with connections and queries"
)


def import_text(
    name: str,
    text: str,
    files: NamedFiles,
    environment: Mapping[str, str],
    report: ImportReport,
) -> Imported:
    """Return what a configuration becomes; `name` is the file as the report shows it.

    DataError where it, or a file that it names, cannot be read or is of no program that is known.
    """
    reader = TreeReader(files, environment)
    root = reader.read(name, substituted(text, environment))
    keys = root.keys
    if {"databases", "queries"} <= keys:
        return map_query_exporter(root, report)
    if _OF_SQL_EXPORTER & keys or _has_collectors(root.at("jobs")):
        return map_sql_exporter(root, files, reader, report)
    if "jobs" in keys:
        return map_justwatch(root, report)
    raise DataError(_UNKNOWN)


def _has_collectors(jobs: Item) -> bool:
    """Return whether jobs are those of sql_exporter: both programs have some."""
    keys: set[str] = set()
    for job in jobs.items or ():
        keys |= job.keys
    return "collectors" in keys
