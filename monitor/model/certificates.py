"""A certificate that we show or rely on, and when it ends: a value that travels the pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from monitor.timing.shift import NOT_BY_OUR_CLOCK

CertificateKind: TypeAlias = Literal["page", "server", "client"]
"""The page's own; a target's server's; the one that we show to a target."""

SOON = timedelta(days=14)
"""What ends within this time is warned of; the threshold of TokenMonitorCertificateExpiring is the same."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What it is for, and when it ends."""

    kind: CertificateKind
    ends_at: datetime = field(metadata=NOT_BY_OUR_CLOCK)
