"""The disk of the state: told before it is full, whatever its size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.alerting.state_disk import disk_low
from monitor.model.alerts import AlertState
from monitor.model.conditions import Condition
from monitor.storage import State
from monitor.storage.disk_usage import DiskUsage
from tests.support.harness import SECOND, Harness, a_config
from tests.web.picture import OWN

MB = 1_000_000
RULE = replace(
    OWN,
    name="TokenMonitorStateDiskLow",
    metric="state_disk_low",
    condition=Condition("above", 0),
)


@pytest.mark.parametrize(
    ("free", "disk", "is_low"),
    [
        (199 * MB, 10_000 * MB, True),
        (200 * MB, 10_000 * MB, False),
        (0, 10_000 * MB, True),
        (150 * MB, 1_000 * MB, False),  # more than a tenth of a small volume
        (99 * MB, 1_000 * MB, True),
        (60 * MB, 100 * MB, False),
        (9 * MB, 100 * MB, True),
        (
            80_000 * MB,
            2_000_000 * MB,
            False,
        ),  # a small share of a large disk is room enough
        (0, 0, False),  # a file system that does not say
    ],
)
def test_little_room_is_reported_by_bytes_and_by_share(
    free: int, disk: int, *, is_low: bool
) -> None:
    sample = disk_low(
        RULE, DiskUsage(size_bytes=3 * MB, free_bytes=free, disk_bytes=disk)
    )
    assert bool(sample.value) is is_low


def test_it_says_how_much_is_free_of_how_much_and_what_is_ours() -> None:
    space = DiskUsage(size_bytes=3 * MB, free_bytes=150 * MB, disk_bytes=20_000 * MB)
    assert dict(disk_low(RULE, space).details) == {
        "free": "150 MB",
        "disk": "20 000 MB",
        "size": "3 MB",
    }


def test_a_disk_that_fills_fires_and_resolves_and_one_that_cannot_be_measured_holds(
    tmp_path: Path,
) -> None:
    config = a_config()
    harness = Harness(
        replace(config, own_rules=(*config.own_rules, RULE)),
        state=State(str(tmp_path / "state.db")),
    )
    small = DiskUsage(size_bytes=MB, free_bytes=MB, disk_bytes=10_000 * MB)
    harness.state.disk_usage = small
    harness.after(SECOND).tick()
    assert harness.reported() == ["TokenMonitorStateDiskLow fired"]
    harness.state.disk_usage = None
    harness.after(SECOND).tick()
    (alert,) = [
        one for one in harness.pipeline.active_alerts() if one.name == RULE.name
    ]
    assert (alert.state, alert.held) == (AlertState.FIRING, True)
    harness.state.disk_usage = replace(small, free_bytes=9_000 * MB)
    harness.after(SECOND).tick()
    assert harness.reported() == ["TokenMonitorStateDiskLow resolved"]
    harness.state.close()
