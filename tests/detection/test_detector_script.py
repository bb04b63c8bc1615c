"""scripts/detector: lines in, a mark for each out."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from monitor.detection.baseline import Baseline
from tests.detection.series import MINUTE, START, alarms, at_day, changed, series

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "detector"


def marks_of(text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT)]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False
    )


def seven(seconds: float, rng: random.Random) -> float:
    return 7.0


def test_it_prints_a_mark_for_each_line_as_the_shipped_detector_finds_it() -> None:
    points = list(
        changed(series(seven, days=5), lambda value: 0.0, [at_day(4)], 60 * MINUTE)
    )
    ran = marks_of("".join(f"{START + at:.0f},{value}\n" for at, value in points))
    baseline = Baseline()
    expected = [baseline.judge(START + at, value).is_alarm for at, value in points]
    assert ran.stdout.split() == [str(int(mark)) for mark in expected]
    assert alarms(iter(points)) != []


def test_a_line_that_is_no_point_is_refused_by_its_number() -> None:
    ran = marks_of("1,2\nx\n")
    assert (ran.returncode, ran.stderr) == (2, "line 2 is not `epoch,value`\n")
