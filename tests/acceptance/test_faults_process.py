"""The process is denied output, descriptors, memory, threads, time to end: what it watches is still told."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import two_files, webhook
from tests.acceptance.program import Daemon, Hook, running, wait_until
from tests.acceptance.single_value import ALERT, FIRING, SingleValue
from tests.notify.far_end import FarEnd, far_end, stall
from tests.support.servers import free_port

DROPPED = "token_monitor_log_events_dropped_total"
BIG_BYTES = 12_000_000
ROOM_BYTES = 10_000_000
"""Enough for what goes on, too little for the big result."""
STACK_BYTES = 8 * 2**20
NEW_TARGETS = 8
"""More than there are stacks of ended threads, which the C library keeps for new ones."""


class Mute:
    """The program with its output somewhere else; its address is known beforehand."""

    def __init__(self, single_value: SingleValue, hook: Hook) -> None:
        self._port = free_port()
        self.config = single_value.config(webhook(hook.url))
        text = self.config.read_text()
        self.config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{self._port}"))

    @contextmanager
    def running(self, stdout: int) -> Iterator[None]:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "monitor",
                "run",
                "--config",
                os.fspath(self.config),
                "--log-level",
                "debug",
            ],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()

    def value(self, name: str) -> float:
        """Read a series; 0 while nobody listens yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        except ConnectionError:
            return 0.0
        finally:
            connection.close()
        return next(
            (
                float(line.rpartition(" ")[2])
                for line in lines
                if line.startswith(f"{name} ")
            ),
            0.0,
        )

    def runs(self) -> float:
        return self.value(
            'token_monitor_query_runs_total{query="things",target="main"}'
        )


def comes_and_goes(single_value: SingleValue, hook: Hook) -> None:
    single_value.set(1)
    hook.wait_for("firing", ALERT)
    single_value.set(0)
    hook.wait_for("resolved", ALERT)
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


@pytest.mark.parametrize("output", ["full", "closed"])
def test_an_output_that_takes_nothing_costs_events_that_are_counted_and_nothing_else(
    single_value: SingleValue, hook: Hook, output: str
) -> None:
    reader, descriptor = (
        os.pipe() if output == "closed" else (None, os.open("/dev/full", os.O_WRONLY))
    )
    if reader is not None:
        os.close(reader)
    mute = Mute(single_value, hook)
    with mute.running(descriptor):
        os.close(descriptor)
        wait_until(lambda: mute.value(DROPPED) > 3, why="dropped events are counted")
        comes_and_goes(single_value, hook)


def test_an_output_that_nobody_reads_delays_nothing_and_loses_nothing_once_it_is_read(
    single_value: SingleValue, hook: Hook
) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    mute = Mute(single_value, hook)
    with os.fdopen(reader, "rb") as lines:
        with mute.running(writer):
            wait_until(
                lambda: not select.select([], [writer], [], 0)[1],
                why="the pipe is full",
            )
            os.close(writer)
            before = mute.runs()
            comes_and_goes(single_value, hook)
            wait_until(lambda: mute.runs() > before + 5)
            assert mute.value(DROPPED) == 0
            events = [json.loads(lines.readline())]
            while events[-1]["event"] != "alert.resolved":
                events.append(json.loads(lines.readline()))
        events.extend(map(json.loads, lines))
    names = [one["event"] for one in events]
    assert (names[0], names[-1]) == ("monitor.started", "monitor.stopped")
    alerts = [one["event"] for one in events if one.get("alertname") == ALERT]
    assert alerts == ["alert.fired", "alert.resolved"]


@contextmanager
def limited(daemon: Daemon, which: int, limit: int) -> Iterator[None]:
    """Allow the running process less of something, for a while."""
    _, hard = resource.prlimit(daemon.pid, which)
    resource.prlimit(daemon.pid, which, (limit, hard))
    try:
        yield
    finally:
        resource.prlimit(daemon.pid, which, (hard, hard))


def test_without_a_descriptor_left_runs_fail_the_page_answers_and_all_of_it_heals(
    single_value: SingleValue, hook: Hook
) -> None:
    with running(single_value.config(webhook(hook.url))) as daemon:
        single_value.set(1)
        hook.wait_for("firing", ALERT)
        page = http.client.HTTPConnection(*daemon.address, timeout=30)
        assert ask(page, "/-/healthy")[0] == 200
        open_before = daemon.descriptors()
        seen = len(daemon.events)
        with limited(daemon, resource.RLIMIT_NOFILE, 3):
            single_value.kill_sessions()
            # a connection that asks nothing for 2 s is closed, and there would be no other
            down = 'token_monitor_up{target="main"} 0.0\n'
            wait_until(
                lambda: down in ask(page, "/metrics")[1], why="it is shown as lost"
            )
            lost = daemon.wait_for("target.lost", after=seen)
            assert (lost["reason"], lost["message"]) == (
                "internal",
                "Too many open files",
            ), "our fault"
            assert f"{FIRING} 1.0\n" in ask(page, "/metrics")[1]
            assert ask(page, "/-/healthy")[0] == 200
            page.close()
        daemon.wait_for("run.finished", after=len(daemon.events))
        daemon.wait_for("target.recovered")
        wait_until(
            lambda: daemon.descriptors() <= open_before + 1, why="none is left open"
        )
        single_value.set(0)
        hook.wait_for("resolved", ALERT)
    assert hook.alerts() == [("firing", ALERT), ("resolved", ALERT)]


def ask(page: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    page.request("GET", path)
    answer = page.getresponse()
    return answer.status, answer.read().decode()


def data_bytes(daemon: Daemon) -> int:
    """Return what counts against RLIMIT_DATA: memory that was asked for, without what is only reserved."""
    for line in Path(f"/proc/{daemon.pid}/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell VmData")


def test_without_memory_a_result_costs_its_run_alerts_are_found_and_what_is_owed_is_reported_later(
    single_value: SingleValue, folder: Path
) -> None:
    single_value.execute("CREATE TABLE sizes (size INT)")
    single_value.execute("INSERT INTO sizes VALUES (1)")
    two_files(
        folder,
        "big",
        sql="SELECT size AS size, REPEAT('x', size) AS stuffing FROM sizes",
        toml="""summary = "big"
            interval = "500ms"
            timeout = "490ms"
            [metrics.app_size]
            help = "big"
            value = "size"
            """,
    )
    with far_end() as end, running(single_value.config(webhook(end.url))) as daemon:
        daemon.wait_for("run.finished", query="big")
        daemon.wait_for("run.finished", query="things")
        # what a failed run gives back the C library keeps: from here on there is hardly any left
        with limited(daemon, resource.RLIMIT_DATA, data_bytes(daemon) + ROOM_BYTES):
            single_value.execute(f"UPDATE sizes SET size = {BIG_BYTES}")
            failed = daemon.wait_for("run.failed", query="big", reason="internal")
            assert "MemoryError" in failed["message"]
            single_value.set(1)
            daemon.wait_for("alert.fired", alertname=ALERT)
            daemon.wait_for("run.finished", query="things", after=len(daemon.events))
        single_value.execute("UPDATE sizes SET size = 2")
        wait_until(
            lambda: daemon.series("app_size") == {'app_size{target="main"}': 2.0}
        )
        wait_until(lambda: told_of(end), seconds=60, why="the firing alert is posted")
        single_value.set(0)
        wait_until(lambda: told_of(end)[-1][0] == "resolved", seconds=60)
        counted = 'token_monitor_query_failures_total{query="big",reason="internal",target="main"}'
        assert daemon.series(counted)[counted] >= 1
        assert daemon.get("/-/healthy")[0] == 200
        assert [status for status, _ in dict.fromkeys(told_of(end))] == [
            "firing",
            "resolved",
        ]
        assert len(daemon.seen("alert.fired", alertname=ALERT)) == 1


def told_of(end: FarEnd) -> list[tuple[str, str]]:
    """Return what was posted of the number's alert, in order: status and idempotency key."""
    return [
        (request.json["status"], request.headers["idempotency-key"])
        for request in list(end.requests)
        if request.json["alerts"][0]["labels"]["alertname"] == ALERT
    ]


def test_new_targets_that_get_no_thread_run_in_those_that_there_are(
    single_value: SingleValue, hook: Hook
) -> None:
    config = single_value.config(webhook(hook.url))
    text = config.read_text()
    begin = text.index("[targets.main]")
    main = text[begin : text.index("\n[", begin) + 1]
    others = [f"other{number}" for number in range(NEW_TARGETS)]
    with running(config) as daemon:
        single_value.set(1)
        hook.wait_for("firing", ALERT)
        config.write_text(
            text + "".join(main.replace("main", other) for other in others)
        )
        with limited(
            daemon, resource.RLIMIT_DATA, data_bytes(daemon) + STACK_BYTES - 2_000_000
        ):
            status, said = daemon.get("/-/reload", method="POST")
            assert status == 200, said
            for other in others:
                daemon.wait_for("run.finished", target=other)
            daemon.wait_for("run.finished", target="main", after=len(daemon.events))
        for other in others:
            daemon.wait_for("alert.fired", target=other, alertname=ALERT)
        wait_until(lambda: hook.alerts() == [("firing", ALERT)] * (1 + NEW_TARGETS))
        assert daemon.seen("pipeline.failed") == []


def test_neither_a_frozen_database_nor_a_receiver_that_hangs_keeps_it_from_ending_and_nothing_owed_is_lost(
    folder: Path,
) -> None:
    server = PrivateMariaDB(folder / "db")
    server.create()
    server.start()
    try:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE app")
        single_value = SingleValue(server, "app", folder)
        with far_end(*[stall] * 9) as end:
            config = single_value.config(webhook(end.url) + '\ntimeout = "60s"')
            with running(config) as daemon:
                single_value.set(1)
                wait_until(lambda: end.requests, why="it is posted and not answered")
                server.signal(signal.SIGSTOP)
                daemon.wait_for("run.failed")
                asked_at = time.monotonic()
                assert daemon.stop() == 0
                assert time.monotonic() - asked_at < 20
                server.signal(signal.SIGCONT)
            end.answers.clear()
            with running(config) as again:
                again.wait_for("delivery.succeeded", receiver="hook")
                assert again.seen("alert.fired", alertname=ALERT) == []
            first, *_, last = end.requests
            assert {request.headers["idempotency-key"] for request in end.requests} == {
                first.headers["idempotency-key"]
            }
            assert last.json["status"] == "firing"
    finally:
        server.signal(signal.SIGCONT)
        server.close()
