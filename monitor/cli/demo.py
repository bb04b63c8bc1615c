"""`demo`: what `scripts/demo` calls."""

from __future__ import annotations

import sys

import click

from monitor.demo.incidents import INCIDENTS
from monitor.demo.run import run


@click.command("demo")
@click.option(
    "--incident",
    type=click.Choice(list(INCIDENTS)),
    help="Break this as it runs, and mend it again.",
)
@click.option(
    "--for",
    "for_seconds",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="End by itself.",
)
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    help="Where the monitor's page listens.",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "console"]),
    help="Show the monitor's log too.",
)
def command(
    incident: str | None, for_seconds: float | None, listen: str, log_format: str | None
) -> int:
    """Show the monitor at work: a private MariaDB with the token system, an application that spends tokens.

    Needs the package mariadb-server-core. ^C stops and cleans up.
    """
    return run(
        incident=incident,
        for_seconds=for_seconds,
        listen=listen,
        out=sys.stdout,
        log_format=log_format,
    )
