"""`run`: the daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from monitor.cli import FAILED, IN_USE, OK, USAGE
from monitor.cli.asking import lists_of
from monitor.cli.options import CommonOptions, print_problems, with_common_options
from monitor.daemon import signals
from monitor.daemon.garbage import look_for_garbage_rarely
from monitor.daemon.start import (
    DEFAULT_START_SECONDS,
    Ending,
    StartError,
    start_patiently,
)
from monitor.model.errors import ConfigError
from monitor.secrets.reader import SecretReader
from monitor.telemetry.log import Log
from monitor.timing.deadlines import Watchdog

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
@with_common_options
def command(start_seconds: float, common: CommonOptions) -> int:
    """Watch the targets until SIGTERM or ^C; SIGHUP reloads the configuration.

    Exit codes: 0 stopped when asked, 1 something that may pass kept it from starting for too long, or a
    defect, 2 bad configuration or usage, 3 the state is in use by another or from a newer version.
    """
    signals.hold_back()
    log = common.make_log(to_stdout=True)
    set_log = partial(common.set_log, log, is_terminal=sys.stdout.isatty())

    secrets = SecretReader(os.environ, on_read=log.hide)
    lists = lists_of(Watchdog(), secrets)

    def attempt() -> App:
        config = common.load_config(lists.ask, reads_source=True)
        set_log(config.log)
        from monitor.daemon.app import App  # only the daemon needs all of it

        try:
            app = App(config, os.environ, log, lists, set_log=set_log)
            app.start()
        finally:
            # Off since the entry.
            look_for_garbage_rarely()
        return app

    try:
        code = _CODES[_run(attempt, log, start_seconds)]
    # Whatever it was: logged, and the process ends; half a daemon that lives on would watch nothing.
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
            print_problems(error.__cause__)
        else:
            click.echo(f"token-monitor: {error}", err=True)
        return error.ending
    if app is not None:
        app.serve()
    return Ending.STOPPED
