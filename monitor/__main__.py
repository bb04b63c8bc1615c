"""The entry of the program: `token-monitor` and `python -m monitor`; turns every error into an exit code."""

from __future__ import annotations

import sys
import traceback

import click

from monitor.cli import FAILED, UNKNOWN, USAGE, commands
from monitor.errors import MonitorError

_USAGE_CODES = {"check": UNKNOWN, "query": FAILED, "healthcheck": FAILED}
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; the exit codes are those of the documentation."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    usage = _USAGE_CODES.get(command, USAGE)
    try:
        code = commands.main(arguments, prog_name="token-monitor", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return usage
    except click.Abort:
        return _INTERRUPTED
    except MonitorError as error:
        click.echo(f"token-monitor: {error}", err=True)
        return usage
    # A bug: told with its trace (which shows no values), and never an exit code that means something else.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return UNKNOWN if command == "check" else FAILED
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
