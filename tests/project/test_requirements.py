from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
REQUIREMENTS = ROOT / "requirements"
WITHOUT_THOSE_OF_TESTS = """
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys(("hypothesis", "pytest", "ruff", "mypy")))
package = importlib.import_module(sys.argv[1])
for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""


def run_by_demo_packages() -> list[str]:
    """Return the packages of scripts/ that run with what the demo installs, which is not all that tests need."""
    found: list[str] = []
    for path in ROOT.glob("scripts/*"):
        text = path.read_text() if path.is_file() else ""
        if "\nset_up_for_the_demo\n" in text:
            found += re.findall(r"-m (scripts\.\w+)", text)
    return found


def pinned(name: str) -> dict[str, str]:
    """Return each package's lines, version and hashes, by its name."""
    blocks = re.split(r"\n(?=\S)", (REQUIREMENTS / name).read_text().strip())
    return {block.split("==")[0]: block for block in blocks}


@pytest.mark.parametrize("name", ["run.txt", "build.txt", "apprise.txt"])
def test_what_runs_and_what_builds_is_what_was_tested(name: str) -> None:
    tested = pinned("dev.txt")
    assert {package: tested.get(package) for package in pinned(name)} == pinned(name)


@pytest.mark.parametrize(
    "name",
    [
        *("run.txt", "build.txt", "apprise.txt", "dev.txt"),
        *("audit.txt", "mutation.txt", "site.txt", "axe.txt"),
    ],
)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    for package, block in pinned(name).items():
        assert re.match(r"[a-z0-9-]+==\S+", block), package
        assert "--hash=sha256:" in block, package


@pytest.mark.parametrize("package", run_by_demo_packages())
def test_a_script_imports_only_what_its_set_up_installs(package: str) -> None:
    command = [sys.executable, "-c", WITHOUT_THOSE_OF_TESTS, package]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
