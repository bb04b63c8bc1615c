"""What everything that sends needs to reach a far end: time limits that hold, secrets, trust; made once."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from monitor.secrets.reader import SecretReader
from monitor.timing.deadlines import Watchdog


@dataclass(frozen=True, slots=True)
class Transport:
    """Shared by all senders; `tls` is the context of https, the system's trust where None."""

    watchdog: Watchdog
    secrets: SecretReader = field(default_factory=SecretReader)
    tls: ssl.SSLContext | None = None
