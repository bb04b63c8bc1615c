"""Show the operator what is not wrong and yet worth knowing: in the log, and beside the page's headline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from monitor.alerting.reach import why_nobody_is_notified
from monitor.config.maintenance import warnings_of_ended
from monitor.daemon.file_inspection import log_file_faults
from monitor.model.settings import Config
from monitor.storage import State
from monitor.telemetry.log import Log


def log_notices(log: Log, config: Config, now: Callable[[], datetime]) -> None:
    """Log what a configuration means that was loaded, that nobody would be notified, how its files are."""
    for notice in config.notices:
        log.info("config.noticed", message=notice)
    for warning in (*config.warnings, *warnings_of_ended(config.maintenance, now())):
        log.warning("config.noticed", message=warning)
    if why := why_nobody_is_notified(config):
        log.warning("config.noticed", message=f"nobody is notified of any alert: {why}")
    log_file_faults(config, log, now)


def notes_of(state: State) -> tuple[str, ...]:
    """Return what the page says of the state; nothing where all is on the disk."""
    if state.is_durable:
        return ()
    return (
        "The state is in memory only: its disk does not take it. A restart now would forget what fires and"
        " what is due to receivers",
    )
