"""GET one address, to say that we live; an edge that is told when, and says what came of it."""

from __future__ import annotations

from datetime import datetime

from monitor.model.alerts import Delivery
from monitor.model.process_settings import HeartbeatSettings
from monitor.notify.http_client import Post
from monitor.notify.secrets import read_address
from monitor.notify.transport import Means
from monitor.notify.worker import attempt, outcome
from monitor.secrets.redaction import parts_of
from monitor.timing.clock import Clock

NAME = "heartbeat"
"""What stands in place of a receiver."""


class Ping:
    """The far end of the heartbeat. Its address is a secret: outcomes name the host at most."""

    def __init__(
        self,
        settings: HeartbeatSettings,
        clock: Clock,
        means: Means,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._secrets = means.secrets
        self._post = Post(means, timeout=settings.timeout, method="GET")

    def __call__(self) -> Delivery:
        """Make one attempt, within the time limit."""
        at, seconds, error = attempt(self._clock, self._send)
        self._post.close()  # nobody keeps a connection for a call a minute
        return outcome(NAME, error, at, seconds)

    def abort(self) -> None:
        """Cut the attempt under way, from another thread; nothing is sent afterwards."""
        self._post.abort()

    def _send(self, now: datetime) -> None:
        file = self._settings.url_file
        address = (
            self._settings.url if file is None else read_address(file, self._secrets)
        )
        # Whatever the far end echoes of the address: any part of it may be the secret.
        self._post.send(
            address, b"", {"accept": "*/*"}, now=now, secrets=parts_of(address)
        )
