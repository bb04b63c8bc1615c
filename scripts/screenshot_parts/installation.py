"""A private MariaDB with the token system in it, an application, and the monitor on it as it is shipped."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.demo.configuration import ACCOUNT, create_account
from monitor.demo.mariadb import PrivateMariaDB, PrivateServer
from monitor.demo.program import Program
from monitor.demo.tokens import DATABASE, create_tables, populate
from monitor.demo.traffic import Traffic
from monitor.demo.webhook import WebhookReceiver

_LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Installation:
    """The database and who uses it."""

    server: PrivateServer
    traffic: Traffic
    folder: Path
    webhook_url: str

    @contextmanager
    def monitor(self, name: str, *, receivers: bool = True) -> Iterator[Monitor]:
        """Run the monitor with its shipped queries and rules, with a state of its own."""
        folder = self.folder / name
        folder.mkdir()
        config = folder / "config.toml"
        config.write_text(self._config(folder, receivers=receivers), encoding="utf-8")
        program = Program(config, log_format="json", on_line=lambda _line: None)
        program.start()
        try:
            wait_until(lambda: program.address is not None)
            yield Monitor(f"http://{program.address}")
        finally:
            program.stop()

    def let_in(self) -> None:
        """Make the monitor's account, which it is refused before."""
        with self.server.connect() as connection:
            create_account(connection, DATABASE, self.folder / "password")

    def _config(self, folder: Path, *, receivers: bool) -> str:
        parts = [
            "[targets.main]",
            f'unix_socket = "{self.server.socket}"',
            f'user = "{ACCOUNT}"',
            f'password_file = "{self.folder / "password"}"',
            f'database = "{DATABASE}"',
            f'[state]\ndirectory = "{folder / "state"}"',
            '[web]\nlisten = "127.0.0.1:0"',
        ]
        if receivers:
            parts.append(
                f'[receivers.oncall]\nkind = "webhook"\nurl = "{self.webhook_url}"'
            )
        return "\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor that runs."""

    address: str

    def wait_until_well(self) -> None:
        """Wait until each query has fresh data."""
        wait_until(lambda: all(one["isCurrent"] for one in self._get("queries")))

    def wait_until_refused(self) -> None:
        """Wait until no query has been let in."""
        wait_until(
            lambda: all(one["lastRun"] is not None for one in self._get("queries"))
        )

    def wait_for(self, alert: str) -> None:
        """Wait until an alert fires."""
        wait_until(lambda: alert in self._firing())

    def fingerprint_of(self, alert: str) -> str:
        """Return the fingerprint of an alert that is active."""
        found = (
            one for one in self._get("alerts") if one["labels"]["alertname"] == alert
        )
        return str(next(found)["fingerprint"])

    def _firing(self) -> set[str]:
        return {
            one["labels"]["alertname"]
            for one in self._get("alerts")
            if one["state"] == "firing"
        }

    def _get(self, what: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.address}/api/v1/{what}") as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"][what]
        return found


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {_LIMIT_SECONDS:g} s")
        time.sleep(0.5)


@contextmanager
def installation() -> Iterator[Installation]:
    """Start the database and the application; the monitor's account is still to be made."""
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        options = ("--default-time-zone=+00:00",)
        server = parts.enter_context(PrivateMariaDB(folder / "db", options=options))
        with server.connect() as connection:
            create_tables(connection)
            populate(connection, now=datetime.now(UTC))
        traffic = Traffic(lambda: server.connect(DATABASE))
        parts.callback(traffic.stop)
        traffic.start()
        receiver = parts.enter_context(WebhookReceiver(lambda _received: None))
        (folder / "password").write_text("not made yet\n")
        yield Installation(server, traffic, folder, receiver.url)
