"""A certificate that we show or rely on, and when it ends: a value that travels the pipe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

CertificateKind: TypeAlias = Literal["page", "server", "client"]
"""The page's own; a target's server's; the one that we show to a target."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What it is for, and when it ends."""

    kind: CertificateKind
    ends_at: datetime
