"""`healthcheck`: for images: is the daemon here healthy?"""

from __future__ import annotations

import http.client
import os
import ssl
from pathlib import Path

import click

from monitor.cli import FAILED, OK
from monitor.cli.options import CommonOptions, with_common_options
from monitor.config.toml.document import Section, read_document
from monitor.config.toml.problems import Origin, Problems
from monitor.config.web_and_state import read_web
from monitor.model.errors import ConfigError
from monitor.model.process_settings import Web
from monitor.secrets.key_pairs import load_key_pair
from monitor.web.web_config import load_web_config

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_TIMEOUT_SECONDS = 3.0
"""For each of two attempts. The answer needs no database: who takes longer is not healthy."""
_MAX_BYTES = 10_000


@click.command("healthcheck")
@with_common_options
def command(common: CommonOptions) -> int:
    """Ask the daemon at this configuration's address whether it is healthy.

    TOKEN_MONITOR_LISTEN overrides the address, as for the daemon. No password is needed.

    Exit codes: 0 healthy, 1 not, or no answer within 3 s.
    """
    web = _web(common.config_path)
    if web.port == 0:
        click.echo(
            "web.listen has port 0: the daemon's address is not known here; give it a port",
            err=True,
        )
        return FAILED
    error = ""
    # The likelier one first, then the other: the daemon may run with the configuration of before.
    schemes = (False, True) if web.config_file is None else (True, False)
    for is_tls in schemes:
        try:
            status, text = _ask(web, is_tls=is_tls)
        except (OSError, http.client.HTTPException) as failed:
            error = error or str(failed) or type(failed).__name__
            continue
        is_healthy = status == http.client.OK
        click.echo(text.strip() or str(status), err=not is_healthy)
        return OK if is_healthy else FAILED
    click.echo(f"no answer from {web.host}:{web.port}: {error}", err=True)
    return FAILED


def _web(path: Path) -> Web:
    """Read where the daemon listens and nothing else.

    It goes on with its old configuration while somebody edits the files: a mistake there must not make
    it unhealthy, and have it restarted with that mistake.
    """
    problems = Problems()
    base = path.absolute().parent
    document = read_document(path, path.name, problems)
    unread = Section({}, {(): Origin(path.name)})
    section = unread if document is None else document.at("web")
    web = read_web(section, os.environ, base, problems)
    for problem in problems.in_order():
        click.echo(str(problem), err=True)
    return web


def _ask(web: Web, *, is_tls: bool) -> tuple[int, str]:
    host = _ANY.get(web.host, web.host)
    connection: http.client.HTTPConnection
    if is_tls:
        connection = http.client.HTTPSConnection(
            host, web.port, timeout=_TIMEOUT_SECONDS, context=_context(web)
        )
    else:
        connection = http.client.HTTPConnection(
            host, web.port, timeout=_TIMEOUT_SECONDS
        )
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        return answer.status, answer.read(_MAX_BYTES).decode(errors="replace")
    finally:
        connection.close()


def _context(web: Web) -> ssl.SSLContext:
    # No certificate is checked: this asks our own process, and sends nothing.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        tls = load_web_config(web.config_file).tls if web.config_file else None
        # Where clients must show a certificate, the daemon's own is one that its authority may have signed.
        if tls is not None and tls.client_ca_file is not None:
            load_key_pair(context, tls.cert_file, tls.key_file)
    except (ConfigError, OSError, ValueError) as error:
        click.echo(str(error), err=True)
    return context
