"""Look at the files that a configuration names, in a thread of its own: a disk may hang."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime

from monitor.model.settings import Config
from monitor.secrets.inspection import inspect_files
from monitor.secrets.reader import SecretDisk
from monitor.telemetry.log import Log


def log_file_faults(config: Config, log: Log, now: Callable[[], datetime]) -> None:
    """Log what is wrong with the files, as soon as they have been read."""

    def look() -> None:
        for fault in inspect_files(config, SecretDisk().read, now()):
            log.warning("config.noticed", message=fault.text)

    # Where there is no thread to be had, each file is reported at its use.
    with contextlib.suppress(RuntimeError):
        threading.Thread(target=look, name="files", daemon=True).start()
