"""The network between daemon and server breaks in every way: bounded, told once, healed by itself."""

from __future__ import annotations

import socket

import pytest

from tests.acceptance.faults import CALM, MAX_CONNECTIONS, RUNAWAY, Watched, stood_still
from tests.acceptance.program import wait_until
from tests.database.proxy import ok_packet, packet, result_packets, serve_session

IN_A_BLACK_HOLE = ("no_greeting", "unreachable", "lost")
"""What it looks like; lost: to a connection that was just being made, let in and not yet set up."""


def is_bounded(watched: Watched) -> None:
    """No run took longer than to find its connection dead, to try for another, and its limit."""
    durations = [
        one["duration_seconds"] for one in watched.since("run.failed", target="main")
    ]
    assert durations
    assert max(durations) < 8


def say_nothing(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def test_a_server_that_accepts_and_says_nothing(watched: Watched) -> None:
    watched.breaks(instead=say_nothing)
    watched.lost(detail="no_greeting")
    is_bounded(watched)
    watched.proxy.heal()
    watched.recovers()


def test_a_greeting_that_is_trickled_is_cut_at_the_deadline(watched: Watched) -> None:
    watched.breaks(trickle_seconds=0.05)
    watched.lost(detail="no_greeting")
    is_bounded(watched)
    watched.proxy.heal()
    watched.recovers()


def test_rows_that_are_trickled_are_cut_at_the_deadline(watched: Watched) -> None:
    # these rows take a minute; what a new connection has to be told comes as ever
    watched.proxy.trickle_from_bytes = 4_000
    watched.proxy.trickle_seconds = 0.001
    watched.steer(
        "SELECT CONCAT('row', LPAD(seq, 60, '0')) AS name, seq AS n FROM seq_1_to_900"
    )
    failed = watched.failed("steered", "timeout", message="no result within 700ms")
    assert 1.5 < failed["duration_seconds"] < 15
    watched.keeps_its_word()
    watched.runs_again("things")
    watched.is_not_lost()
    watched.proxy.heal()
    watched.recovers()
    wait_until(
        lambda: len(watched.daemon.series("app_steered{")) == 900, why="the rows came"
    )


def test_a_black_hole_under_idle_connections(watched: Watched) -> None:
    watched.pauses()
    watched.proxy.freeze()
    watched.goes_on()
    assert watched.lost()["detail"] in IN_A_BLACK_HOLE
    is_bounded(watched)
    watched.proxy.thaw()
    watched.recovers()


def test_a_black_hole_under_a_running_query(watched: Watched) -> None:
    watched.steer(RUNAWAY)
    wait_until(lambda: watched.running(), why="the query runs")
    watched.proxy.freeze()
    watched.failed("steered", "timeout")
    watched.is_stopped_on_the_server()
    assert watched.lost()["detail"] in IN_A_BLACK_HOLE
    is_bounded(watched)
    watched.proxy.heal()
    watched.end()
    watched.recovers()


def test_half_open_connections_are_found_out_and_replaced(watched: Watched) -> None:
    watched.pauses()
    while not (sessions := watched.sessions()):
        watched.goes_on()
        watched.runs_again("things")
        watched.pauses()
    watched.proxy.strand()
    watched.execute(*(f"KILL {session}" for session in sessions))
    wait_until(lambda: not watched.sessions(), why="the server has closed them")
    watched.goes_on()
    wait_until(
        lambda: found_out(watched),
        why="a run that found its connection dead, and had its data by another",
    )
    watched.recovers()
    watched.is_not_lost()
    assert not set(sessions) & set(watched.sessions())


def found_out(watched: Watched) -> bool:
    """Return whether a run waited in vain for an answer, and then asked by another connection."""
    # on a busy machine the statement's own limit may end it there
    asked = watched.since("run.finished", target="main") + watched.since(
        "run.failed", reason="timeout"
    )
    return any(one["duration_seconds"] >= 1 for one in asked if one["target"] == "main")


def test_idle_connections_that_the_server_timed_out_are_replaced_silently(
    watched: Watched,
) -> None:
    watched.breaks(
        from_client=lambda sent: sent.replace(
            b" wait_timeout = 600", b" wait_timeout = 1"
        )
    )
    wait_until(watched.is_well, seconds=60, why="the new sessions are in use")
    watched.begin()
    watched.pauses()
    wait_until(
        lambda: all_timed_out(watched), seconds=60, why="the server has closed them"
    )
    watched.goes_on()
    watched.runs_again("things")
    watched.recovers()
    watched.is_not_lost()
    # many runs at once after a pause may wait too long for a connection: that is the test's doing
    failed = [
        one
        for one in watched.since("run.failed", target="main")
        if not stood_still(one)
    ]
    assert {one["reason"] for one in failed} <= {"timeout"}


def all_timed_out(watched: Watched) -> bool:
    if watched.sessions("AND time_ms > 3000"):
        # one was just being set up when the daemon was stopped: stop it at another moment
        watched.goes_on()
        watched.runs_again("things")
        watched.pauses()
    return not watched.sessions()


def test_a_reset_in_the_middle_of_a_query_costs_that_run_only(watched: Watched) -> None:
    watched.steer(RUNAWAY)
    wait_until(
        lambda: (
            is_reset(watched)
            and watched.since(
                "run.failed", query="steered", reason="target_down", code=2013
            )
        ),
        seconds=60,
        why="a run was hit before its limit",
    )
    watched.failed("steered", "target_down", code=2013)
    watched.is_stopped_on_the_server()
    watched.steer(CALM)
    watched.recovers()
    watched.is_not_lost()


def is_reset(watched: Watched) -> bool:
    """Reset the connections while the query runs on one of them, and none is just being made."""
    listener = watched.proxy.listener
    of_run = "info LIKE '%FROM steered'"
    if (
        listener.open_count == MAX_CONNECTIONS
        and watched.running()
        and watched.is_idle(but_for=of_run)
    ):
        listener.drop_all(with_reset=True)
    return True


def test_a_port_that_is_closed(watched: Watched) -> None:
    watched.pauses()
    watched.proxy.listener.refuse()
    watched.proxy.listener.drop_all()
    watched.goes_on()
    watched.lost(detail="refused")
    attempts = watched.failures("target_down")
    wait_until(
        lambda: watched.failures("target_down") > attempts + 2, why="it goes on trying"
    )
    # told once, counted each time
    assert len(watched.since("target.lost")) == 1
    assert watched.news() == [("firing", "TokenMonitorTargetDown")]
    watched.proxy.listener.listen()
    watched.recovers()


FILE_REQUEST = packet(1, b"\xfb/etc/passwd")
BROKEN_ANSWERS = {
    "asks for a file": (FILE_REQUEST, "internal"),
    "numbers a packet wrong": (packet(9, b"\x01"), "internal"),
    "ends a column early": (packet(1, b"\x01") + packet(2, b"\x03de"), "internal"),
    "sends an empty packet": (packet(1, b""), "internal"),
    "says OK in place of rows": (ok_packet(1), "bad_result"),
    "sends a text in place of the number": (
        result_packets(("n",), (("many",),)),
        "bad_result",
    ),
}


@pytest.mark.parametrize("answer", BROKEN_ANSWERS)
def test_an_answer_that_no_server_gives(watched: Watched, answer: str) -> None:
    sent, reason = BROKEN_ANSWERS[answer]
    received = bytearray()

    def talk(client: socket.socket) -> None:
        def record(sql: str) -> bytes | None:
            received.extend(sql.encode())
            return sent if sql.startswith("SELECT * FROM things") else None

        serve_session(client, record)

    watched.breaks(instead=talk)
    watched.failed("things", reason)
    watched.keeps_its_word()
    assert b"SELECT * FROM things" in received
    assert b"root:" not in received
    watched.proxy.heal()
    watched.recovers()
