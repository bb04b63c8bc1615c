"""The entry of the program: `token-monitor` and `python -m monitor`; turns every error into an exit code."""

from __future__ import annotations

import os
import sys
import traceback

from monitor.daemon import signals

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; the exit codes are those of the documentation, whoever reads the output."""
    if _command_of(sys.argv[1:]) == "run":
        # Before all that takes time: a signal that comes during the imports is heard later, and ends nothing.
        signals.hold_back()
    _have_streams()
    code = run(sys.argv[1:])
    _let_go_of_output()
    sys.exit(code)


def _have_streams() -> None:
    """Open what was closed (`2>&-`) on nothing: else the next file that is opened would take its place."""
    for number, name, mode in (
        (0, "stdin", "r"),
        (1, "stdout", "w"),
        (2, "stderr", "w"),
    ):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
            if stream.fileno() != number:
                os.dup2(stream.fileno(), number)
            setattr(sys, name, stream)


def _let_go_of_output() -> None:
    """Flush; a reader that went away or a full disk changes nothing of what was found."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _command_of(arguments: list[str]) -> str:
    return next(
        (argument for argument in arguments if not argument.startswith("-")), ""
    )


def run(arguments: list[str]) -> int:
    """Run one command line, and return its exit code."""
    import click  # only here: signals are held back before all that takes time

    from monitor.cli import FAILED, UNKNOWN, USAGE, commands
    from monitor.model.errors import MonitorError

    command = _command_of(arguments)
    failed_codes = {"check": UNKNOWN} | dict.fromkeys(
        ("query", "alerts", "history", "explain", "backup", "notify", "healthcheck"),
        FAILED,
    )
    try:
        code = commands.main(
            arguments, prog_name="token-monitor", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return (
            UNKNOWN if command == "check" else USAGE
        )  # 2 would be "critical" to Nagios
    except click.Abort:
        return _INTERRUPTED
    except MonitorError as error:
        click.echo(f"token-monitor: {error}", err=True)
        return failed_codes.get(command, USAGE)
    # A bug: told with its trace (which shows no values), and never an exit code that means something else.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return UNKNOWN if command == "check" else FAILED
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
