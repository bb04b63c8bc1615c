"""How dense the code is, by `scripts/density`: what it counts, and that the package is within its limits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "density"

_DENSE = """
def found(rows):
    return [cell for row in rows if row for cell in row if cell or not row[0]]
"""
_TANGLED = "def way(n):\n" + "".join(
    f"    if n == {number}:\n        print(n)\n        print(n + 1)\n        print(n + 2)\n"
    for number in range(13)
)
_LONG = "def steps():\n" + "    print(1)\n" * 51
_PLAIN = '"""What it is."""\n\n# why\nX = 1\n'


def measure(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_package_is_no_denser_than_agreed() -> None:
    done = measure()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_what_is_over_a_limit_is_named_with_its_figure_and_the_limit(
    tmp_path: Path,
) -> None:
    for name, text in (
        ("dense", _DENSE),
        ("tangled", _TANGLED),
        ("long", _LONG),
        ("plain", _PLAIN),
    ):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    done = measure(tmp_path)
    assert done.returncode == 1
    assert done.stderr.replace(f"{tmp_path}/", "").splitlines() == [
        "33% of the functions have under 30 lines; at least 90 %",
        "dense.py: 150.0 decisions per 100 lines; at most 22",
        "long.py:1 steps: 52 lines; at most 50",
        "tangled.py: 24.5 decisions per 100 lines; at most 22",
        "tangled.py:1 way: complexity 14; at most 12",
        "tangled.py:1 way: 53 lines; at most 50",
    ]


def test_blank_lines_comments_and_docstrings_are_no_code(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(_PLAIN, encoding="utf-8")
    done = measure("--all", tmp_path)
    (line,) = (
        line for line in done.stdout.splitlines() if line.startswith("  plain.py")
    )
    assert line.split() == ["plain.py", "1", "1", "0.0", "100.0", "%", "100.0", "%"]
