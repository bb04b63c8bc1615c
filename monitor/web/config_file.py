"""Keep the web-config file in force: used whole when it or a certificate changes, or refused and logged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from monitor.model.errors import ConfigError, Problem
from monitor.secrets.certificates import end_of_certificate_in
from monitor.telemetry.log import Log
from monitor.web.web_config import TLS, USERS, WebConfig, load_web_config

_MAX_LOADS = 3
"""Who changes the file more often than that, while we read it, is waited for until the next look."""

Marks: TypeAlias = Mapping[Path, tuple[int, ...]]
"""By what each file is known from another one that comes in its place; () where there is none."""


class WebConfigFile:
    """The web-config file. `current` is what is in force; None as path: nothing, for ever.

    Called from any thread. `on_look` gets what is wrong with it whenever that changes, nothing when it is in
    force; `on_tls` is called when new connections must begin with another TLS.
    """

    def __init__(
        self,
        path: Path | None,
        log: Log,
        *,
        on_look: Callable[[tuple[str, ...]], None],
        on_tls: Callable[[], None],
    ) -> None:
        self.path = path
        self.current = WebConfig()
        self._log = log
        self._on_look = on_look
        self._on_tls = on_tls
        self._lock = threading.Lock()
        self._marks: Marks = {}
        self._problems: tuple[str, ...] = ()

    def load(self) -> None:
        """Read it for the first time; ConfigError when it cannot be used."""
        if self.path is not None:
            self.current, self._marks = _load(self.path, self.current)

    def recheck(self) -> None:
        """Use it if it, or a file that it names, has changed; try again what was refused."""
        has_changed = _marks_of(self._marks) != self._marks
        if has_changed or self._problems:
            self._renew()

    def reload(self) -> None:
        """Use it now; ConfigError when it is refused, and the one before stays in force."""
        problems = self._renew()
        if problems:
            raise ConfigError(problems)

    def _renew(self) -> tuple[Problem, ...]:
        """Load the file; return what is wrong with it, and why the one before stays in force."""
        path = self.path
        if path is None:
            return ()
        with self._lock:
            try:
                config, marks = _load(path, self.current)
                _check_what_is_lost(path, self.current, config)
            except ConfigError as error:
                self._refuse(error)
                self._renew_certificates()
                return error.problems
            self._put_in_force(config, marks)
            self._log.info("config.reloaded", file=str(path))
            if self._problems:
                self._problems = ()
                self._on_look(())
            return ()

    def _refuse(self, error: ConfigError) -> None:
        problems = tuple(str(problem) for problem in error.problems)
        if problems != self._problems:
            self._problems = problems
            self._log.error("config.rejected", problems=list(problems))
            self._on_look(problems)

    def _renew_certificates(self) -> None:
        """Use new certificates in the files of before, whatever else is wrong with the file."""
        tls = self.current.tls
        if tls is None:
            return
        marks = {**self._marks, **_marks_of(tls.files)}
        if marks == self._marks:
            return
        try:
            context = tls.context()
        except (OSError, ValueError):
            return  # it was refused for that, or will be
        ends_at = end_of_certificate_in(tls.cert_file)
        self._put_in_force(
            replace(self.current, context=context, certificate_ends_at=ends_at), marks
        )

    def _put_in_force(self, config: WebConfig, marks: Marks) -> None:
        before = self.current
        is_same_tls = before.tls == config.tls and not self._has_new_files(
            config, marks
        )
        if is_same_tls:
            # With the context of before: who is connected may stay.
            config = replace(config, context=before.context)
        self.current, self._marks = config, marks
        if not is_same_tls:
            self._on_tls()

    def _has_new_files(self, config: WebConfig, marks: Marks) -> bool:
        files = config.tls_files
        return any(marks.get(file) != self._marks.get(file) for file in files)


def _load(path: Path, before: WebConfig) -> tuple[WebConfig, Marks]:
    """Read the file and what it names, with marks of them from before they were read."""
    marks = _marks_of((path, *before.tls_files))
    for _ in range(_MAX_LOADS):
        config = load_web_config(path)
        files = (path, *config.tls_files)
        if marks.keys() >= set(files):
            break
        # Once more: what changed before we looked at it would never be noticed.
        marks = _marks_of(files)
    return config, {file: marks.get(file, ()) for file in files}


def _check_what_is_lost(path: Path, before: WebConfig, config: WebConfig) -> None:
    """Refuse a file without the users, or the TLS, of before: it may be just being written."""
    lost = (
        (
            before.users and not config.users,
            USERS,
            "has no users any more; that all paths are open to everybody takes a restart",
        ),
        (
            before.tls and not config.tls,
            TLS,
            "is not there any more; that pages and passwords go in clear takes a restart",
        ),
    )
    problems = [
        Problem(str(path), message, key=section)
        for is_lost, section, message in lost
        if is_lost
    ]
    if problems:
        raise ConfigError(tuple(problems))


def _marks_of(files: Iterable[Path]) -> dict[Path, tuple[int, ...]]:
    return {file: _mark(file) for file in files}


def _mark(file: Path) -> tuple[int, ...]:
    """Return by what a file is known to be another than before: its time alone has steps of milliseconds."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
