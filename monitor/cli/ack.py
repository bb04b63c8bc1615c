"""`ack`: say that somebody knows of an alert, so that nobody is reminded of it until it resolves."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import quote

import click
import orjson

from monitor.cli import FAILED, OK
from monitor.cli.asking_daemon import refusal, with_password_options, write
from monitor.cli.daemon_client import web_of
from monitor.cli.names import offer_fingerprints
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo


@click.command("ack")
@click.argument("fingerprint", shell_complete=offer_fingerprints)
@click.option("--comment", help="What is done about it; the page shows it.")
@click.option("--by", help="Who knows, where that is not the user alone.")
@click.option("--undo", is_flag=True, help="Nobody does after all.")
@with_password_options
@with_common_options
def command(
    fingerprint: str,
    comment: str | None,
    by: str | None,
    undo: bool,
    headers: Mapping[str, str],
    common: CommonOptions,
) -> int:
    """Acknowledge the alert with this FINGERPRINT: nobody is reminded until it resolves.

    It has to fire. `alerts --format json` and the page have its fingerprint. When it gets louder, that is told.
    Exit codes: 0, 1 when the daemon did not answer or refused.

    \b
    token-monitor ack 0f4d1c2b3a596877 --comment "on it"
    """
    path = f"/api/v1/alerts/{quote(fingerprint, safe='')}/acknowledgement"
    body = {"comment": comment or "", "by": by or ""}
    web = web_of(common.config_path)
    answer = write(web, "DELETE" if undo else "POST", path, body, headers)
    if answer.status != http.client.OK:
        click.echo(refusal(answer), err=True)
        return FAILED
    known = orjson.loads(answer.text)["data"]
    by_whom = f"acknowledged by {known['by']}" if known["acknowledged"] else "open"
    echo(f"{fingerprint}: {by_whom}")
    return OK
