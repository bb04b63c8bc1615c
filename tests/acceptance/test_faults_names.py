"""The name server is silent, knows the target no more, or leads elsewhere: bounded, and followed."""

from __future__ import annotations

from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.faults import Watched, watching
from tests.acceptance.names import naming
from tests.acceptance.program import wait_until

NAME = "db.tokens.test"


def test_a_name_server_that_is_silent_forgets_the_name_or_moves_it(
    mariadb: PrivateMariaDB, folder: Path
) -> None:
    target = f'host = "{NAME}"\ntls = {{ mode = "disabled" }}'
    with (
        naming(folder, NAME) as names,
        watching(mariadb, target=target, environ=names.environ) as watched,
    ):
        # silent from the start: no address is known
        watched.daemon.wait_for("run.finished", target="second")
        lost = watched.daemon.wait_for("target.lost", target="main")
        assert (lost["reason"], lost["detail"]) == ("target_down", "dns")
        watched.daemon.wait_for("run.failed", target="main")
        assert all(
            one["duration_seconds"] < 8
            for one in watched.daemon.seen("run.failed", target="main")
        )
        names.lead_to("127.0.0.1")
        watched.daemon.wait_for("target.recovered", target="main", seconds=40)

        # no answer any more, or a wrong one: the last good address still serves
        for forget in (names.forget, names.be_silent):
            watched.begin()
            forget()
            connects_anew(watched)
            watched.recovers()
            watched.is_not_lost()

        # moved to where nobody is; and back, as after a fail-over
        watched.begin()
        names.lead_to("127.0.0.2")
        # a connection that is good is kept, and what is under way may still lead to where it began
        while not is_down(watched):
            connects_anew(watched)
        watched.lost(detail="refused")
        names.lead_to("127.0.0.1")
        watched.recovers()


def is_down(watched: Watched) -> bool:
    """Return whether the target was reported as lost, and no connection that was under way then came through."""
    return len(watched.since("target.lost")) > len(watched.since("target.recovered"))


def connects_anew(watched: Watched) -> None:
    """Drop the connections and wait until a run had data by a new one, or could have none."""
    accepted = watched.proxy.listener.accepted
    watched.breaks()
    wait_until(
        lambda: (
            watched.since("target.lost") or watched.proxy.listener.accepted > accepted
        )
    )
    ended = len(watched.since("run.finished", query="things"))
    # one that connected where the name led before may be followed by one that cannot
    wait_until(
        lambda: (
            watched.since("target.lost")
            or len(watched.since("run.finished", query="things")) > ended
        ),
        seconds=30,
    )
