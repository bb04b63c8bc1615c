"""`password`: a line for the users of the web-config file, with a bcrypt hash."""

from __future__ import annotations

import sys

import click
import yaml

from monitor.cli import OK
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo

MAX_BYTES = 72
"""bcrypt looks at no more of a password."""
_ONE_LINE = 10_000
COST = 10
"""About 70 ms for each look, as the exporter-toolkit's own: what guesses has to pay it too."""


@click.command("password")
@click.argument("name")
@with_common_options
def command(
    name: str,
    common: CommonOptions,
) -> int:
    """Ask for a password, and print the line of NAME for `basic_auth_users` in the web-config file.

    From a terminal it is asked for twice, and not shown; else it is the first line of what is piped in.
    """
    import bcrypt  # only who hashes a password pays for it

    if not name.strip() or ":" in name:
        raise click.UsageError(f'"{name}" cannot be a user: a name without a colon')
    given = _password()
    hashed = bcrypt.hashpw(given, bcrypt.gensalt(COST)).decode()
    # A name that YAML would read as something else, such as 007 or on, comes in quotes.
    echo(yaml.safe_dump({name: hashed}, allow_unicode=True, width=_ONE_LINE).rstrip())
    return OK


def _password() -> bytes:
    if sys.stdin.isatty():
        text = click.prompt(
            "Password", hide_input=True, confirmation_prompt=True, err=True
        )
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    given = str(text).encode()
    if not given:
        raise click.UsageError("a password has to be given")
    if len(given) > MAX_BYTES:
        raise click.UsageError(
            f"the password has {len(given)} bytes; bcrypt looks at {MAX_BYTES} only, so it would be cut"
        )
    return given
