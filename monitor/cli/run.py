"""`run`: the daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from monitor.cli import FAILED, IN_USE, OK, USAGE
from monitor.cli.options import common, load_config, make_log, set_log, tell_problems
from monitor.daemon import signals
from monitor.daemon.start import (
    DEFAULT_START_SECONDS,
    Ending,
    StartError,
    start_patiently,
)
from monitor.model.errors import ConfigError
from monitor.telemetry.log import Log

if TYPE_CHECKING:
    from monitor.daemon.app import App

_CODES: Mapping[Ending, int] = MappingProxyType(
    {
        Ending.STOPPED: OK,
        Ending.FAILED: FAILED,
        Ending.BAD_CONFIG: USAGE,
        Ending.IN_USE: IN_USE,
    }
)


@click.command("run")
@click.option(
    "--start-timeout",
    "start_seconds",
    type=click.FloatRange(min=0),
    default=DEFAULT_START_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to try again what keeps it from starting and may pass.",
)
@common
def command(
    start_seconds: float,
    config_path: Path,
    log_level: str | None,
    log_format: str | None,
) -> int:
    """Watch the targets until SIGTERM or ^C; SIGHUP reloads the configuration.

    Exit codes: 0 stopped when asked, 1 something that may pass kept it from starting for too long, or a
    defect, 2 bad configuration or usage, 3 the state is in use by another or from a newer version.
    """
    signals.hold_back()
    log = make_log(log_level, log_format, to_stdout=True)
    apply = partial(
        set_log,
        log,
        log_level=log_level,
        log_format=log_format,
        is_terminal=sys.stdout.isatty(),
    )

    def attempt() -> App:
        config = load_config(config_path)
        apply(config.log)
        from monitor.daemon.app import App  # only the daemon needs all of it

        app = App(config, os.environ, log, set_log=apply)
        app.start()
        return app

    try:
        code = _CODES[_run(attempt, log, start_seconds)]
    # Whatever it was: told, and the process ends; half a daemon that lives on would watch nothing.
    except Exception:
        log.error("monitor.crashed", exc_info=True)
        code = FAILED
    log.close()
    # Not sys.exit: the interpreter would wait for a thread that hangs in a database or a receiver.
    os._exit(code)


def _run(attempt: Callable[[], App], log: Log, start_seconds: float) -> Ending:
    try:
        app = start_patiently(
            attempt,
            log,
            start_seconds=start_seconds,
            stopped_within=signals.stopped_within,
        )
    except StartError as error:
        if isinstance(error.__cause__, ConfigError):
            tell_problems(error.__cause__)
        else:
            click.echo(f"token-monitor: {error}", err=True)
        return error.ending
    if app is not None:
        app.serve()
    return Ending.STOPPED
