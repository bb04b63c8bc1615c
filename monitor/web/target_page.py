"""Describe one target for its page: its server, what we may do there, its queries and its schema; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from monitor.alerting.contact import TargetView
from monitor.alerting.query_view import QueryView
from monitor.model.results import ClockOffset, Sample, Server
from monitor.model.text_formats import span
from monitor.model.wording import counted, utc_minute
from monitor.web.alert_groups import AlertGroup
from monitor.web.day_strip import DayStrip
from monitor.web.samples_table import SampleTable, sample_tables
from monitor.web.tables import QueryRow, TargetRow, query_row, target_row
from monitor.web.verdict import Tone, worst_tone
from monitor.web.views import Scene

Fact: TypeAlias = tuple[str, str]
"""What something is called, and what it is."""

MAX_TARGET_QUERIES = 300
_MIN_SKEW_SECONDS = 0.5
_FINE = 0.0
"""What a sample of a schema query says of a column that is as expected."""


@dataclass(frozen=True, slots=True)
class SchemaContract:
    """What a schema query expects of the target's tables, and what of it is not so."""

    query: str
    words: str
    tables: tuple[SampleTable, ...]
    """The samples that say what is not as expected."""


@dataclass(frozen=True, slots=True)
class TargetPage:
    """One target."""

    now: datetime
    row: TargetRow
    tone: Tone
    headline: str
    facts: tuple[Fact, ...]
    alerts: tuple[AlertGroup, ...]
    strip: DayStrip | None
    uptime: str
    """Which share of the time that is known it was answered; empty where nothing is known."""
    queries: tuple[QueryRow, ...]
    left_out: int
    contracts: tuple[SchemaContract, ...]
    refused: tuple[str, ...]
    """What the server does not let us see, in its words."""


def target_page_of(
    view: TargetView,
    scene: Scene,
    alerts: tuple[AlertGroup, ...],
    strip: DayStrip | None,
    uptime: str,
) -> TargetPage:
    """Describe a target; `alerts` are those that are active on it, as the page shows them, `strip` its last day.

    `uptime`: in words.
    """
    row = target_row(view, scene.snapshot, scene.now)
    views = scene.snapshot.views_of(row.name)
    shown = scene.snapshot.shown_views_of(row.name)
    rows = sorted(
        (query_row(one, scene.now) for one in shown), key=lambda one: one.tone == "ok"
    )
    return TargetPage(
        now=scene.now,
        row=row,
        tone=worst_tone(row.tone, *(group.tone for group in alerts)),
        headline=_headline(row, alerts),
        facts=tuple(_facts(view, scene)),
        alerts=alerts,
        strip=strip,
        uptime=uptime,
        queries=tuple(rows[:MAX_TARGET_QUERIES]),
        left_out=max(0, len(rows) - MAX_TARGET_QUERIES),
        contracts=tuple(_contracts(scene.snapshot.schemas_of(row.name))),
        refused=tuple(dict.fromkeys(_refusals(views))),
    )


def _headline(row: TargetRow, alerts: tuple[AlertGroup, ...]) -> str:
    count = sum(group.size + group.consequence_count for group in alerts)
    active = f", {counted(count, 'alert')} active" if count else ""
    return f"{row.name} is {row.status}{active}"


def _facts(view: TargetView, scene: Scene) -> list[Fact]:
    """Return what is known of a target, each with its name."""
    target = view.target
    deploys = scene.snapshot.deploys_of(target.name).under_way
    facts: list[Fact] = [
        ("Database", target.database),
        *((f"Label {name}", value) for name, value in target.labels.items()),
        ("Connections", f"at most {target.max_connections}, TLS {target.tls.mode}"),
        ("Load by the monitor", _load_words(view.load.ratio, view.load.stretch)),
        ("Deployments", "; ".join(deploy.words for deploy in deploys)),
    ]
    if view.server is not None:
        facts += _server_facts(view.server)
    return [fact for fact in facts if fact[1]]


def _load_words(ratio: float | None, stretch: int) -> str:
    if ratio is None:
        return ""
    words = f"{ratio * 60_000:.0f} ms of statements a minute"
    return f"{words}, intervals stretched {stretch} times" if stretch > 1 else words


def _server_facts(server: Server) -> list[Fact]:
    """Return what a server said of itself when it was last met; an empty text of what it did not say."""
    threads = "" if server.threads_running is None else str(server.threads_running)
    return [
        ("Server", f"{server.flavor} {server.version}"),
        ("Host", server.hostname),
        ("Rights", _rights_words(server.surplus_rights)),
        ("Takes writes", _writes_words(server)),
        ("Replication", _replication_words(server)),
        ("Its clock", _clock_words(server.clock)),
        ("Its time zone", server.time_zone),
        ("Threads running", threads),
        ("Session limits in force", ", ".join(server.limits)),
        ("Variables that change an answer", ", ".join(server.altered)),
        *(
            (f"Certificate ({one.kind})", utc_minute(one.ends_at))
            for one in server.certificates
        ),
    ]


def _clock_words(clock: ClockOffset | None) -> str:
    if clock is None:
        return ""
    if clock.proven_seconds < _MIN_SKEW_SECONDS:
        return "as ours"
    side = "ahead" if clock.seconds > 0 else "behind"
    return f"{abs(clock.seconds):.1f} s {side}"


def _rights_words(surplus: tuple[str, ...] | None) -> str:
    if surplus is None:
        return "not known: SHOW GRANTS did not say"
    if not surplus:
        return "reads, and no more"
    return f"more than it needs: {', '.join(surplus)}"


def _writes_words(server: Server) -> str:
    if server.read_only is None:
        return "not known"
    return "no, it is read-only" if server.read_only else "yes"


def _replication_words(server: Server) -> str:
    replication = server.replication
    if replication is None:
        return "not a replica" if server.knows_replication else "not known"
    if replication.lag_seconds is None:
        return f"stands ({replication.state})"
    return f"{span(replication.lag_seconds)} behind its source"


def _refusals(views: list[QueryView]) -> Iterator[str]:
    for view in views:
        for failure in view.denied:
            yield f"{view.job.query.name}: {failure.remark}"


def _contracts(views: list[QueryView]) -> Iterator[SchemaContract]:
    """Yield what each schema query of the target expects, and what of that is not so."""
    for view in views:
        found = [sample for sample in view.samples if sample.value != _FINE]
        yield SchemaContract(
            query=view.job.query.name,
            words=_contract_words(view, found),
            tables=sample_tables(found, view.job.query.metrics),
        )


def _contract_words(view: QueryView, found: list[Sample]) -> str:
    expected = counted(len(view.columns_seen), "column")
    if not view.samples:
        return "nothing is known of the schema now"
    if not found:
        return f"all {expected} that are expected are there, and as expected"
    return f"of {expected} that are expected, {counted(len(found), 'fact')} not as expected"
