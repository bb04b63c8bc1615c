"""`healthcheck`: for images: is the daemon here healthy?"""

from __future__ import annotations

import http.client

import click

from monitor.cli import FAILED, OK
from monitor.cli.daemon_client import DaemonRequest, ask_either, web_of
from monitor.cli.options import CommonOptions, with_common_options

_PATH = "/-/healthy"


@click.command("healthcheck")
@with_common_options
def command(common: CommonOptions) -> int:
    """Ask the daemon at this configuration's address whether it is healthy.

    TOKEN_MONITOR_LISTEN overrides the address, as for the daemon. No password is needed.

    Exit codes: 0 healthy, 1 not, or no answer within 3 s.
    """
    web = web_of(common.config_path)
    if web.port == 0:
        click.echo(
            "web.listen has port 0: the daemon's address is not known here; give it a port",
            err=True,
        )
        return FAILED
    try:
        answer = ask_either(web, DaemonRequest("GET", _PATH))
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        click.echo(f"no answer from {web.host}:{web.port}: {why}", err=True)
        return FAILED
    is_healthy = answer.status == http.client.OK
    click.echo(answer.words, err=not is_healthy)
    return OK if is_healthy else FAILED
