"""`run`: the daemon."""

from __future__ import annotations

import os
from pathlib import Path

import click

from monitor import signals
from monitor.cli import FAILED, IN_USE, OK, USAGE
from monitor.cli.options import common, load_or_tell, make_log
from monitor.errors import MonitorError, StateError


@click.command("run")
@common
def command(config_path: Path, log_level: str, log_format: str) -> int:
    """Watch the targets until SIGTERM or ^C; SIGHUP reloads the configuration.

    Exit codes: 0 stopped when asked, 2 bad configuration or usage, 3 the state is in use by another.
    """
    signals.hold_back()
    config = load_or_tell(config_path, exit_code=USAGE)
    from monitor.app import App  # only the daemon needs all of it

    log = make_log(log_level, log_format, to_stdout=True)
    code = OK
    try:
        App(config, os.environ, log).run()
    except StateError as error:
        click.echo(f"token-monitor: {error}", err=True)
        code = IN_USE
    except MonitorError as error:
        click.echo(f"token-monitor: {error}", err=True)
        code = USAGE
    # Whatever it was: told, and the process ends; half a daemon that lives on would watch nothing.
    except Exception:
        log.error("monitor.crashed", exc_info=True)
        code = FAILED
    log.close()
    # Not sys.exit: the interpreter would wait for a thread that hangs in a database or a receiver.
    os._exit(code)
