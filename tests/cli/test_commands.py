"""A command is a module of cli/ with a `command`, and a row of COMMANDS: one without the other is found here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click
import pytest

import monitor.cli
from monitor.cli import COMMANDS, USAGE, commands, entry_of

CLI = Path(monitor.cli.__file__).parent


def the_command(name: str) -> object:
    return getattr(import_module(f"monitor.cli.{name}"), "command", None)


def test_every_module_with_a_command_is_in_the_table() -> None:
    names = sorted(path.stem for path in CLI.glob("*.py") if path.stem != "__init__")
    missing = [
        name
        for name in names
        if isinstance(the_command(name), click.Command) and name not in COMMANDS
    ]
    assert missing == [], f"not in monitor.cli.COMMANDS: {missing}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_row_of_the_table_has_its_module_and_a_line_of_help(name: str) -> None:
    assert (CLI / f"{name}.py").is_file(), f"no monitor/cli/{name}.py"
    command = the_command(name)
    assert isinstance(command, click.Command), f"no command in monitor/cli/{name}.py"
    assert command.name == name
    assert command.help, f"monitor/cli/{name}.py: its command has no docstring"
    assert COMMANDS[name].summary.endswith(".")


def test_the_help_shows_all_commands_in_the_order_of_the_table() -> None:
    with click.Context(commands) as context:
        lines = commands.get_help(context).partition("Commands:\n")[2].splitlines()
    names = [line.split()[0] for line in lines if line[2:3].strip()]
    assert names == list(COMMANDS)


def test_what_is_no_command_is_bad_usage() -> None:
    entry = entry_of("chekc")
    assert (entry.error_code, entry.usage_code) == (USAGE, USAGE)
