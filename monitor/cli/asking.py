"""Ask for the targets of `[http_sd]`: once for a command, and again and again for the daemon."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from monitor.config.toml.document import Section
from monitor.daemon.http_lists import HttpLists
from monitor.model.discovery import HttpSdSettings
from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog


def lists_of(watchdog: Watchdog, secrets: SecretReader) -> HttpLists:
    """Return what asks and remembers; the watchdog keeps the time limits."""
    # Only who has such an address, or runs the daemon, needs the client.
    from monitor.notify.fetch import TargetListClient
    from monitor.notify.transport import Transport

    client = TargetListClient(Transport(watchdog, secrets))
    return HttpLists(client.fetch, lambda: datetime.now(UTC))


def ask_now(directory: Path, settings: HttpSdSettings) -> tuple[Section, ...]:
    """Ask for the targets, or take those that were last in force; ConfigError without either."""
    with Watchdog() as watchdog:
        return lists_of(watchdog, SecretReader()).ask(directory, settings)
