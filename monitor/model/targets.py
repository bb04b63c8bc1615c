"""The database servers that are watched: how each is reached, and what makes two of them the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from monitor.model.load_limits import LoadLimits
from monitor.model.session_settings import SessionValue

UTC_ZONE = "+00:00"
SERVER_ZONE = "server"
"""Stands for the time zone that a database server has itself."""


TlsMode: TypeAlias = Literal["disabled", "required", "verify_ca", "verify_identity"]


@dataclass(frozen=True, slots=True)
class Tls:
    """How the connection to a target is protected."""

    mode: TlsMode
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    public_key_file: Path | None = None
    """Without TLS: the server's own key, with which a password may be encrypted."""


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where a password, or another secret, is read each time: a file or a variable, never a literal."""

    file: Path | None = None
    env: str | None = None


FileContent: TypeAlias = Literal["secret", "password", "certificates"]
"""Of a password blanks count, also those around it; of another secret they do not."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a setting names: the key that names it, and what it must hold."""

    key: str
    path: Path
    holds: FileContent = "secret"


def named_file(
    key: str, path: Path | None, holds: FileContent = "secret"
) -> tuple[NamedFile, ...]:
    """Return the file that a key names; none where it names none."""
    return () if path is None else (NamedFile(key, path, holds),)


def secret_file(
    key: str, source: PasswordSource | None, holds: FileContent = "secret"
) -> tuple[NamedFile, ...]:
    """Return the file that a secret is read from; none where it is read from a variable, or there is none."""
    return () if source is None else named_file(key, source.file, holds)


@dataclass(frozen=True, slots=True)
class Target:
    """One database server, schema and account that we watch."""

    name: str
    user: str
    database: str
    tls: Tls
    host: str | None = None
    port: int = 3306
    unix_socket: Path | None = None
    password: PasswordSource | None = None
    max_connections: int = 2
    labels: Mapping[str, str] = field(default_factory=dict)
    max_replica_lag: timedelta = timedelta(minutes=1)
    """How far a replica may be behind before no rule is evaluated on its data; 0: as far as it likes."""
    time_zone: str = UTC_ZONE
    """The zone of the sessions in which the operator's own queries run; shipped ones run in UTC."""
    session: Mapping[str, SessionValue] = field(default_factory=dict)
    """Variables of all its sessions that are stated otherwise than the program would, by their names."""
    load: LoadLimits = field(default_factory=LoadLimits)
    contract: bool = True
    """Whether it serves the application whose source `[contract]` names."""

    def files(self) -> Iterator[NamedFile]:
        """Yield the files that hold a secret or certificates; its own certificate goes with a key, in `tls`."""
        yield from secret_file("password_file", self.password, "password")
        yield from named_file("tls.ca_file", self.tls.ca_file, "certificates")

    # What follows compares whole values and leaves out what does not matter: a key that is added
    # to a target makes its connections and its runs others, unless it is named here.

    def is_reached_as(self, other: Target) -> bool:
        """Return whether connections to one can go on as connections to the other, at a reload."""
        return self._as_reached() == other._as_reached()

    def shares_account_with(self, other: Target) -> bool:
        """Return whether a server counts the connections of both against one limit."""
        return self._account() == other._account()

    def _as_reached(self) -> Target:
        return replace(
            self,
            labels={},
            max_replica_lag=timedelta(0),
            # A session gets its zone from the query that runs in it.
            time_zone=UTC_ZONE,
            load=LoadLimits(),
            contract=True,
        )

    def as_asked(self) -> Target:
        """Return what bears on the answers that it gives."""
        return replace(
            self,
            labels={},
            max_replica_lag=timedelta(0),
            max_connections=1,
            load=LoadLimits(),
            # Whether it has a job of that says all.
            contract=True,
        )

    def _account(self) -> tuple[object, ...]:
        # Case does not count in the names of hosts. The password does not either: servers limit accounts.
        host = self.host and self.host.lower()
        return (host, self.port, self.unix_socket, self.user)


def of_different_files(targets: Iterable[Target]) -> Iterable[Target]:
    """Return the first of those that name the same files: of a thousand with one password that is enough."""
    first: dict[object, Target] = {}
    for target in targets:
        first.setdefault((target.password, target.tls), target)
    return first.values()
