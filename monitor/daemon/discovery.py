"""Look for what changes beside config.toml: lists of targets, the application's source; asks for a reload then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

from monitor.config.contract_reading import keep_contract
from monitor.config.source_files import mark_of
from monitor.config.target_lists import HTTP_SD, marks_of
from monitor.daemon.http_lists import HttpLists
from monitor.daemon.ticker import Ticker
from monitor.model.alerts import Delivery
from monitor.model.contract import ContractFiles
from monitor.model.discovery import FileMark, HttpSdSettings, TargetsFiles
from monitor.model.settings import Config
from monitor.notify.attempt import attempt
from monitor.timing.clock import Clock

_LOOK_SECONDS: Final = 2.0
"""How often files are looked at; one that has changed is taken when it looks the same twice."""


_Marks = TypeVar("_Marks")


class ChangedFiles(Generic[_Marks]):
    """Finds when files are others than those in force, and no longer being written."""

    def __init__(self) -> None:
        self._seen: _Marks | None = None
        self._asked_for: _Marks | None = None
        self.is_waiting = False
        """Whether a change was seen once, and is to be seen again."""

    def are_to_be_read(self, loaded: _Marks, marks: _Marks) -> bool:
        """Return whether to load again, by how the files are now; once for each change, also for a bad one."""
        is_settled = marks == self._seen
        self._seen = marks
        self.is_waiting = marks != loaded and not is_settled
        if marks == loaded:
            # As in force. If what was asked for is something else, it was refused, and is no more.
            was_refused = self._asked_for not in (None, marks)
            self._asked_for = None
            return was_refused
        if not is_settled or marks == self._asked_for:
            return False
        self._asked_for = marks
        return True


class Discovery:
    """A thread that finds what changes targets beside config.toml, and asks for reloads."""

    def __init__(
        self,
        clock: Clock,
        lists: HttpLists,
        *,
        reload: Callable[[], None],
        on_http_sd: Callable[[Delivery], None],
    ) -> None:
        self._clock = clock
        self._lists = lists
        self._reload = reload
        self._on_http_sd = on_http_sd
        self._files: ChangedFiles[Mapping[Path, FileMark]] = ChangedFiles()
        self._sources: ChangedFiles[str] = ChangedFiles()
        self._look_at_seconds = 0.0
        self._config: Config | None = None
        self._asked: HttpSdSettings | None = None
        self._ask_at_seconds = 0.0
        self._ticker = Ticker(
            clock, self._look, name="discovery", every_seconds=_LOOK_SECONDS
        )

    def start(self) -> None:
        """Begin to look."""
        self._ticker.start()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._ticker.stop()

    def apply(self, config: Config) -> None:
        """Look from now on by this configuration, which is in force."""
        self._lists.accept(config.http_sd)
        self._config = config

    def _look(self, _now: datetime) -> None:
        config = self._config
        if config is None:
            return
        self._look_at_files(config.targets_files)
        if config.contract is not None:
            self._look_at_sources(config.contract, config.state.directory)
        if config.http_sd is not None:
            self._ask_in_time(config.http_sd)
            self._keep(config.state.directory)

    def _look_at_files(self, files: TargetsFiles | None) -> None:
        if files is None:
            return
        marks = marks_of(files.pattern, files.base)
        if self._files.are_to_be_read(files.marks, marks):
            self._reload()

    def _look_at_sources(self, files: ContractFiles, directory: Path) -> None:
        """Look at the application's source at its interval, and again soon while it is being written."""
        now_seconds = time.monotonic()
        interval = files.settings.interval
        if now_seconds < self._look_at_seconds and not self._sources.is_waiting:
            return
        self._look_at_seconds = now_seconds + interval.total_seconds()
        keep_contract(directory, files)
        mark = mark_of(files.settings.directories)
        is_other = self._sources.are_to_be_read(files.mark, mark)
        # What could not be read may be there again without another look, as after a machine that was too busy.
        if is_other or files.faults:
            self._reload()

    def _ask_in_time(self, settings: HttpSdSettings) -> None:
        now_seconds = time.monotonic()
        if settings == self._asked and now_seconds < self._ask_at_seconds:
            return
        self._asked = settings
        self._ask_at_seconds = now_seconds + settings.refresh.total_seconds()

        def ask(now: datetime) -> None:
            if self._lists.refresh(settings, now):
                self._reload()

        self._on_http_sd(attempt(self._clock, ask).delivery(HTTP_SD))

    def _keep(self, directory: Path) -> None:
        try:
            self._lists.keep(directory)
        except OSError:
            # Without it a start that cannot ask has no list; that the disk fails, the state says.
            return
