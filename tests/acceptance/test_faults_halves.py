"""Half a fault: some connections work and others do not, or it comes and goes; nothing untrue is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.faults import Watched, watching
from tests.acceptance.program import wait_until

DOWN = "TokenMonitorTargetDown"
DOWN_FOR = "6s"


@pytest.fixture(scope="module")
def daemon_and_server(mariadb: PrivateMariaDB) -> Iterator[Watched]:
    """Run them with a `for` in which much can come and go."""
    with watching(mariadb, down_for=DOWN_FOR) as watched:
        yield watched


def lose_once(watched: Watched) -> None:
    """Close the port for as long as it takes to be noticed."""
    failures = watched.failures("target_down")
    watched.proxy.listener.refuse()
    watched.proxy.listener.drop_all()
    wait_until(lambda: watched.failures("target_down") > failures, why="it is noticed")
    watched.proxy.listener.listen()


def connect_anew(watched: Watched) -> None:
    """Drop the connections that there are."""
    accepted = watched.proxy.listener.accepted
    watched.pauses()
    watched.proxy.listener.drop_all()
    watched.goes_on()
    wait_until(
        lambda: watched.proxy.listener.accepted > accepted, why="it connects again"
    )


def times(watched: Watched, status: str, name: str = DOWN) -> int:
    return watched.news().count((status, name))


@pytest.mark.parametrize("turns_away", [0, 2])
@pytest.mark.parametrize("turn", [lose_once, connect_anew])
def test_what_comes_and_goes_is_one_fault_that_begins_once_and_is_over_once(
    watched: Watched, turn: Callable[[Watched], None], turns_away: int
) -> None:
    watched.proxy.turns_away = turns_away
    for _ in range(6):
        turn(watched)
        watched.runs_again("things")
        watched.keeps_its_word()
    while turn is lose_once and not times(watched, "firing"):
        lose_once(watched)
    assert times(watched, "resolved") == 0
    assert times(watched, "firing") <= 1
    watched.proxy.heal()
    watched.recovers()
    wait_until(
        lambda: times(watched, "resolved") == times(watched, "firing"), why="it is over"
    )


def test_a_port_that_is_closed_beside_a_connection_that_lives_is_no_lost_target(
    watched: Watched,
) -> None:
    # One query holds its connection for a while, or all of them would get along with the one that there is.
    watched.steer("SELECT 'held' AS name, SLEEP(0.3) AS n")
    wait_until(lambda: len(watched.sessions()) > 1, why="two connections")
    watched.pauses()
    watched.proxy.listener.refuse()
    watched.execute(*(f"KILL {session}" for session in watched.sessions()[1:]))
    watched.goes_on()
    watched.waits_for("firing", "TokenMonitorConnectionsRefused")
    watched.runs_again("things")
    watched.keeps_its_word()
    watched.is_not_lost()
    watched.proxy.listener.listen()
    watched.recovers()
    watched.waits_for("resolved", "TokenMonitorConnectionsRefused")
    assert times(watched, "firing") == 0
