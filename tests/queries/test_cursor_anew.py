"""A table whose ids come again is read forward: emptied, restored, or on a server that is behind for a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from monitor.demo.mariadb import PrivateServer
from tests.queries.conftest import Bench
from tests.queries.test_cursor import RECOUNTED, TABLE, Reader, reader

COLUMNS = "(id, user_id, tokens_used, action, created_at)"


@dataclass
class Servers:
    """A table on a first server, and on a second one that has done less of what was done to it."""

    first: Bench
    second: Bench
    reader: Reader
    seconds: int = 0

    def write(self, *ids: int, late: bool = False) -> None:
        """Write rows on the first server; a late one has the time of when it was begun."""
        self.seconds += not late
        at = f"UTC_TIMESTAMP() + INTERVAL {self.seconds - late} SECOND"
        rows = ", ".join(f"({one}, {one}, 1, 'chat', {at})" for one in ids)
        self.first.execute(f"INSERT INTO token_usage_history {COLUMNS} VALUES {rows}")

    def empty(self, bench: Bench) -> None:
        """Empty the table of a server."""
        bench.execute("TRUNCATE token_usage_history")

    def replicate(self, first: int, last: int) -> None:
        """Have the second server do what it has not yet, of some ids."""
        self.second.execute(
            f"INSERT INTO token_usage_history SELECT * FROM {self.first.schema}.token_usage_history f"
            f" WHERE f.id BETWEEN {first} AND {last}"
            " AND f.id NOT IN (SELECT s.id FROM token_usage_history s)"
        )

    def fail_over(self) -> None:
        """Have the second server answer from now on."""
        self.reader.session = self.second.session

    def run(self, *seconds: float) -> float:
        """Run some times; return how many rows are counted in all."""
        for one in seconds or (60.0,):
            self.reader.run(one)
        return self.reader.events

    def settled(self) -> float:
        """Run until all is settled; on a slow machine a run does not reach all. Return how many are counted."""
        self.run(60, 60)
        while self.reader.value("token_usage_behind_seconds") > 0:
            self.run(1)
        return self.reader.events

    @property
    def of_the_day(self) -> float:
        """Return the window of a day."""
        return self.reader.series("token_usage_recent_events")["chat", "24h"]


@pytest.fixture(scope="module")
def benches(
    each_server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bench, Bench]]:
    first = Bench(each_server, tmp_path_factory.mktemp("first"))
    second = Bench(each_server, tmp_path_factory.mktemp("second"))
    try:
        yield first, second
    finally:
        first.close()
        second.close()


@pytest.fixture
def servers(benches: tuple[Bench, Bench]) -> Servers:
    first, second = benches
    for bench in benches:
        bench.execute("DROP TABLE IF EXISTS token_usage_history", TABLE)
        bench.session.connection.execute("SET SESSION timestamp = DEFAULT")
    return Servers(first, second, reader(first))


def test_rows_that_a_server_was_behind_with_do_not_count_twice_when_they_come(
    servers: Servers,
) -> None:
    servers.run()
    servers.write(1, 2, 3, 4, 5)
    servers.write(6, 7, 8, 9)
    servers.replicate(1, 6)
    assert servers.settled() == 9
    servers.fail_over()
    assert servers.run() == 9
    assert servers.of_the_day == 6
    for one in (7, 8, 9):
        servers.replicate(one, one)
        assert servers.settled() == 9
    servers.write(10, 11)
    servers.replicate(10, 11)
    assert servers.settled() == servers.of_the_day == 11
    assert servers.reader.value("token_usage_restarts_total") == 1
    assert servers.run(RECOUNTED, RECOUNTED) == 11


def test_a_row_that_came_late_counts_once_on_a_server_that_was_behind_with_it(
    servers: Servers,
) -> None:
    servers.run()
    servers.write(1, 2, 3)
    servers.write(5, 6, 9)
    servers.replicate(1, 3)
    assert servers.settled() == 6
    servers.write(4, late=True)
    servers.fail_over()
    servers.run()
    servers.replicate(5, 9)
    assert servers.settled() == 6
    servers.write(8, late=True)
    servers.replicate(4, 8)
    assert servers.run(RECOUNTED, RECOUNTED) == servers.of_the_day == 8
    assert servers.run(RECOUNTED, RECOUNTED) == 8


def test_new_rows_with_ids_of_before_count_where_a_server_had_lost_some(
    servers: Servers,
) -> None:
    servers.run()
    servers.write(*range(1, 10))
    servers.replicate(1, 6)
    assert servers.settled() == 9
    servers.fail_over()
    servers.run()
    # it is the first one now, and what the other had is lost
    servers.first, servers.second = servers.second, servers.first
    servers.write(7, 8)
    assert servers.settled() == 11
    servers.write(9, 10, 11)
    assert servers.settled() == 14


def test_rows_that_a_restore_brings_back_bit_by_bit_do_not_count_twice(
    servers: Servers,
) -> None:
    servers.run()
    servers.write(*range(1, 9))
    servers.replicate(1, 8)
    servers.write(*range(9, 13))
    assert servers.settled() == 12
    servers.empty(servers.first)
    assert servers.run() == 12
    servers.first, servers.second = servers.second, servers.first
    for one in (3, 5, 8):
        servers.replicate(1, one)
        assert servers.settled() == 12
    servers.first, servers.second = servers.second, servers.first
    servers.write(9, 10)
    servers.write(11, 12, 13)
    assert servers.settled() == 17
    assert servers.of_the_day == 13


def test_a_table_that_is_emptied_twice_before_it_has_passed_where_it_was(
    servers: Servers,
) -> None:
    servers.run()
    servers.write(*range(1, 21))
    assert servers.settled() == 20
    servers.empty(servers.first)
    servers.write(*range(1, 11))
    assert servers.settled() == 30
    servers.reader.restart()
    servers.empty(servers.first)
    servers.write(*range(1, 4))
    servers.run()
    servers.write(*range(4, 31))
    assert servers.settled() == 60
    assert servers.of_the_day == 30


@dataclass
class Life:
    """Random writes, and what becomes of servers, and how many rows there were."""

    servers: Servers
    chance: random.Random
    next_id: int = 1
    written: int = 0
    replicated: int = 0

    def step(self) -> None:
        """Do one thing."""
        kinds = {"write": 40, "run": 40, "replicate": 15, "fail over": 3, "empty": 2}
        kind = self.chance.choices(list(kinds), weights=list(kinds.values()))[0]
        if kind == "write":
            count = self.chance.randint(1, 5)
            self.servers.write(*range(self.next_id, self.next_id + count))
            self.next_id += count + self.chance.choice([0, 0, 2])
            self.written += count
        elif kind == "replicate":
            self.replicate(self.chance.randint(self.replicated, self.next_id - 1))
        elif kind == "fail over":
            self.fail_over()
        elif kind == "empty":
            self.empty()
        else:
            self.servers.run(self.chance.choice([5.0, 20.0, 40.0]))

    def replicate(self, until: int) -> None:
        """Have the other server do what it has not yet."""
        self.servers.replicate(self.replicated + 1, until)
        self.replicated = until

    def fail_over(self) -> None:
        """Have the other server answer, which is behind and catches up."""
        self.servers.fail_over()
        self.servers.run(1.0)
        for until in range(self.replicated, self.next_id):
            self.replicate(until)
            self.servers.run(self.chance.choice([1.0, 20.0]))
        servers = self.servers
        servers.first, servers.second = servers.second, servers.first
        # what was the first is the replica now, and has all
        self.replicated = self.next_id - 1

    def empty(self) -> None:
        """Empty both tables when all is counted: it is seen at once."""
        self.servers.settled()
        for bench in (self.servers.first, self.servers.second):
            self.servers.empty(bench)
        self.next_id, self.replicated = 1, 0
        self.servers.run(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_becomes_of_a_table_and_its_servers_each_row_counts_once(
    servers: Servers, seed: int
) -> None:
    servers.run(0)
    life = Life(servers, random.Random(seed))
    for _ in range(100):
        life.step()
    assert servers.settled() == life.written
    assert servers.run(RECOUNTED, RECOUNTED) == life.written
