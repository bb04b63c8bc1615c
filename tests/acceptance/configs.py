"""Config files for the acceptance tests: the shipped queries in seconds instead of minutes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from monitor.config import shipped_queries_directory
from monitor.demo.mariadb import PrivateServer
from monitor.demo.tokens import create_tables, populate


def write_config(
    folder: Path,
    server: PrivateServer,
    schema: str,
    *,
    extra: str = "",
    target: Mapping[str, object] | None = None,
    web: str = "127.0.0.1:0",
) -> Path:
    """Write config.toml for one target `main`, as root by socket; `extra` is appended."""
    settings: dict[str, object] = {
        "unix_socket": str(server.socket),
        "user": "root",
        "database": schema,
    }
    settings.update(target or {})
    lines = [
        "[targets.main]",
        *(f"{key} = {json.dumps(value)}" for key, value in settings.items()),
    ]
    if "[load]" not in extra:
        # Intervals of some hundred milliseconds take more of a server than a monitor should.
        lines.append("[load]\nshare = 1\nthreads_running = 0")
    path = folder / "config.toml"
    path.write_text(
        "\n".join([*lines, f'[web]\nlisten = "{web}"', extra, ""]), encoding="utf-8"
    )
    return path


def only_ours(config: Path) -> Path:
    """Have it run the queries of its own folder queries/, and none of the shipped ones."""
    text = config.read_text(encoding="utf-8")
    config.write_text(
        f'query_dirs = ["queries"]\nshipped_queries = false\n{text}', encoding="utf-8"
    )
    return config


def in_seconds(interval: str = "500ms", timeout: str = "400ms") -> str:
    """Return overrides that run every shipped query often, and let its rules wait for nothing.

    A run that takes longer than the timeout, as any may on a machine that does other things, fails.
    """
    parts = []
    for path in sorted(shipped_queries_directory().glob("*.toml")):
        parts.append(
            f'[queries.{path.stem}]\ninterval = "{interval}"\ntimeout = "{timeout}"'
        )
        rules = tomllib.loads(path.read_text(encoding="utf-8")).get("rules", {})
        parts.extend(f'[rules.{name}]\nfor = "0s"' for name in rules)
    parts.append('[rules.TokenMonitorTargetDown]\nfor = "0s"')
    return "\n".join(parts)


def webhook(url: str) -> str:
    """Return a webhook receiver."""
    return f'[receivers.hook]\nkind = "webhook"\nurl = "{url}"'


def token_system(server: PrivateServer, schema: str) -> None:
    """Make the token system's tables with a plausible population."""
    with server.connect(schema) as connection:
        create_tables(connection, schema)
        populate(connection, now=datetime.now(UTC))


def two_files(folder: Path, name: str, *, sql: str, toml: str) -> None:
    """Add a query: NAME.sql and NAME.toml."""
    queries = folder / "queries"
    queries.mkdir(exist_ok=True)
    (queries / f"{name}.sql").write_text(sql, encoding="utf-8")
    (queries / f"{name}.toml").write_text(toml, encoding="utf-8")
