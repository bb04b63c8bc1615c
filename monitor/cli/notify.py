"""`notify --test`: one test alert through one receiver."""

from __future__ import annotations

import click

from monitor.cli import FAILED, OK
from monitor.cli.names import offer_receivers
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo
from monitor.config.toml.problems import near_miss
from monitor.notify.test_alert import send_test_alert
from monitor.timing.clock import AnchoredClock


@click.command("notify")
@click.option(
    "--test",
    "receiver",
    required=True,
    metavar="RECEIVER",
    help="The receiver to try.",
    shell_complete=offer_receivers,
)
@with_common_options
def command(receiver: str, common: CommonOptions) -> int:
    """Send one test alert (TokenMonitorTest, info) through a receiver, whatever it filters.

    Exit codes: 0 taken, 1 not taken.
    """
    config = common.load_config()
    names = [one.name for one in config.receivers]
    chosen = next((one for one in config.receivers if one.name == receiver), None)
    if chosen is None:
        raise click.UsageError(f'no receiver "{receiver}"{near_miss(receiver, names)}')
    delivery = send_test_alert(chosen, AnchoredClock(), config.external_url)
    if delivery.reason:
        click.echo(
            f"{receiver} did not take it: {delivery.reason}: {delivery.message}",
            err=True,
        )
        return FAILED
    echo(f"{receiver} took it in {delivery.duration_seconds * 1000:.0f} ms")
    return OK
