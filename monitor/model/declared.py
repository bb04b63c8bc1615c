"""What people have declared and the state keeps as it is: deployments and silences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from monitor.model.deploys import DeployRequest, Deploys
from monitor.model.silences import SilenceRequest, Silences

DeclareRequest: TypeAlias = DeployRequest | SilenceRequest
"""What somebody declares, and waits until it is recorded."""


@dataclass(frozen=True, slots=True)
class Declared:
    """All that is declared, or the part of it that changes: None stays as it was."""

    deploys: Deploys | None = None
    silences: Silences | None = None


NOTHING_NEW = Declared()
