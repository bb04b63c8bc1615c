"""GET one address, to say that we live; an edge that is called in time, and says what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from monitor.model.alerts import Delivery
from monitor.model.process_settings import HeartbeatSettings
from monitor.notify.attempt import attempt
from monitor.notify.http_client import HttpClient
from monitor.notify.secrets import address_of
from monitor.notify.transport import Transport
from monitor.secrets.redaction import parts_of
from monitor.timing.clock import Clock

NAME: Final = "heartbeat"
"""What stands in place of a receiver."""


class Ping:
    """The far end of the heartbeat. Its address is a secret: outcomes name the host at most."""

    def __init__(
        self, settings: HeartbeatSettings, clock: Clock, transport: Transport
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._secrets = transport.secrets
        self._http = HttpClient(transport, timeout=settings.timeout, method="GET")

    def __call__(self) -> Delivery:
        """Make one attempt, within the time limit, and return its outcome."""
        done = attempt(self._clock, self._send)
        # Nobody keeps a connection for a call a minute.
        self._http.close()
        return done.delivery(NAME)

    def abort(self) -> None:
        """Cut the attempt under way, from another thread; nothing is sent afterwards."""
        self._http.abort()

    def _send(self, now: datetime) -> None:
        settings = self._settings
        address = address_of(settings.url, settings.url_file, self._secrets)
        # Whatever the far end echoes of the address: any part of it may be the secret.
        secrets = parts_of(address)
        self._http.send(address, b"", {"accept": "*/*"}, now=now, secrets=secrets)
