from __future__ import annotations

from monitor.config.shipped import shipped_needs
from tests.queries.shipped_needs import derived_now


def test_the_needs_of_shipped_queries_are_what_their_sql_reads_now() -> None:
    assert shipped_needs() == derived_now(), "run scripts/derive-needs"
