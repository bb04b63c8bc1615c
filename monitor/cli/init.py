"""`init`: a small configuration for one database, what its account needs, and whether it is let in."""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import click

from monitor.cli import FAILED, OK
from monitor.cli.grants import grants
from monitor.cli.options import CommonOptions, with_common_options
from monitor.cli.output import echo
from monitor.config import load
from monitor.database import Database
from monitor.model.errors import ConfigError, TargetError
from monitor.model.settings import Config
from monitor.model.targets import Target
from monitor.notify.kinds import KINDS
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog

SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",  # noqa: S108 -- where servers that were built by hand have it
)
"""Where servers of the usual packages listen."""
_LEASE_SECONDS = 10.0
_SECRET = Path("secrets/main")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server is, and which account and schema are watched there."""

    host: str | None
    port: int
    unix_socket: str | None
    user: str
    database: str


@click.command("init")
@click.option("--database", required=True, help="The application's schema.")
@click.option("--host", help="Of the server. Default: its socket on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), default=3306, show_default=True)
@click.option("--unix-socket", help="Of the server, where it is on this machine.")
@click.option(
    "--user", default="token_monitor", show_default=True, help="The account to use."
)
@with_common_options
def command(
    database: str,
    host: str | None,
    port: int,
    unix_socket: str | None,
    user: str,
    common: CommonOptions,
) -> int:
    """Write a configuration for one database, and try it.

    \b
    It asks nothing: what it cannot find out is an option. A password is made and put into a file; if the account
    is not let in yet, the statements that make it are printed.
    """
    path = common.config_path
    if path.exists():
        raise click.UsageError(f"{path} is there already, and is left as it is")
    if host is not None and unix_socket is not None:
        raise click.UsageError("give --host or --unix-socket, not both")
    place = Place(host, port, unix_socket or _found_socket(host), user, database)
    config = _written(path, place)
    password = path.parent / _SECRET
    _make_password(password)
    echo(f"written: {path}, and the password of {user} in {password}")
    (target,) = config.targets
    fault = _fault(target)
    if fault:
        return _not_let_in(config, target, password, fault)
    echo(f"\n{target.name} lets {user} in. Next:\n")
    _show_next(path)
    return OK


def _written(path: Path, place: Place) -> Config:
    """Write the configuration and load it; where it cannot be used nothing is left of it."""
    path.write_text(_text(place), encoding="utf-8")
    try:
        return load(path, os.environ, KINDS)
    except ConfigError:
        path.unlink()
        raise


def _quoted(text: str) -> str:
    """Write a text as TOML: as JSON, but for the one character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _found_socket(host: str | None) -> str | None:
    """Return the socket of a server on this machine, where no host is given."""
    if host is not None:
        return None
    for socket in SOCKETS:
        if _is_socket(Path(socket)):
            return socket
    raise click.UsageError(
        f"no server's socket on this machine ({', '.join(SOCKETS)}): give --host, or --unix-socket"
    )


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _make_password(path: Path) -> None:
    """Make a password that nobody has to type, unless there is one."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{secrets.token_urlsafe(24)}\n", encoding="utf-8")


def _text(place: Place) -> str:
    if place.unix_socket is None:
        where = f"host = {_quoted(place.host or '')}\nport = {place.port}\n"
    else:
        where = f"unix_socket = {_quoted(place.unix_socket)}\n"
    return (
        "# Every key there is: docs/configuration.md; check this file: token-monitor validate --connect\n"
        "[targets.main]\n"
        f"{where}"
        f"user = {_quoted(place.user)}\n"
        f'password_file = "{_SECRET}"\n'
        f"database = {_quoted(place.database)}\n"
        "\n"
        "# Who is told; without a receiver alerts are in the log, on the page and in /metrics.\n"
        "#[receivers.oncall]\n"
        '#kind = "alertmanager"\n'
        '#urls = ["http://127.0.0.1:9093"]\n'
    )


def _fault(target: Target) -> str:
    """Return why the account is not let in; empty where it is."""
    with Watchdog() as watchdog:
        database = Database(target, secrets=SecretReader(), watchdog=watchdog)
        try:
            with database.lease(deadline_seconds=_LEASE_SECONDS):
                return ""
        except TargetError as error:
            return f"{error.reason}: {error.message}"
        finally:
            database.close()


def _not_let_in(config: Config, target: Target, password: Path, fault: str) -> int:
    echo(f"\n{target.name}: {fault}")
    echo(
        "\nIf there is no such account yet, an administrator runs this, with what is in"
        f" {password} as its password:\n"
    )
    echo(grants([target], config))
    echo("\nThen:\n")
    _show_next(config.path)
    return FAILED


def _show_next(path: Path) -> None:
    option = "" if path == Path("config.toml") else f" --config {path}"
    echo(
        f"  token-monitor validate --connect{option}     its rights, how each query runs"
    )
    echo(f"  token-monitor check{option}                  every query once, now")
    echo(
        f"  token-monitor run{option}                    the daemon: http://127.0.0.1:8917/"
    )
