"""What the shipped queries need, derived from their SQL now: for scripts/derive-needs, and for its test."""

from __future__ import annotations

import json
from pathlib import Path

from monitor.config.queries.deriving import statements_of, without_cursor
from monitor.config.queries.files import find_queries
from monitor.config.queries.folders import Folder
from monitor.config.queries.reading import read_query
from monitor.config.shipped import SHIPPED_NEEDS, shipped_queries_directory
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.contract.needs import needs_of


def derived_now() -> dict[str, list[str]]:
    """Return the needs of each shipped query, by its name."""
    directory = shipped_queries_directory()
    problems = Problems()
    derived = {}
    for files in find_queries(
        Folder(directory, "queries", is_shipped=True), Path("-"), directory, problems
    ):
        section = read_document(files.toml, files.toml.name, problems)
        assert section is not None
        query = read_query(files, section, directory, problems)
        texts = [statement.text for statement in statements_of(query)]
        derived[files.name] = list(without_cursor(query, needs_of(texts)))
    assert not len(problems), problems.in_order()
    return derived


if __name__ == "__main__":
    path = shipped_queries_directory() / SHIPPED_NEEDS
    path.write_text(json.dumps(derived_now(), indent=2) + "\n", encoding="utf-8")
