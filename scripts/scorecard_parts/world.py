"""Server, application and monitor on one clock, in steps; can be kept as it is, and brought back."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from monitor.demo.mariadb import PrivateConnection
from monitor.model.alerts import Notification
from monitor.model.settings import Config
from scripts.scorecard_parts import tables
from scripts.scorecard_parts.application import Application
from scripts.scorecard_parts.life import Life
from scripts.scorecard_parts.rhythm import Rhythm
from scripts.scorecard_parts.server import DrivenMariaDB
from scripts.scorecard_parts.watcher import Watcher, read_config, write_config


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the installation is."""

    users: int
    calls_a_minute: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A world as it was at an instant, in a folder."""

    folder: Path
    at: datetime


class World:
    """Everything, at one instant; the application's randomness is of the seed and of that instant."""

    def __init__(
        self, folder: Path, seed: int, scale: Scale, begins: datetime, extra: str = ""
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.at = begins
        self.rhythm = Rhythm(scale.calls_a_minute, begins, seed)
        self.server = DrivenMariaDB(folder / "m")
        self.config = self._create(scale, extra)
        self._begin(self.config)

    def step(self, length: timedelta) -> list[Notification]:
        """Let the application work for so long, then let the monitor look; returns what somebody is told."""
        ends = self.at + length
        self.server.set_clock(ends)
        self.application.run(self.at, ends)
        self.life.run(self.at, ends)
        return self.look(length)

    def look(self, length: timedelta) -> list[Notification]:
        """Let so much time pass for the monitor alone."""
        self.at += length
        self.server.set_clock(self.at)
        self.watcher.watch(self.at)
        return list(self.watcher.notifications())

    def keep(self, folder: Path) -> Kept:
        """Stop everything, copy it, and go on: as after a planned restart."""
        in_force = self.watcher.config
        self._end()
        self.server.keep(folder / "data")
        shutil.rmtree(folder / "state", ignore_errors=True)
        shutil.copytree(self.config.state.directory, folder / "state")
        self.server.start()
        self._begin(in_force)
        return Kept(folder, self.at)

    def bring_back(self, kept: Kept) -> None:
        """Be what was kept, with the configuration as it is shipped."""
        self._end()
        self.at = kept.at
        self.server.set_clock(self.at)
        self.server.bring_back(kept.folder / "data")
        shutil.rmtree(self.config.state.directory, ignore_errors=True)
        shutil.copytree(kept.folder / "state", self.config.state.directory)
        self.server.start()
        self._begin(self.config)

    def connect(self, user: str = "root", password: str = "") -> PrivateConnection:
        """Open a connection to the database of the application."""
        return self.server.connect_as(user, password, tables.DATABASE)

    def restart_server(self) -> None:
        """Stop the server and start it again at once; the application connects anew."""
        self.server.stop()
        self.server.start()
        self.root = self.connect()
        self.connect_application()

    def connect_application(self) -> None:
        """Give the application another connection, as its pool does when one has ended."""
        self.application.connection = self.connect(tables.APPLICATION)

    def close(self) -> None:
        """End everything and remove it."""
        self._end()
        self.server.close()

    def _create(self, scale: Scale, extra: str) -> Config:
        self.server.create()
        self.server.set_clock(self.at)
        self.server.start()
        with self.server.connect() as connection:
            tables.create(connection)
            tables.populate(connection, scale.users, self.at, random.Random(self.seed))
        return read_config(write_config(self.folder, self.server.socket, extra))

    def _begin(self, config: Config) -> None:
        self.rng = random.Random(f"{self.seed} {self.at.isoformat()}")
        self.held: list[PrivateConnection] = []
        """What an incident keeps open."""
        self.root = self.connect()
        connection = self.connect(tables.APPLICATION)
        self.application = Application(connection, self.rhythm, self.rng)
        self.life = Life(self.application, self.rng)
        self.watcher = Watcher(config, self.at)

    def _end(self) -> None:
        self.watcher.close()
        for connection in self.held:
            connection.close()
        self.application.connection.close()
        self.root.close()
        self.server.stop()
