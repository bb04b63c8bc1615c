"""What commands share that declare something to the running daemon: the password, and what it answered."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
import orjson

from monitor.cli.daemon_client import (
    DaemonAnswer,
    DaemonRequest,
    ask,
    trusting_context,
)
from monitor.cli.output import plain_line
from monitor.model.errors import MonitorError
from monitor.model.process_settings import Web

WAIT_SECONDS: Final = 20.0
"""Longer than the daemon waits until it is recorded."""
_ASKS_FOR_USER: Final = (
    "the page asks for a user and a password: give --user NAME --password-file FILE"
)


def with_password_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add --user and --password-file to a command, which gets the headers that they make as `headers`."""

    @wraps(command)
    def with_headers(
        user: str | None, password_file: Path | None, **options: Any
    ) -> int:
        return command(headers=authorization(user, password_file), **options)

    user = click.option("--user", help="The user of the page, where it asks for one.")
    file = click.option(
        "--password-file",
        type=click.Path(path_type=Path),
        help="The file with that user's password.",
    )
    return user(file(with_headers))


def authorization(user: str | None, password_file: Path | None) -> dict[str, str]:
    """Return the header with a user and the password that a file has; none without a user."""
    if user is None and password_file is None:
        return {}
    if user is None or password_file is None:
        raise click.UsageError("--user and --password-file go together")
    try:
        password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MonitorError(f"{password_file} cannot be read: {error}") from None
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def write(
    web: Web,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str],
) -> DaemonAnswer:
    """Ask the daemon for something that it answers once it is recorded; MonitorError where it gives no answer."""
    content = b"" if body is None else orjson.dumps(body)
    return answer_of(web, DaemonRequest(method, path, content, headers, WAIT_SECONDS))


def answer_of(web: Web, request: DaemonRequest) -> DaemonAnswer:
    """Return what the daemon answers; MonitorError where it gives no answer."""
    if web.port == 0:
        raise MonitorError(
            "web.listen has port 0: the daemon's address is not known here; give it a port"
        )
    try:
        return ask(web, request, trusting_context(web))
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise MonitorError(f"no answer from {web.host}:{web.port}: {why}") from None


def refusal(answer: DaemonAnswer) -> str:
    """Return why the daemon refused, as a line."""
    if answer.status == http.client.UNAUTHORIZED:
        return _ASKS_FOR_USER
    said: object = answer.words
    try:
        body = orjson.loads(answer.text)
        said = body["error"] if isinstance(body, Mapping) else body
    except (orjson.JSONDecodeError, KeyError):
        pass  # it is text, such as a proxy's
    return plain_line(str(said))
