"""A sweep on a server that is far away: it comes to an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from monitor.model.positions import Position, SweepPosition
from monitor.timing.deadlines import Watchdog
from tests.queries.conftest import Bench
from tests.queries.far_away import far_server, far_session
from tests.queries.walking import THINGS, kept, numbers, step

ROWS = 40_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateMariaDB]:
    with far_server(tmp_path_factory.mktemp("far") / "m") as server:
        yield server


def test_a_table_far_away_is_read_to_its_end_in_wide_pieces(
    server: PrivateMariaDB, tmp_path: Path, watchdog: Watchdog
) -> None:
    with closing(Bench(server, tmp_path)) as bench:
        bench.execute(
            "CREATE TABLE things (id BIGINT PRIMARY KEY, plan VARCHAR(20), n INT NULL)",
            f"INSERT INTO things SELECT seq, 'pro', 1 FROM seq_1_to_{ROWS}",
        )
        with far_session(server, bench.schema, watchdog, []) as session:
            position: Position | None = None
            for _ in range(40):
                success = step(THINGS, session, position)
                position = kept(success, position)
                assert isinstance(position, SweepPosition)
                if position.last is not None:
                    break
    assert numbers(success.samples)["all_things", ""] == ROWS
