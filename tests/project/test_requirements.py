from __future__ import annotations

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parent.parent.parent / "requirements"


def pinned(name: str) -> dict[str, str]:
    """Return each package's lines, version and hashes, by its name."""
    blocks = re.split(r"\n(?=\S)", (REQUIREMENTS / name).read_text().strip())
    return {block.split("==")[0]: block for block in blocks}


@pytest.mark.parametrize("name", ["run.txt", "build.txt"])
def test_what_runs_and_what_builds_is_what_was_tested(name: str) -> None:
    tested = pinned("dev.txt")
    assert {package: tested.get(package) for package in pinned(name)} == pinned(name)


@pytest.mark.parametrize(
    "name", ["run.txt", "build.txt", "dev.txt", "audit.txt", "mutation.txt"]
)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    for package, block in pinned(name).items():
        assert re.match(r"[a-z0-9-]+==\S+", block), package
        assert "--hash=sha256:" in block, package
