"""The wheel as a user installs it: it carries the shipped queries, and all else that the program reads."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from monitor.config import load
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import create_tables
from monitor.model.settings import Rule
from monitor.notify.kinds import KINDS

ROOT = Path(__file__).parent.parent.parent
CONFIG = (
    '[targets.main]\nunix_socket = "{socket}"\nuser = "root"\ndatabase = "{schema}"\n'
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the checkout, so that nothing is left behind in it; no network."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, checkout)
    for name in ("monitor", "queries", "docs/runbooks", "docs/cookbook/recipes"):
        shutil.copytree(
            ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    _pip(
        Path(sys.executable),
        "wheel",
        *(
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "--wheel-dir",
            str(folder),
            str(checkout),
        ),
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own, which finds the dependencies in this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    _pip(
        Path(sys.executable),
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        str(wheel),
    )
    (packages,) = folder.glob("lib/python*/site-packages")
    # The folder alone: what its .pth files add, this checkout above all, stays out.
    (packages / "dependencies.pth").write_text(
        "\n".join(site.getsitepackages()), encoding="utf-8"
    )
    found = _run(python, "-c", "import monitor; print(monitor.__file__)", folder=folder)
    assert Path(found.strip()).is_relative_to(folder)
    return folder / "bin" / "token-monitor"


def test_the_wheel_has_the_program_and_the_queries_and_nothing_else(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"monitor/queries/{path.name}"
        for path in (ROOT / "queries").iterdir()
        if path.is_file()
    }
    expected |= {
        f"monitor/runbooks/{path.name}"
        for path in (ROOT / "docs" / "runbooks").iterdir()
    }
    expected |= {
        f"monitor/recipes/{path.name}"
        for path in (ROOT / "docs" / "cookbook" / "recipes").iterdir()
    }
    expected |= {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "monitor").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected


def test_the_installed_program_validates_a_minimal_configuration_in_an_empty_folder(
    program: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        CONFIG.format(socket="/run/s.sock", schema="app"), encoding="utf-8"
    )
    shipped = {path.stem for path in (ROOT / "queries").glob("*.toml")}
    shipped.remove("application_columns")  # that one is there only with [contract]
    said = _run(program, "validate", folder=tmp_path)
    assert f" {len(shipped)} queries" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml"]


def test_the_installed_program_runs_its_shipped_queries(
    program: Path, mariadb: PrivateMariaDB, schema: str, tmp_path: Path
) -> None:
    with mariadb.connect() as connection:
        create_tables(connection, schema)
    config = tmp_path / "config.toml"
    config.write_text(
        CONFIG.format(socket=mariadb.socket, schema=schema), encoding="utf-8"
    )
    said = _run(program, "query", "missing_columns", folder=tmp_path)
    assert "tokens_remaining" in said


def test_the_installed_program_serves_the_runbook_of_every_shipped_rule(
    program: Path, tmp_path: Path
) -> None:
    names = {rule.runbook for rule in _shipped_rules(tmp_path)}
    script = (
        "from monitor.config.shipped import read_runbooks; import json, sys;"
        "json.dump(read_runbooks(), sys.stdout)"
    )
    served = json.loads(_run(program.parent / "python", "-c", script, folder=tmp_path))
    runbooks = (ROOT / "docs" / "runbooks").glob("*.md")
    assert served == {path.stem: path.read_text(encoding="utf-8") for path in runbooks}
    assert names <= set(served)


def _shipped_rules(folder: Path) -> list[Rule]:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(socket="/run/s.sock", schema="app"), encoding="utf-8")
    config = load(path, {}, KINDS)
    return [
        *config.own_rules,
        *(rule for job in config.jobs for rule in job.query.rules),
    ]


def _pip(python: Path, *arguments: str) -> None:
    _run(
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        *arguments,
        folder=ROOT,
    )


def _run(program: Path, *arguments: str, folder: Path) -> str:
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_"))
    }
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
