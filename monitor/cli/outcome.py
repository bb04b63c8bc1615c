"""All that a `check` found, and which exit code that has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.cli.app_check import ApplicationCheck
from monitor.cli.checked import Checked, CheckStatus, worst


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What was found of queries, and of an application's statements on each target."""

    checked: Sequence[Checked]
    applications: Sequence[ApplicationCheck] = ()

    @property
    def status(self) -> CheckStatus:
        """Return what all of it comes to."""
        statuses = [one.status for one in self.checked]
        statuses.extend(one.status for one in self.applications)
        return worst(statuses)
