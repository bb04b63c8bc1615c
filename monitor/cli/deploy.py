"""`deploy`: say that a deployment begins or is over, so that alerts about changes wait for its end."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, Final

import click
import orjson

from monitor.cli import FAILED, OK
from monitor.cli.asking_daemon import (
    WAIT_SECONDS,
    answer_of,
    refusal,
    with_password_options,
)
from monitor.cli.daemon_client import DaemonRequest, web_of
from monitor.cli.names import offer_targets
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo, table

_PATH: Final = "/api/v1/deploys"


@click.command("deploy")
@click.argument("action", type=click.Choice(["begin", "end", "list"]))
@click.option(
    "--target",
    "targets",
    multiple=True,
    help="Only this target; may be repeated.",
    shell_complete=offer_targets,
)
@click.option(
    "--for", "length", help="How long at most, such as 30m. Default: [deploys] max."
)
@click.option("--reason", help="What is deployed: alerts and the page show it.")
@click.option(
    "--accept", is_flag=True, help="At the end: what is there now is meant to be so."
)
@with_password_options
@with_common_options
def command(
    action: str,
    targets: tuple[str, ...],
    length: str | None,
    reason: str | None,
    accept: bool,
    headers: Mapping[str, str],
    common: CommonOptions,
) -> int:
    """Declare to the running daemon that a deployment begins or is over, or list those that go on.

    While it goes on, alerts about changes do not begin to fire; what still differs after it fires then. A missing
    column is told all the same.

    Exit codes: 0, 1 when the daemon did not answer or refused.
    """
    body: dict[str, Any] = {"targets": list(targets)} if targets else {}
    if action == "begin":
        body.update(_given({"for": length, "reason": reason}))
        _refuse(action, {"--accept": accept})
    else:
        _refuse(action, {"--for": length, "--reason": reason})
    if action == "end" and accept:
        body["accept"] = True
    if action == "list":
        _refuse(action, {"--accept": accept, "--target": targets})
    web = web_of(common.config_path)
    answer = answer_of(web, _request(action, body, headers))
    if answer.status != http.client.OK:
        click.echo(refusal(answer), err=True)
        return FAILED
    echo(_listed(orjson.loads(answer.text)["data"]["deploys"]))
    return OK


def _given(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _refuse(action: str, options: Mapping[str, object]) -> None:
    """Refuse options that mean nothing here, rather than leave them out silently."""
    for name, value in options.items():
        if value:
            raise click.UsageError(f"{name} means nothing with {action}")


def _request(
    action: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> DaemonRequest:
    if action == "list":
        return DaemonRequest("GET", _PATH, headers=headers)
    path = _PATH if action == "begin" else f"{_PATH}/end"
    return DaemonRequest("POST", path, orjson.dumps(body), headers, WAIT_SECONDS)


def _listed(deploys: list[dict[str, Any]]) -> str:
    """Return the deployments as a table; what has ended by itself says so."""
    if not deploys:
        return "no deployment is under way"
    rows = [
        (
            one["target"],
            one["source"],
            one["beganAt"],
            "expired" if one["expired"] else one["endsAt"],
            one["by"],
            one["reason"],
        )
        for one in deploys
    ]
    return table(rows, ("TARGET", "BY", "SINCE", "UNTIL", "USER", "REASON"))
