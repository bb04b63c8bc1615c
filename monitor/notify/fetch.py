"""Ask an address for the list of targets that it has; beside the receivers, by the client that they send with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitor.model.discovery import HttpSdSettings
from monitor.notify.secrets import address_of
from monitor.notify.transport import Transport
from monitor.notify.webhook.headers import read_header

MAX_BYTES: Final = 64_000_000
"""A list of a hundred thousand targets has about 20 MB."""
_REFRESH_HEADER: Final = "x-prometheus-refresh-interval-seconds"


@dataclass(frozen=True, slots=True)
class TargetListClient:
    """Asks once for each call, over a connection of its own: nobody keeps one for a call a minute."""

    transport: Transport

    def fetch(self, settings: HttpSdSettings, now: datetime) -> bytes:
        """Return the answer, whole; DeliveryError without one. Errors name host and port of the address only."""
        # Only here: a daemon without such an address, and without a receiver, needs no client.
        from monitor.notify.http_client import HttpClient

        secrets = self.transport.secrets
        address = address_of(settings.url, settings.url_file, secrets)
        given = {
            name: read_header(path, secrets) for name, path in settings.header_files
        }
        headers = {
            "accept": "application/json",
            _REFRESH_HEADER: f"{settings.refresh.total_seconds():g}",
            **given,
        }
        client = HttpClient(self.transport, timeout=settings.timeout, method="GET")
        return client.fetch(
            address, headers, now=now, secrets=given.values(), max_bytes=MAX_BYTES
        )
