"""Settle who receivers are by a new configuration: renamed, elsewhere, without an outbox, gone; in the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from monitor.alerting.active import Changes
from monitor.daemon.messages import PipelineListener
from monitor.daemon.notifying import change_known
from monitor.daemon.recorded import Kept
from monitor.model.settings import Receiver
from monitor.notify.destinations import Moves, digests_of, renamed_among
from monitor.notify.notified import with_moves
from monitor.storage import State
from monitor.storage.destinations import mark_of_destination


def settle_receivers(
    state: State,
    listener: PipelineListener,
    receivers: Iterable[Receiver],
    changes: Changes,
    now: datetime,
) -> Kept:
    """Write into the alerts who was notified of them, as receivers are from now on; return what is kept with that.

    Who is elsewhere under its name was told of nothing, but by what waits for it. Raises sqlite3.Error, and
    may be called again.
    """
    receivers = tuple(receivers)
    waiting = state.outbox()
    for receiver in receivers:
        if receiver.name in waiting and not receiver.takes_notifications:
            # An Alertmanager is sent all that is active: what waited for who it was before, it has from there.
            for given_up in state.give_up(receiver.name, now=now):
                listener.on_given_up(given_up)
    before, found = state.destinations(), digests_of(receivers)
    renamed = renamed_among(before, found)
    elsewhere = {
        name: state.waiting_fingerprints(name)
        for name, digest in found.items()
        if before.get(name, digest) != digest
    }
    if renamed or elsewhere:
        # Else thousands of alerts would be looked through at each reload.
        moves = Moves(renamed, elsewhere)
        change_known(changes, partial(with_moves, moves=moves))
    for name in sorted(waiting.keys() - found.keys() - renamed.keys()):
        listener.on_unclaimed(name, waiting[name].waiting, waiting[name].oldest_at)
    marks = _marks(before, found, renamed, now)
    return Kept(marks=marks, renamed=renamed)


def _marks(
    before: Mapping[str, str],
    found: Mapping[str, str],
    renamed: Mapping[str, str],
    now: datetime,
) -> Mapping[str, datetime | None]:
    """Return the marks to be written, and those to be forgotten; who is gone keeps its own, and may come back."""
    old: dict[str, datetime | None] = {
        mark_of_destination(name, digest): None
        for name, digest in before.items()
        if name in renamed or found.get(name, digest) != digest
    }
    new = {
        mark_of_destination(name, digest): now
        for name, digest in found.items()
        if before.get(name) != digest
    }
    return {**old, **new}
