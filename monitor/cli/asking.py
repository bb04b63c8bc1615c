"""Ask for the targets of `[http_sd]`: once for a command, and again and again for the daemon."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from monitor.config.sources import FaultsOf, Groups
from monitor.daemon.http_lists import HttpLists, no_faults
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


def ask_now(directory: Path, settings: HttpSdSettings, _faults_of: FaultsOf) -> Groups:
    """Ask for the targets, or take those that were last in force; ConfigError without either.

    Of the newest list every problem is told, also where the daemon would go on with the one of before.
    """
    with Watchdog() as watchdog:
        return lists_of(watchdog, SecretReader()).ask(directory, settings, no_faults)
