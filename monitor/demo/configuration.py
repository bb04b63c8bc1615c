"""The demo's own config.toml: every shipped query every two seconds, on an account that can only read."""

from __future__ import annotations

import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from monitor.demo.mariadb import PrivateConnection
from monitor.timing.durations import parse_duration

ACCOUNT = "token_monitor"
INTERVAL = "2s"
_TIMEOUT = "1500ms"
_MAX_FOR = timedelta(seconds=2)

# Thresholds that wait for minutes in earnest; how old the last usage may be is in seconds;
# the application's calls are 0.3 s apart at most.
_CHANGED: Mapping[str, Mapping[str, object]] = {
    "TokenUsageStopped": {"above": 3},
    # An incident is to show its own alert, also where in earnest another one says why and mutes it.
    "TokenBalancesOverwritten": {"explains": []},
    "TokenSubscribersBlocked": {"explains": []},
}
# Calls are logged at once here, and whoever mends a refill loop does not wait an hour.
_LEDGER: Mapping[str, object] = {"settle": "2s", "loop": "22s"}
_OWN_RULES = {"TokenMonitorTargetDown": {"for": "2s"}}


def create_account(
    connection: PrivateConnection, database: str, password_file: Path
) -> None:
    """Make the monitor's account, which may only SELECT in `database`, with a password of its own."""
    password = secrets.token_urlsafe(24)
    # Before anything is in it: another user of the machine might read it in between.
    password_file.touch(mode=0o600)
    password_file.write_text(password + "\n", encoding="utf-8")
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE USER {ACCOUNT}@localhost IDENTIFIED BY %s WITH MAX_USER_CONNECTIONS 6",
            (password,),
        )
        cursor.execute(f"GRANT SELECT ON {database}.* TO {ACCOUNT}@localhost")


@dataclass(frozen=True, slots=True)
class ConfigParts:
    """Where the parts of the demo are: the database, the account's password, the receiver, the monitor."""

    socket: Path
    database: str
    password_file: Path
    webhook_url: str
    listen: str
    state: Path


def configuration(queries: Mapping[str, Mapping[str, Any]], parts: ConfigParts) -> str:
    """Write config.toml; `queries` are the shipped queries' own documents by name."""
    tables = [
        "# The demo's: intervals and `for` are seconds here, minutes in earnest.",
        _table(
            "targets.demo",
            {
                "unix_socket": str(parts.socket),
                "user": ACCOUNT,
                "password_file": str(parts.password_file),
                "database": parts.database,
                "max_connections": 3,
            },
        ),
        _table("receivers.demo", {"kind": "webhook", "url": parts.webhook_url}),
        # So often as here they would take more of a server than a monitor should.
        _table("load", {"share": 1}),
        _table("web", {"listen": parts.listen}),
        _table("state", {"directory": str(parts.state)}),
    ]
    quick = {"interval": INTERVAL, "timeout": _TIMEOUT}
    for name, document in sorted(queries.items()):
        tables.append(_table(f"queries.{name}", quick))
        if "ledger" in document:
            tables.append(_table(f"queries.{name}.ledger", _LEDGER))
        for rule, keys in document.get("rules", {}).items():
            tables.append(_table(f"rules.{rule}", _quick(rule, keys)))
    for rule, changed in _OWN_RULES.items():
        tables.append(_table(f"rules.{rule}", changed))
    return "\n".join(table for table in tables if table)


def shipped_documents(directory: Path) -> dict[str, dict[str, Any]]:
    """Read the .toml of each shipped query that runs on an interval here, where no application's source is named."""
    found = {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in directory.glob("*.toml")
    }
    elsewhere = {"cron", "application"}
    return {
        name: document
        for name, document in found.items()
        if elsewhere.isdisjoint(document)
    }


def _quick(rule: str, keys: Mapping[str, Any]) -> dict[str, object]:
    """Return the keys of a rule that are others here: what waits for minutes waits for seconds."""
    changed: dict[str, object] = {}
    for key in ("for", "keep_firing_for"):
        if parse_duration(keys.get(key, "0s")) > _MAX_FOR:
            changed[key] = f"{_MAX_FOR.seconds}s"
    others = _CHANGED.get(rule, {})
    changed |= {key: value for key, value in others.items() if key in keys}
    return changed


def _table(name: str, values: Mapping[str, object]) -> str:
    if not values:
        return ""
    # a JSON string is a TOML basic string
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
    ]
    return "\n".join([f"[{name}]", *lines, ""])
