"""Keep the web-config file in force: taken whole when it or a certificate changes, or refused and told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from monitor.model.errors import ConfigError, Problem
from monitor.secrets.certificates import end_of_certificate_in
from monitor.telemetry.log import Log
from monitor.web.web_config import WebConfig, load_web_config

_MAX_LOADS = 3

Marks = Mapping[Path, tuple[int, ...]]
"""By what each file is told from another one that comes in its place."""


class WebConfigFile:
    """The web-config file. `current` is what is in force; None as path: nothing, for ever.

    Called from any thread. `on_look` hears what is wrong with it whenever that changes, nothing when it has
    been taken; `on_tls` hears that new connections must begin with another TLS.
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
        """Take it if it, or a file that it names, has changed; try again what was refused."""
        if self.path is None:
            return
        if self._problems or _marks_of(self._marks) != self._marks:
            self._take(self.path)

    def reload(self) -> None:
        """Take it now; ConfigError when it is refused, and the one before stays in force."""
        if self.path is None:
            return
        problems = self._take(self.path)
        if problems:
            raise ConfigError(problems)

    def _take(self, path: Path) -> tuple[Problem, ...]:
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
        before, marks_before = self.current, self._marks
        self.current, self._marks = config, marks
        files = config.tls.files if config.tls else ()
        has_same_files = all(
            marks.get(file) == marks_before.get(file) for file in files
        )
        if before.tls == config.tls and has_same_files:
            self.current = replace(
                config, context=before.context
            )  # who is connected may stay
        else:
            self._on_tls()


def _load(path: Path, before: WebConfig) -> tuple[WebConfig, Marks]:
    """Read the file and what it names, with marks of them from before they were read."""
    marks = _marks_of(_files(path, before))
    for _ in range(_MAX_LOADS):
        config = load_web_config(path)
        if set(_files(path, config)) <= set(marks):
            break
        # Once more: what changed before we looked at it would never be noticed.
        marks = _marks_of(_files(path, config))
    return config, {file: marks.get(file, ()) for file in _files(path, config)}


def _check_what_is_lost(path: Path, before: WebConfig, config: WebConfig) -> None:
    # Of a file that is just being written the users, or the TLS, may not be there yet.
    problems = []
    if before.users and not config.users:
        message = "has no users any more; that all paths are open to everybody takes a restart"
        problems.append(Problem(str(path), message, key="basic_auth_users"))
    if before.tls and not config.tls:
        message = "is not there any more; that pages and passwords go in clear takes a restart"
        problems.append(Problem(str(path), message, key="tls_server_config"))
    if problems:
        raise ConfigError(tuple(problems))


def _files(path: Path, config: WebConfig) -> tuple[Path, ...]:
    return (path, *(config.tls.files if config.tls else ()))


def _marks_of(
    files: Mapping[Path, object] | tuple[Path, ...],
) -> dict[Path, tuple[int, ...]]:
    return {file: _mark(file) for file in files}


def _mark(file: Path) -> tuple[int, ...]:
    """Return by what a file is known to be another than before: its time alone has steps of milliseconds."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
