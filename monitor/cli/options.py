"""What the commands share: the options, loading the configuration, the log."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import click

from monitor.config import load
from monitor.model.errors import ConfigError, Problem
from monitor.model.process_settings import LogSettings
from monitor.model.settings import Config
from monitor.model.wording import counted
from monitor.notify.kinds import KINDS
from monitor.telemetry.log import Format, Level, Log, configure

_F = TypeVar("_F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="The configuration file.",
)


def common(function: _F) -> _F:
    """Add --config, --log-level and --log-format to a command."""
    level = click.option(
        "--log-level",
        type=click.Choice(get_args(Level)),
        help="What to log. Default: info; of run, what [log] says.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(get_args(Format)),
        help="How to log. Default: console to a terminal, else json; of run, what [log] says.",
    )
    return config_option(level(form(function)))


def load_or_tell(path: Path, *, exit_code: int) -> Config:
    """Load the configuration; print every problem to stderr and exit when it has any."""
    try:
        return load_config(path)
    except ConfigError as error:
        tell_problems(error)
        raise SystemExit(exit_code) from None


def load_config(path: Path) -> Config:
    """Load the configuration; ConfigError has every problem, and says what to do where there is no file."""
    if _is_missing(path):
        raise ConfigError(
            (Problem(str(path), _NO_FILE.format(folder=path.absolute().parent)),)
        )
    return load(path, os.environ, KINDS)


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # it may be there: why it cannot be read is told by who reads it
        return False


_NO_FILE = (
    "there is no such file in {folder}; name another with --config FILE, or write one: a table [targets.NAME]"
    " with host, user, password_file and database is enough. To see it at work first: token-monitor demo"
)


def tell_problems(error: ConfigError) -> None:
    """Print the problems of a configuration to stderr, and how many there are."""
    for problem in error.problems:
        click.echo(str(problem), err=True)
    click.echo(counted(len(error.problems), "problem"), err=True)


def make_log(
    log_level: str | None, log_format: str | None, *, to_stdout: bool = False
) -> Log:
    """Make the log: `run` writes it to stdout, all other commands to stderr."""
    stream = sys.stdout if to_stdout else sys.stderr
    log = configure(stream.buffer, queued=to_stdout)
    set_log(log, LogSettings(), log_level, log_format, is_terminal=stream.isatty())
    return log


def set_log(
    log: Log,
    said: LogSettings,
    log_level: str | None,
    log_format: str | None,
    *,
    is_terminal: bool,
) -> None:
    """Have the log follow the options, then what the configuration says, then where it is written to."""
    log.set(
        level=cast("Level", log_level or said.level or "info"),
        format=cast(
            "Format",
            log_format or said.format or ("console" if is_terminal else "json"),
        ),
    )
