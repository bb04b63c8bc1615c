"""The list of targets that `[http_sd]` names: asked for, remembered, and kept for a start that cannot ask."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeAlias

from monitor.config.sources import FaultsOf, Groups
from monitor.config.target_lists import HTTP_SD, read_answer
from monitor.config.toml.document import Section
from monitor.model.discovery import HttpSdSettings
from monitor.model.errors import ConfigError, DeliveryError, Problem

Fetch: TypeAlias = Callable[[HttpSdSettings, datetime], bytes]
"""Asks the address at an instant; DeliveryError without an answer."""

FILE: Final = "http_sd.json"
"""In the state directory: the last answer that was put in force."""


@dataclass(frozen=True, slots=True)
class _List:
    """An answer, as it came and as what it means."""

    text: str
    groups: tuple[Section, ...]

    def names_the_same(self, other: _List) -> bool:
        """Return whether two answers say the same; who makes them may have no order."""
        return self.text == other.text or self._canonical() == other._canonical()

    def _canonical(self) -> list[str]:
        return sorted(json.dumps(group.data, sort_keys=True) for group in self.groups)


class HttpLists:
    """The last good list of each address that was configured; of any thread.

    What cannot be had, read or used changes nothing: the list of before holds. What can be used is for the
    configuration to say that was loaded last: it brings the word with it when it asks.
    """

    def __init__(self, fetch: Fetch, now: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = threading.Lock()
        self._lists: dict[HttpSdSettings, _List] = {}
        self._faults_of: dict[HttpSdSettings, FaultsOf] = {}
        self._accepted: tuple[HttpSdSettings, _List] | None = None
        self._kept: tuple[HttpSdSettings, _List] | None = None

    def ask(
        self, directory: Path, settings: HttpSdSettings, faults_of: FaultsOf
    ) -> Groups:
        """Return the list for a load: the one that is known, else asked for, else kept in the state directory.

        ConfigError where there is none of them that can be used; it may pass.
        """
        with self._lock:
            self._faults_of[settings] = faults_of
            known = self._lists.get(settings)
        if known is not None:
            return known.groups
        try:
            found = self._usable(settings, self._now())
        except DeliveryError as error:
            kept = _read_kept(directory, settings)
            if kept is None:
                message = f"no list of targets: {error.message}"
                problem = Problem(HTTP_SD, message, may_pass=True)
                raise ConfigError((problem,)) from error
            found = kept
        with self._lock:
            self._lists[settings] = found
        return found.groups

    def refresh(self, settings: HttpSdSettings, now: datetime) -> bool:
        """Ask, and return whether the list is another than before; DeliveryError without one that can be used."""
        found = self._usable(settings, now)
        with self._lock:
            before = self._lists.get(settings)
            self._lists[settings] = found
        return before is None or not before.names_the_same(found)

    def accept(self, settings: HttpSdSettings | None) -> None:
        """Remember that a configuration with this list is in force; forget those of other addresses."""
        with self._lock:
            known = self._lists.get(settings) if settings else None
            if settings is not None and known is not None:
                self._lists = {settings: known}
                self._faults_of = {
                    one: faults_of
                    for one, faults_of in self._faults_of.items()
                    if one == settings
                }
                self._accepted = settings, known

    def keep(self, directory: Path) -> None:
        """Write the list that is in force into the state directory, if it is another one; OSError if it cannot."""
        with self._lock:
            accepted = self._accepted
        if accepted is None or accepted == self._kept:
            return
        settings, found = accepted
        _write_private(
            directory / FILE,
            f'{{"of": "{_name_of(settings)}", "answer": {found.text}}}',
        )
        self._kept = accepted

    def _usable(self, settings: HttpSdSettings, now: datetime) -> _List:
        """Ask for the list, and refuse one that a load would refuse: what holds stays until it is mended there."""
        found = self._asked(settings, now)
        with self._lock:
            faults_of = self._faults_of.get(settings, no_faults)
        if faults := faults_of(found.groups):
            said = str(faults[0])
            if len(faults) > 1:
                said = f"{said} (and {len(faults) - 1} more)"
            raise DeliveryError("bad_answer", said, recoverable=True)
        return found

    def _asked(self, settings: HttpSdSettings, now: datetime) -> _List:
        content = self._fetch(settings, now)
        try:
            text = content.decode()
            return _List(text, read_answer(text))
        except UnicodeDecodeError:
            said = "is not UTF-8 text"
        except ConfigError as error:
            # The first of what may be thousands.
            said = str(error.problems[0])
        raise DeliveryError("bad_answer", said, recoverable=True)


def no_faults(_groups: Groups) -> tuple[Problem, ...]:
    """Return nothing: whoever asks hears himself what is wrong with the newest list."""
    return ()


def kept_list(
    directory: Path, settings: HttpSdSettings, _faults_of: FaultsOf = no_faults
) -> Groups:
    """Return the list that was last in force; nothing where none was kept."""
    kept = _read_kept(directory, settings)
    return () if kept is None else kept.groups


def _name_of(settings: HttpSdSettings) -> str:
    """Return what the file says of where its list is from; of an address nothing, it may be a secret."""
    source = f"{settings.url}\n{settings.url_file or ''}"
    return blake2b(source.encode(), digest_size=16).hexdigest()


def _read_kept(directory: Path, settings: HttpSdSettings) -> _List | None:
    """Return the list that was kept of this address; None where there is none that can be used."""
    try:
        document = json.loads((directory / FILE).read_text(encoding="utf-8"))
        if document["of"] != _name_of(settings):
            return None
        text = json.dumps(document["answer"])
        return _List(text, read_answer(text))
    except (OSError, ValueError, LookupError, TypeError, ConfigError):
        return None


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
