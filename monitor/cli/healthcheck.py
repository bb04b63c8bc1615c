"""`healthcheck`: for images: is the daemon here healthy?"""

from __future__ import annotations

from pathlib import Path

import click
import urllib3

from monitor.cli import FAILED, OK
from monitor.cli.options import config_option, load_or_tell

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - told apart, not bound
_TIMEOUT_SECONDS = 3.0


@click.command("healthcheck")
@config_option
def command(config_path: Path) -> int:
    """Ask the daemon at this configuration's address whether it is healthy; exit 0 or 1."""
    web = load_or_tell(config_path, exit_code=FAILED).web
    if web.port == 0:
        click.echo("web.listen has port 0: the daemon's address is not known here; give it a port", err=True)
        return FAILED
    host = _ANY.get(web.host, web.host)
    host = f"[{host}]" if ":" in host else host
    error = ""
    for scheme in ("http", "https") if web.config_file is None else ("https", "http"):
        # No certificate is checked: this asks our own process, and sends nothing.
        http = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=_TIMEOUT_SECONDS)
        try:
            answer = http.request("GET", f"{scheme}://{host}:{web.port}/-/healthy")
        except urllib3.exceptions.HTTPError as failed:
            error = str(failed)
            continue
        click.echo(answer.data.decode(errors="replace").strip())
        return OK if answer.status == 200 else FAILED
    click.echo(f"no answer from {host}:{web.port}: {error}", err=True)
    return FAILED
