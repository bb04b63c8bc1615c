"""The entry of the program: `token-monitor` and `python -m monitor`; turns every error into an exit code."""

from __future__ import annotations

import sys

import click

from monitor.cli import UNKNOWN, USAGE, commands
from monitor.errors import MonitorError


def main() -> None:
    """Run the command line; the exit codes are those of the documentation."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    is_check = next((argument for argument in arguments if not argument.startswith("-")), "") == "check"
    try:
        code = commands.main(arguments, prog_name="token-monitor", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return UNKNOWN if is_check else USAGE
    except click.ClickException as error:
        error.show()
        return UNKNOWN if is_check else error.exit_code
    except click.Abort:
        return 130
    except MonitorError as error:
        click.echo(f"token-monitor: {error}", err=True)
        return UNKNOWN if is_check else USAGE
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
