"""Tell what is new about the servers behind the targets, for the log: who answers, limits, rights; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, TypeAlias

from monitor.alerting.contact import TargetView
from monitor.model.results import Server
from monitor.model.settings import SERVER_ZONE, Job, Query
from monitor.timing.zones import utc_offsets

Level: TypeAlias = Literal["info", "warning"]
News: TypeAlias = tuple[str, Level, Mapping[str, object]]
"""An event, its level and its fields."""

LIMITS = ("statement", "lock", "read_only")
_MOST_SERVERS = 100


@dataclass(slots=True)
class Servers:
    """What was told of each target's servers; behind one address there may be several, each told once."""

    _told: dict[str, dict[str, Server]] = field(default_factory=dict)
    _rights: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _zones: dict[tuple[str, str], str] = field(default_factory=dict)

    def news(self, view: TargetView) -> Iterator[News]:
        """Say what changed since the last time that this server was seen."""
        server, target = view.server, view.target.name
        if server is None or not view.up:
            return
        told = self._told.setdefault(target, {})
        known = told.get(server.hostname)
        if known is server:
            return
        if len(told) > _MOST_SERVERS:
            told.clear()
        told[server.hostname] = server
        if known is None or _identity(known) != _identity(server):
            yield "target.connected", "info", _facts(server)
        if lacking(server) != (lacking(known) if known else []):
            level: Level = "warning" if lacking(server) else "info"
            yield "target.unprotected", level, {"lacking": lacking(server)}
        rights = server.surplus_rights
        if rights is not None and rights != self._rights.get(target, ()):
            yield (
                "target.overprivileged",
                "warning" if rights else "info",
                {"rights": _by_place(rights)},
            )
        if rights is not None:
            self._rights[target] = rights

    def zone_news(self, job: Job, server: Server | None) -> Iterator[News]:
        """Return a warning, once, where a query asks for the time in another zone than the server's own."""
        message = zone_warning(job.query, server)
        if message and self._zones.get(job.key) != message:
            yield (
                "zone.mismatched",
                "warning",
                {"functions": list(job.query.local_time), "message": message},
            )
        if server is not None:
            self._zones[job.key] = message


def zone_warning(query: Query, server: Server | None) -> str:
    """Return why a query that asks for the time may be off by hours; nothing where it is not."""
    if (
        server is None
        or not query.local_time
        or not server.utc_offsets
        or query.time_zone == SERVER_ZONE
    ):
        return ""
    if utc_offsets(query.time_zone) in ((), server.utc_offsets):
        return ""
    return (
        f"uses {', '.join(query.local_time)} in a session at {query.time_zone}, and the server's own zone is"
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
    return {
        "server": f"{server.flavor} {server.version}",
        "hostname": server.hostname,
        "read_only": server.read_only,
        "replica": server.replication is not None if server.knows_replication else None,
        "clock_offset_seconds": round(server.clock.seconds, 3)
        if server.clock
        else None,
    }


def _by_place(rights: tuple[str, ...]) -> list[str]:
    """Write the rights on one thing as one text: an account with all rights has about seventy."""
    parts = [right.rpartition(" on ") for right in rights]
    return [
        f"{', '.join(right for right, _, _ in group)} on {where}"
        for where, group in groupby(parts, key=lambda part: part[2])
    ]
