"""The entry of the program: `token-monitor` and `python -m monitor`; turns every error into an exit code."""

from __future__ import annotations

import gc
import os
import sys
import traceback

from monitor.daemon import signals

_INTERRUPTED = 130
"""What a shell makes of a process that SIGINT ended: 128 + 2."""
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
"""In the order of their descriptors."""


def main() -> None:
    """Run the command line; the exit codes are those of the documentation, whoever reads the output."""
    arguments = sys.argv[1:]
    if _command_of(arguments) == "run":
        # Before all that takes time: a signal that comes during the imports is heard later, and ends nothing.
        signals.hold_back()
        # What is imported stays: to look through it for garbage is 6 % of the start. `run` turns it on again.
        gc.disable()
    _open_closed_streams()
    code = run(arguments)
    _flush_output()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line, and return its exit code."""
    import click  # only here: signals are held back before all that takes time

    from monitor.cli import commands, entry_of
    from monitor.model.errors import ConfigError, MonitorError

    entry = entry_of(_command_of(arguments))
    try:
        # What a command returned, or 0 of --help and --version.
        code: int = commands.main(
            arguments, prog_name="token-monitor", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return entry.usage_code
    except click.Abort:
        return _INTERRUPTED
    except ConfigError as error:
        from monitor.cli.options import print_problems

        print_problems(error)
        return entry.error_code
    except MonitorError as error:
        click.echo(f"token-monitor: {error}", err=True)
        return entry.error_code
    # A bug: reported with its trace (which shows no values), and never an exit code that means something else.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return entry.crash_code
    return code


def _command_of(arguments: list[str]) -> str:
    """Return the first word that is not an option; empty where there is none."""
    words = (argument for argument in arguments if not argument.startswith("-"))
    return next(words, "")


def _open_closed_streams() -> None:
    """Open what was closed (`2>&-`) on nothing: else the next file that is opened would take its place."""
    for descriptor, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            _open_on_nothing(descriptor, name, mode)


def _open_on_nothing(descriptor: int, name: str, mode: str) -> None:
    stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
    os.dup2(stream.fileno(), descriptor)
    setattr(sys, name, stream)


def _flush_output() -> None:
    """Flush; a reader that went away or a full disk changes nothing of what was found."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Else Python would try once more as it ends, complain, and exit with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
