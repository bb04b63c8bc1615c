"""What is typed wrong: one exit code for all commands, and what may have been meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.__main__ import run
from monitor.cli import commands
from tests.acceptance.program import run_command

CONFIG = """
[targets.main]
unix_socket = "/nobody.sock"
user = "root"
database = "app"
[receivers.oncall]
kind = "webhook"
url = "http://127.0.0.1:9/"
"""
EVERY = commands.list_commands(commands.make_context("token-monitor", ["run"]))
CONFIGURED = ("query", "check", "grants", "explain", "notify", "history", "alerts")
WRONG = [
    *((name, "--frobnicate") for name in EVERY),
    *((name, "--log-format", "xml") for name in EVERY),
    ("query",),
    ("query", "balancs"),
    ("query", "balances", "--target", "mian"),
    ("check", "balancs"),
    ("check", "--target", "mian"),
    ("check", "--format", "xml"),
    ("grants", "--target", "mian"),
    ("explain",),
    ("explain", "TokenColumnMising"),
    ("notify",),
    ("notify", "--test", "oncal"),
    ("history", "--limit", "many"),
    ("alerts", "--format", "xml"),
    ("run", "now"),
    ("demo", "--incident", "rain"),
    ("--config", "x", "check"),
    ("chekc",),
    (),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_bad_usage_has_the_same_exit_code_everywhere_but_where_nagios_reads_it(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    command = arguments[0] if arguments else ""
    more = ("--config", str(config)) if command in CONFIGURED else ()
    assert run([*arguments, *more]) == (3 if command == "check" else 2)
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chekc",), 'no command "chekc"; did you mean "check"?'),
        (("frobnicate",), 'no command "frobnicate"; allowed: run, init, check, '),
        (
            ("--config", "x", "check"),
            "no option --config before a command; write it behind: token-monitor COMMAND --config",
        ),
    ],
)
def test_what_is_no_command_says_what_may_have_been_meant(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(list(arguments)) == 2
    assert words in capsys.readouterr().err


def test_the_process_ends_with_the_exit_code() -> None:
    assert [
        run_command(*arguments).returncode
        for arguments in (("chekc",), ("check", "--x"))
    ] == [2, 3]
