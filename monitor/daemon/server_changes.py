"""Find what is new about the servers behind the targets, for the log: who answers, limits, rights; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.alerting.contact import TargetView
from monitor.model.mappings import among
from monitor.model.process_settings import LogLevel
from monitor.model.results import Server
from monitor.model.settings import Job, JobKey, Query
from monitor.model.targets import SERVER_ZONE
from monitor.timing.zones import utc_offsets


class ServerEvent(NamedTuple):
    """An event to log, its level and its fields."""

    event: str
    level: LogLevel
    fields: Mapping[str, object]


LIMITS = ("statement", "lock", "read_only")
_MAX_SERVERS = 100
"""Of one target: behind an address that gives a new host name at each connection there is no end of them."""


@dataclass(slots=True)
class ServerChanges:
    """What was logged of each target's servers; behind one address there may be several, each logged once."""

    _known: dict[str, dict[str, Server]] = field(default_factory=dict)
    """By target and by host name."""
    _rights: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _zones: dict[JobKey, str] = field(default_factory=dict)

    def news(self, view: TargetView) -> Iterator[ServerEvent]:
        """Return what changed since the last time that this server was seen."""
        server, target = view.server_in_contact, view.target.name
        if server is None:
            return
        of_target = self._known.setdefault(target, {})
        known = of_target.get(server.hostname)
        if known is server:
            # The same look at the server as before: nothing can be new.
            return
        # Each of them is then logged once more, which is better than memory without end.
        if len(of_target) > _MAX_SERVERS:
            of_target.clear()
        of_target[server.hostname] = server
        if known is None or _identity(known) != _identity(server):
            yield ServerEvent("target.connected", "info", _facts(server))
        yield from _news_of_limits(known, server)
        yield from self._news_of_rights(target, server)

    def keep(self, targets: Set[str], keys: Set[JobKey]) -> None:
        """Forget the targets and queries that are not among these: what comes back is logged again."""
        self._known = among(self._known, targets)
        self._rights = among(self._rights, targets)
        self._zones = among(self._zones, keys)

    def _news_of_rights(self, target: str, server: Server) -> Iterator[ServerEvent]:
        rights = server.surplus_rights
        if rights is None:
            return
        if rights != self._rights.get(target, ()):
            fields = {"rights": _by_object(rights)}
            yield ServerEvent("target.overprivileged", _level_of(rights), fields)
        self._rights[target] = rights

    def zone_news(self, job: Job, server: Server | None) -> Iterator[ServerEvent]:
        """Return a warning, once, where a query asks for the time in another zone than the server's own."""
        message = zone_warning(job.query, server)
        if message not in ("", self._zones.get(job.key)):
            fields = {"functions": list(job.query.local_time), "message": message}
            yield ServerEvent("zone.mismatched", "warning", fields)
        if server is not None:
            self._zones[job.key] = message


def _news_of_limits(known: Server | None, server: Server) -> Iterator[ServerEvent]:
    before = [] if known is None else lacking(known)
    now = lacking(server)
    if now != before:
        yield ServerEvent("target.unprotected", _level_of(now), {"lacking": now})


def _level_of(faults: Collection[str]) -> LogLevel:
    """Return how loud to log them: that there are none any more is good news."""
    return "warning" if faults else "info"


def zone_warning(query: Query, server: Server | None) -> str:
    """Return why a query that asks for the time may be off by hours; nothing where it is not."""
    if server is None or not server.utc_offsets:
        return ""
    if not query.local_time or query.time_zone == SERVER_ZONE:
        return ""
    of_session = utc_offsets(query.time_zone)
    if of_session in ((), server.utc_offsets):
        return ""
    functions = ", ".join(query.local_time)
    return (
        f"uses {functions} in a session at {query.time_zone}, and the server's own zone is"
        f" {server.time_zone}: what is written with the server's time is off by the difference. Use"
        ' UTC_TIMESTAMP() where it is written in UTC; else give the target time_zone = "server"'
    )


def lacking(server: Server) -> list[str]:
    """Return the limits that the server does not let a session have, and what else is not as we set it."""
    return [
        *(limit for limit in LIMITS if limit not in server.limits),
        *server.unstated,
    ]


def _identity(server: Server) -> tuple[object, ...]:
    return (
        server.flavor,
        server.version,
        server.read_only,
        server.replication is not None,
    )


def _facts(server: Server) -> Mapping[str, object]:
    is_replica = server.replication is not None
    offset_seconds = None
    if server.clock is not None:
        offset_seconds = round(server.clock.seconds, 3)
    return {
        "server": f"{server.flavor} {server.version}",
        "hostname": server.hostname,
        "read_only": server.read_only,
        "replica": is_replica if server.knows_replication else None,
        "clock_offset_seconds": offset_seconds,
    }


def _by_object(rights: tuple[str, ...]) -> list[str]:
    """Return the rights on one object as one text: an account with all rights has about seventy."""
    names: dict[str, list[str]] = {}
    for right in rights:
        name, _, where = right.rpartition(" on ")
        names.setdefault(where, []).append(name)
    return [f"{', '.join(of_object)} on {where}" for where, of_object in names.items()]
