"""Take up at the start what the state has kept: alerts, what is declared, positions, memories; in the pipeline."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.alerting.active import ActiveAlerts
from monitor.alerting.resolved import RESOLVED_KEPT
from monitor.alerting.snapshot import Snapshot, with_alerts, with_declared
from monitor.alerting.walks import with_positions
from monitor.daemon.detectors import Detectors
from monitor.daemon.maintenance import ALIVE
from monitor.daemon.messages import PipelineListener
from monitor.detection.rules import RuleMemory
from monitor.model.declared import Declared
from monitor.model.settings import Config
from monitor.storage import State
from monitor.storage.rule_memories import MemoryKey
from monitor.timing.clock import SLEPT
from monitor.timing.shift import moved


def restored(
    state: State, active: ActiveAlerts, snapshot: Snapshot, now: datetime
) -> Snapshot:
    """Restore the alerts into `active`, and return the snapshot with all that is kept; nothing is announced again."""
    alive_at = state.read_mark(ALIVE)
    gap = now - alive_at if alive_at is not None else timedelta(0)
    # The history is of the clock as it was: of one that was set back meanwhile until we were last alive.
    until = now - min(gap, timedelta(0))
    resolved = state.recently_resolved(until - RESOLVED_KEPT, until)
    active.restore(state.active_alerts(), resolved, gap)
    declared = Declared(state.deploys(), state.silences())
    if gap < -SLEPT:
        # The clock was set back while we were down: all that is kept was of its future. How long we were down
        # nobody knows then, and time goes on from where it was; that it was set forward looks as if we were down.
        active.move(gap)
        declared = moved(declared, gap)
        state.move(gap, active.active, declared)
    # With the clocks of what is pending moved, or a second restart would forget the first one's gap.
    state.record(active.active, (), (), marks={ALIVE: now})
    snapshot = with_declared(snapshot, declared)
    snapshot = with_positions(snapshot, state.positions())
    return with_alerts(snapshot, active.everything())


def detectors_of(
    state: State, listener: PipelineListener, config: Config, now: datetime
) -> Detectors:
    """Return the detectors with what rules remember; call when the state is as of this clock.

    What the clock of an earlier version has left in the future is begun anew: its rule would be blind until then.
    """
    at = (now - state.clock_shift()).timestamp()
    kept: dict[MemoryKey, RuleMemory] = {}
    for (job, rule), memory in state.memories().items():
        if memory.is_of_future(at):
            target, query = job
            what = f"what {rule} remembered of {query} on {target}"
            listener.on_unreadable(f"{what} is of the future, and begins anew")
        else:
            kept[job, rule] = memory
    return Detectors(kept, config)
