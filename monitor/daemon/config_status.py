"""Load all files of the configuration as one, and remember what was refused until it is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from monitor.config import Outside, load
from monitor.config.contract_reading import ContractReader
from monitor.config.queries.deriving import derive_needs
from monitor.config.sources import AskInDirectory
from monitor.model.errors import ConfigError, Problem
from monitor.model.settings import Config
from monitor.notify.kinds import KINDS
from monitor.telemetry.counters import Telemetry
from monitor.web import LastReload, WebServer
from monitor.web.web_config import load_web_config

Source: TypeAlias = Literal["configuration", "web-config file"]


class ConfigStatus:
    """What is refused until it is corrected, for the metric, the page and the alert; thread-safe."""

    def __init__(
        self,
        telemetry: Telemetry,
        now: Callable[[], datetime],
        *,
        reload: Callable[[], None],
    ) -> None:
        self._telemetry = telemetry
        self._now = now
        self._reload = reload
        self._lock = threading.Lock()
        self._problems: dict[Source, tuple[str, ...]] = {}
        self.last: LastReload | None = None
        """How the last load ended; None before the first after the start."""

    def start(self) -> None:
        """Record that the start has taken everything."""
        self._telemetry.reloaded(ok=True, at=self._now())

    def note(self, source: Source, problems: Iterable[str] = ()) -> None:
        """Record what came of a load from this source: no problems when it is in force."""
        now = self._now()
        with self._lock:
            self._problems = {**self._problems, source: tuple(problems)}
            self.last = LastReload(now, self.problems)
            self._telemetry.reloaded(ok=not self.problems, at=now)

    def note_web(self, problems: tuple[str, ...]) -> None:
        """Record what is wrong with the web-config file now; a reload that was refused for it is made again."""
        self.note("web-config file", problems)
        if self.problems and not problems:
            self._reload()

    @property
    def problems(self) -> tuple[str, ...]:
        """Return all that are not corrected yet, each once."""
        return tuple(
            dict.fromkeys(
                problem for found in self._problems.values() for problem in found
            )
        )


def _check_file_to_come(config: Config, web: WebServer) -> None:
    """Refuse a web-config file that only a restart takes, where that start would end for it."""
    to_come = config.web.config_file
    if to_come is not None and to_come != web.config_file:
        load_web_config(to_come)


def load_whole(
    old: Config, environ: Mapping[str, str], web: WebServer, ask: AskInDirectory
) -> Config:
    """Load the configuration again, and have the web-config file taken; ConfigError has the problems of both."""
    problems: tuple[Problem, ...] = ()
    config: Config | None = None
    try:
        read_contract = ContractReader(old.contract).read
        outside = Outside(ask, derive_needs, read_contract)
        config = load(old.path, environ, KINDS, outside)
        _check_file_to_come(config, web)
    except ConfigError as error:
        problems = error.problems
    try:
        web.reload_config_file()
    except ConfigError as error:
        problems = (*problems, *error.problems)
    if config is None or problems:
        raise ConfigError(problems)
    return config
