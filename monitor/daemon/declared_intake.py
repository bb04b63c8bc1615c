"""Hand to the pipeline what is declared of deployments and silences: by requests, and by the file of `[deploys]`."""

from __future__ import annotations

import queue
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor.alerting.snapshot import Snapshot
from monitor.daemon.commands import DeclareAnswer
from monitor.daemon.messages import Declare, DeployFile
from monitor.model.declared import DeclareRequest
from monitor.model.deploys import DeploySource
from monitor.model.settings import Config

_ANSWER_SECONDS: Final = 15.0
"""Longer than a locked state is waited for."""
_MAX_REASON: Final = 200


class DeclaredIntake:
    """Takes what is declared in any thread, and looks at the file; the pipeline records it."""

    def __init__(
        self,
        put: Callable[[Declare | DeployFile], None],
        config: Callable[[], Config],
        snapshot: Callable[[], Snapshot],
    ) -> None:
        self._put = put
        self._config = config
        self._snapshot = snapshot

    def declare(self, request: DeclareRequest) -> bool:
        """Hand over a request and wait; return whether it was recorded in time. It may be recorded later."""
        answer: DeclareAnswer = queue.SimpleQueue()
        self._put(Declare(request, answer))
        try:
            answer.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            return False
        return True

    def look(self, _now: datetime) -> None:
        """Look whether the file is there, and tell the pipeline where that is not as it was; the disk may hang."""
        path = self._config().deploys.file
        if path is None:
            return
        try:
            reason = reason_in(path)
        except OSError:
            # Whether it is there cannot be seen: what was said before goes on, for as long as it may last.
            return
        snapshot = self._snapshot()
        is_there = reason is not None
        for target in snapshot.targets:
            declared = snapshot.deploys_of(target)
            if is_there != (declared.of(DeploySource.FILE) is not None):
                self._put(DeployFile(reason))
                return


def reason_in(path: Path) -> str | None:
    """Return the first line of the file that declares a deployment; None where it is not there."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            line = file.readline(_MAX_REASON)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (PermissionError, IsADirectoryError):
        # It is there, whatever is in it.
        path.stat()
        return ""
    return " ".join(line.split())
