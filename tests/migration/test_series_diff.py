"""scripts/series-diff, by which an import is compared with what was imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "series-diff"
OLD = """\
# HELP m help
m{a="x",b="y\\"}"} 1
m{a="z",empty=""} 2 1700000000000
gone 3
"""


def differences(folder: Path, old: str, new: str, *arguments: str) -> tuple[int, str]:
    """Compare two pages; gives exit code and output."""
    (folder / "old").write_text(old)
    (folder / "new").write_text(new)
    pages = [str(folder / name) for name in ("old", "new")]
    command = [sys.executable, str(SCRIPT), *pages, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_pages_with_the_same_series_are_equal(tmp_path: Path) -> None:
    new = 'other 1\nm{target="t",b="y\\"}",a="x"} 1.0\ngone 3\nm{a="z"} 2e0\n'
    assert differences(tmp_path, OLD, new) == (
        0,
        "3 of 3 series of 2 metrics are equal\n",
    )


def test_what_differs_is_shown(tmp_path: Path) -> None:
    new = 'm{b="y\\"}",a="x"} 1.5\nm{a="z"} 2\nm{a="w"} 2\nfresh 1\n'
    assert differences(tmp_path, OLD, new, "--prefix", "fresh") == (
        1,
        'differs: m{a="x",b="y\\"}"} 1 1.5\n'
        "only new: fresh{} 1\n"
        'only new: m{a="w"} 2\n'
        "only old: gone{} 3\n"
        "1 of 3 series of 2 metrics are equal\n",
    )
