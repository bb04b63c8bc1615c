"""The tab key: what a real bash, and click's protocol, offer for what is typed so far."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "monitor"]
CONFIG = """
[targets.main]
host = "db.example.com"
user = "tm"
password_file = "p"
database = "app"

[targets.second]
host = "db2.example.com"
user = "tm"
password_file = "p"
database = "app"

[receivers.oncall]
kind = "webhook"
url = "http://127.0.0.1:9"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "p").write_text("secret", encoding="utf-8")
    return tmp_path


def offered(folder: Path, *words: str) -> list[str]:
    """Return what is offered in place of the last word, in the protocol of click's script for bash."""
    typed = ["token-monitor", *words]
    done = subprocess.run(
        PROGRAM,
        cwd=folder,
        env={
            **os.environ,
            "COMP_WORDS": " ".join(typed),
            "COMP_CWORD": str(len(typed) - 1),
            "_TOKEN_MONITOR_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    lines = done.stdout.strip().splitlines()
    return [line.partition(",")[2] for line in lines]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("gra",), ["grants"]),
        (("query", "missing_c"), ["missing_columns"]),
        (("check", "--target", ""), ["main", "second"]),
        (("explain", "TokenColumnMiss"), ["TokenColumnMissing"]),
        (("history", "--alert", "TokenMonitorW"), ["TokenMonitorWatchdog"]),
        (("notify", "--test", ""), ["oncall"]),
        (("deploy", "begin", "--target", "s"), ["second"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
    ],
    ids=" ".join,
)
def test_names_of_the_configuration_are_offered(
    folder: Path, words: tuple[str, ...], found: list[str]
) -> None:
    assert offered(folder, *words) == found


def test_the_configuration_that_is_named_is_the_one_that_is_read(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    config = str(folder / "config.toml")
    assert offered(elsewhere, "query", "--config", config, "usage_by_u") == [
        "usage_by_user"
    ]


@pytest.mark.parametrize("text", [None, "", "[targets.main", "[tragets.main]\n"])
def test_where_the_configuration_cannot_be_read_no_name_is_offered_and_nothing_is_said(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    assert offered(tmp_path, "query", "") == []


def test_a_bash_that_has_read_the_script_completes_a_name(folder: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    # As an installation has it: a name that bash finds.
    program = folder / "bin" / "token-monitor"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    program.chmod(0o755)
    script = (
        f'PATH={program.parent}:$PATH; eval "$(token-monitor completion bash)"\n'
        "COMP_WORDS=(token-monitor query usage_by_u) COMP_CWORD=2\n"
        "_token_monitor_completion token-monitor usage_by_u query\n"
        'echo "${COMPREPLY[@]}"; complete -p token-monitor\n'
    )
    done = subprocess.run(
        [bash, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    reply, registered = done.stdout.splitlines()
    assert reply == "usage_by_user"
    assert registered.endswith("-F _token_monitor_completion token-monitor")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_a_script_that_asks_the_program(shell: str) -> None:
    done = subprocess.run(
        [*PROGRAM, "completion", shell],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"_TOKEN_MONITOR_COMPLETE={shell}_complete" in done.stdout
