"""The floor of coverage, by the step of `scripts/test` that keeps it: what it prints, and when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = Path(__file__).parent.parent.parent / "scripts" / "steps.sh"
_HALF = "import sys\nif len(sys.argv) > 9:\n    print(1)\n    print(2)\n"
# of 15 modules of 4 lines, half reached, and one of a single line
_REACHED = "50.8%"


def report(
    directory: Path, *, floor: float
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    settings = directory / "settings.ini"
    settings.write_text(
        f"[run]\nparallel = true\n[report]\nprecision = 1\nfail_under = {floor}\n"
    )
    for number in range(15):
        (directory / f"half{number:02}.py").write_text(_HALF)
    names = ", ".join(f"half{number:02}" for number in range(15))
    (directory / "whole.py").write_text(f"import {names}\n")
    environment = os.environ | {
        "COVERAGE_RCFILE": str(settings),
        "COVERAGE_FILE": str(directory / "data"),
    }
    measured = [sys.executable, "-m", "coverage", "run", "whole.py"]
    subprocess.run(measured, cwd=directory, env=environment, check=True)
    done = subprocess.run(
        ["bash", "-euc", f'. "{STEPS}"; report_coverage "{sys.executable}"'],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    modules = [line for line in done.stdout.splitlines() if ".py" in line]
    return done, modules


def test_the_ten_modules_with_the_least_and_the_total_are_shown(tmp_path: Path) -> None:
    done, modules = report(tmp_path, floor=50)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in modules] == [
        f"half{number:02}.py" for number in range(10)
    ]
    assert done.stdout.splitlines()[-1].split()[::3] == ["TOTAL", _REACHED]


@pytest.mark.parametrize("floor", [50.9, 51])
def test_below_the_floor_it_fails_and_says_what_to_do(
    tmp_path: Path, floor: float
) -> None:
    done, _ = report(tmp_path, floor=floor)
    assert done.returncode == 1
    assert "test what is new, or what lost its test" in done.stderr
