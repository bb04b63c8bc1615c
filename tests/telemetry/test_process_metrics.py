"""What is said of the process is what the client library says of it."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitor.telemetry.process_metrics import PROCESS_FAMILIES, ProcessMetrics

MOVING = ("memory", "cpu", "open_fds")
"""Differ from one look to the next."""


def theirs() -> list[str]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry).decode().splitlines()


def ours() -> list[str]:
    process = ProcessMetrics()
    try:
        return process.lines(is_openmetrics=False).decode().splitlines()
    finally:
        process.close()


def test_heads_and_what_stands_still_are_word_for_word_the_librarys() -> None:
    def still(lines: list[str]) -> list[str]:
        return [
            line
            for line in lines
            if line.startswith("#") or not any(word in line for word in MOVING)
        ]

    library = still(theirs())
    # It lets the numbers of its gauges end in e+09.
    values = {
        line.split(" ")[0]: line.split(" ")[1] for line in library if line[0] != "#"
    }
    for line in still(ours()):
        if line.startswith("#"):
            assert line in library
        else:
            name, value = line.split(" ")
            assert float(value) == pytest.approx(float(values[name]))
    assert sum(line[0] == "#" for line in library) == sum(
        line[0] == "#" for line in ours()
    )


def test_what_moves_is_about_what_the_library_reads() -> None:
    def values(lines: list[str]) -> dict[str, float]:
        pairs = [line.split(" ") for line in lines if line[0] != "#"]
        return {name: float(value) for name, value in pairs}

    library, own = values(theirs()), values(ours())
    assert library.keys() == own.keys()
    for name in ("process_resident_memory_bytes", "process_virtual_memory_bytes"):
        assert own[name] == pytest.approx(library[name], rel=0.1)
    assert own["process_cpu_seconds_total"] == pytest.approx(
        library["process_cpu_seconds_total"], abs=1
    )
    assert abs(own["process_open_fds"] - library["process_open_fds"]) <= 3


def test_the_names_are_those_that_no_query_may_have() -> None:
    process = ProcessMetrics()
    text = process.lines(is_openmetrics=True).decode() + "# EOF\n"
    process.close()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # it has no types
    assert {family.name for family in families} == PROCESS_FAMILIES


def test_one_more_open_file_is_seen_at_once() -> None:
    process = ProcessMetrics()

    def count() -> float:
        (line,) = [
            line
            for line in process.lines(is_openmetrics=False).decode().splitlines()
            if line.startswith("process_open_fds ")
        ]
        return float(line.split(" ")[1])

    before = count()
    descriptor = os.open("/dev/null", os.O_RDONLY)
    try:
        assert count() == before + 1
    finally:
        os.close(descriptor)
        process.close()


def test_what_was_opened_to_read_of_it_is_closed_or_goes_with_it() -> None:
    gc.collect()
    before = set(Path("/proc/self/fd").iterdir())
    process = ProcessMetrics()
    process.close()
    process.close()
    assert b"process_" not in process.lines(is_openmetrics=False)
    ProcessMetrics()
    gc.collect()
    assert len(set(Path("/proc/self/fd").iterdir()) - before) == 0


def test_nothing_of_the_system_is_read_that_a_service_manager_may_hide() -> None:
    """`ProcSubset=pid` leaves of /proc the processes alone: as here, where their files are all that is opened."""
    opened: list[str] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith("/proc"):
            opened.append(str(arguments[0]))

    sys.addaudithook(note)
    lines = ours()
    assert any(line.startswith("process_start_time_seconds ") for line in lines)
    assert opened
    assert [path for path in opened if not path.startswith("/proc/self/")] == []
