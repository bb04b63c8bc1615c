"""Keep what people declare, and mark the alerts of which notices are held back; in the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, assert_never

from monitor.alerting import deploys, quieting, silences
from monitor.alerting.active import Changes
from monitor.alerting.quieting import Quieting, open_windows, quieting_at
from monitor.alerting.snapshot import with_declared
from monitor.daemon.latest import Latest
from monitor.daemon.messages import PipelineListener
from monitor.model.declared import Declared, DeclareRequest
from monitor.model.deploys import BeginDeploy, DeployChanges, EndDeploy
from monitor.model.settings import Config
from monitor.model.silences import (
    Acknowledge,
    AddSilence,
    EndSilence,
    MaintenanceWindow,
    SilenceChanges,
)
from monitor.storage import State

_LOOK_EVERY: Final = timedelta(seconds=1)


class DeclaredRecord:
    """Keeps deployments and silences, and what holds notices back. Owned by the pipeline's thread.

    `mark` only changes what is about to be recorded; `accept` says that it is. Until then, whatever the disk
    refuses, all alerts are marked again.
    """

    def __init__(
        self, state: State, listener: PipelineListener, latest: Latest
    ) -> None:
        self._state = state
        self._listener = listener
        self._latest = latest
        self._config = latest.config
        self._quieting = Quieting()
        self._looked_at: datetime | None = None
        self._marked: Quieting | None = None
        """By what all alerts are marked; None where that is not known."""
        self._open: Mapping[str, MaintenanceWindow] = {}

    def take(self, request: DeclareRequest, changes: Changes, now: datetime) -> None:
        """Record what is wanted or over; put into the changes what an acknowledgement changes."""
        match request:
            case BeginDeploy() | EndDeploy():
                declared = self._latest.snapshot.deploys
                self.keep_deploys(deploys.requested(declared, request, now))
            case AddSilence() | EndSilence():
                known = self._latest.snapshot.silences
                self._keep_silences(silences.requested(known, request, now))
            case Acknowledge():
                silences.acknowledge(changes, request, now)
            case _:
                assert_never(request)

    def tick(self, now: datetime) -> None:
        """Record and log what has begun or is over by time alone."""
        declared, limits = self._latest.snapshot.deploys, self._config.deploys
        self.keep_deploys(deploys.at_tick(declared, limits, now))
        self._keep_silences(silences.at_tick(self._latest.snapshot.silences, now))

    def use(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self._config = config
        self.look_again()

    def look_again(self) -> None:
        """Look at once what holds notices back: it may be something else, and marked with another end."""
        self._looked_at = self._marked = None

    def mark(self, changes: Changes, now: datetime) -> None:
        """Mark the alerts that changed, and all of them where something else holds notices back."""
        looked_at = self._looked_at
        if looked_at is None or not timedelta(0) <= now - looked_at < _LOOK_EVERY:
            self._look(now)
        if self._quieting != self._marked:
            quieting.mark(changes, tuple(changes.scopes()), self._quieting, now)
        elif not self._quieting.is_nothing:
            quieting.mark(changes, tuple(changes.changed), self._quieting, now)

    def accept(self, changes: Changes) -> None:
        """Note that the marks are recorded, and with them the changes; log what was acknowledged in these."""
        self._marked = self._quieting
        for alert, request in changes.acknowledged:
            self._listener.on_acknowledged(alert, request)

    def _look(self, now: datetime) -> None:
        known, windows = self._latest.snapshot.silences, self._config.maintenance
        self._quieting = quieting_at(known, windows, now)
        self._looked_at = now
        before = self._open
        self._open = open_windows(self._quieting)
        for name in self._open.keys() - before.keys():
            self._listener.on_maintenance(self._open[name], is_open=True)
        for name in before.keys() - self._open.keys():
            self._listener.on_maintenance(before[name], is_open=False)

    def keep_deploys(self, changes: DeployChanges) -> None:
        """Record which deployments are declared, then let it be so, then log it."""
        if changes.after == self._latest.snapshot.deploys:
            return
        self._keep(Declared(deploys=changes.after))
        for news in changes.news:
            self._listener.on_deploy(news)

    def _keep_silences(self, changes: SilenceChanges) -> None:
        if changes.after == self._latest.snapshot.silences:
            return
        self._keep(Declared(silences=changes.after))
        self.look_again()
        for news in changes.news:
            self._listener.on_silence(news)

    def _keep(self, declared: Declared) -> None:
        self._state.record({}, (), (), declared=declared)
        self._latest.snapshot = with_declared(self._latest.snapshot, declared)
