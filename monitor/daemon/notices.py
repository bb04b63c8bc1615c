"""Tell the operator what is not wrong and yet worth knowing: in the log, and beside the page's headline."""

from __future__ import annotations

from monitor.alerting.reach import why_nobody_is_notified
from monitor.log import Log
from monitor.model.settings import Config
from monitor.state import State


def tell_notices(log: Log, config: Config) -> None:
    """Log what a configuration that was loaded means, also that nobody would be notified of an alert."""
    for notice in config.notices:
        log.info("config.noticed", message=notice)
    if why := why_nobody_is_notified(config):
        log.warning("config.noticed", message=f"nobody is notified of any alert: {why}")


def notes_of(state: State) -> tuple[str, ...]:
    """Return what the page says of the state; nothing where all is on the disk."""
    if state.is_durable:
        return ()
    return (
        "The state is in memory only: its disk does not take it. A restart now would forget what fires and"
        " what is due to receivers",
    )
