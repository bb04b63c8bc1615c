"""What the shipped queries make a server do, on a small set of data, against its limits in read_limits.toml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateServer
from scripts.bench_parts.limits import problems, read_limits
from scripts.bench_parts.reads import Reads, measured
from tests.support.servers import PrivateMySQL

_RENEW = "If that is meant: scripts/bench limits, and look at the difference in tests/queries/read_limits.toml"


@pytest.mark.slow
def test_no_shipped_query_reads_more_than_it_did(
    each_server: PrivateServer, tmp_path: Path
) -> None:
    kind = "mysql" if isinstance(each_server, PrivateMySQL) else "mariadb"
    limits = read_limits()[kind]

    found = measured(each_server, tmp_path)

    said = [
        f"{kind}, {schema}, {problem}"
        for schema, queries in found.items()
        for problem in _problems(queries, limits[schema])
    ]
    assert said == [], _RENEW


def _problems(
    found: Mapping[str, Reads], limits: Mapping[str, Mapping[str, int]]
) -> list[str]:
    without = sorted(found.keys() ^ limits.keys())
    said = [f"{name}: not both a shipped query and one with limits" for name in without]
    for name in sorted(found.keys() & limits.keys()):
        said += [f"{name}: {what}" for what in problems(found[name], limits[name])]
    return said


def test_a_count_far_over_its_limit_is_told_and_one_a_little_over_it_is_not() -> None:
    limit = {"rows": 1_000, "statements": 2, "bytes": 100}

    assert problems(Reads(rows=1_300, statements=52, bytes=175), limit) == []
    assert problems(Reads(rows=1_301, statements=2, bytes=100), limit) == [
        "1,301 rows, 1,000 before"
    ]
