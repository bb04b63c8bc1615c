"""Compute what the page shows, in words: is all well, and if not, what, since when, and what to do; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.alerting.contact import TargetView
from monitor.alerting.query_view import QueryView
from monitor.model.alerts import Alert, Transition
from monitor.model.own_alerts import WATCHDOG
from monitor.model.settings import Config
from monitor.web.alert_groups import (
    AlertGroup,
    PageContext,
    known_rules,
)
from monitor.web.alert_sections import (
    all_described,
    described,
    not_described,
    sections_of,
)
from monitor.web.banners import Banner, Troubles, banners_of, deploy_banners
from monitor.web.day_strip import DayStrip
from monitor.web.first_steps import FirstStep, first_steps
from monitor.web.flapping import latest_changes
from monitor.web.headline import KnownRule, headline
from monitor.web.history_rows import PastChange
from monitor.web.numbers import (
    DayLines,
    NumberTile,
    PlanTable,
    TileSource,
    plan_table,
    tiles_of,
)
from monitor.web.page_filter import EVERY, Choices, PageFilter, choices_of
from monitor.web.tables import (
    QueryRow,
    ReceiverRow,
    TargetRow,
    is_query_well,
    is_target_well,
    query_row,
    receiver_row,
    target_row,
)
from monitor.web.target_search import TargetSearch, target_search
from monitor.web.verdict import Verdict, verdict_of
from monitor.web.views import Scene

MAX_ROWS = 150
"""More rows than that nobody reads; those without trouble are left out first."""
_MAX_SAID = 50
"""So many groups of each kind are put into words for the headline, which names the first of them."""


_NO_TROUBLES = Troubles()
# What is in an address may be anything; only what looks like a fingerprint is put on the page.
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page, in the order in which it stands there."""

    now: datetime
    verdict: Verdict
    banners: tuple[Banner, ...]
    first_steps: tuple[FirstStep, ...]
    active: tuple[AlertGroup, ...]
    muted: tuple[AlertGroup, ...]
    """What is muted under alerts that are not in `active`."""
    resolved: tuple[AlertGroup, ...]
    not_described: int
    """So many active alerts are in none of these groups: there are too many."""
    tiles: tuple[NumberTile, ...]
    plans: PlanTable | None
    choices: tuple[Choices, ...]
    chosen: PageFilter
    search: TargetSearch
    latest: tuple[PastChange, ...]
    """What fired and resolved last."""
    strip: DayStrip | None
    """Of the only target that is shown."""
    targets: tuple[TargetRow, ...]
    targets_left_out: int
    queries: tuple[QueryRow, ...]
    left_out: int
    receivers: tuple[ReceiverRow, ...]
    asked_for: str = ""
    """The fingerprint in the address."""
    asked: str = ""
    """The same, where no alert that is shown has it."""


def page_of(
    scene: Scene,
    config: Config | None = None,
    troubles: Troubles = _NO_TROUBLES,
    *,
    asked: str = "",
    chosen: PageFilter = EVERY,
    day: DayLines | None = None,
    past: Sequence[Transition] = (),
) -> Page:
    """Put what is known into words.

    `config`: for the rules about the monitor itself, and where it is reached from outside. `troubles`: what
    is wrong with the monitor itself. `asked`: the fingerprint of an alert that is shown in any case; what
    does not look like one is not looked for. `chosen`: which part is shown; the headline is of all. `day`:
    the lines of the target, where only one is shown. `past`: what alerts did of late, the newest first.
    """
    alerts = [alert for alert in scene.snapshot.alerts if alert.name != WATCHDOG]
    context = page_context(scene, config, asked)
    every = sections_of(alerts, context.rules)
    verdict = _verdict(scene, every.active, context.rules, troubles)
    sections = sections_of(filter(chosen.lets, alerts), context.rules)
    active, muted, resolved = all_described(sections, context)
    is_shown = any(group.shows_asked_for for group in (*active, *muted, *resolved))
    part = _part_of(scene, chosen)
    source = TileSource(part.queries, scene, part.names, day)
    return Page(
        now=scene.now,
        verdict=verdict,
        banners=_banners(scene, troubles, verdict),
        first_steps=first_steps(scene.snapshot, scene.now),
        active=active,
        muted=muted,
        resolved=resolved,
        not_described=not_described(sections, active),
        tiles=tiles_of(source),
        plans=plan_table(source),
        choices=choices_of(chosen, alerts),
        chosen=chosen,
        search=target_search(chosen.target, scene.snapshot.targets),
        latest=_latest_of(past, chosen, scene.now),
        strip=_strip_of(part, scene, day),
        targets=_target_rows(part, scene),
        targets_left_out=max(0, len(part.targets) - MAX_ROWS),
        queries=_query_rows(part, scene.now),
        left_out=max(0, len(part.queries) - MAX_ROWS),
        receivers=_receiver_rows(scene),
        asked_for=context.asked,
        asked="" if is_shown else context.asked,
    )


def _latest_of(
    past: Iterable[Transition], chosen: PageFilter, now: datetime
) -> tuple[PastChange, ...]:
    return latest_changes((one for one in past if chosen.lets(one.alert)), now)


def _banners(scene: Scene, troubles: Troubles, verdict: Verdict) -> tuple[Banner, ...]:
    own = banners_of(troubles, verdict, scene.now)
    return (*own, *deploy_banners(scene.snapshot.deploys))


@dataclass(frozen=True, slots=True)
class _Part:
    """The targets and queries that the page is about."""

    targets: Sequence[TargetView]
    queries: Sequence[QueryView]

    @property
    def names(self) -> list[str]:
        return [view.target.name for view in self.targets]


def _part_of(scene: Scene, chosen: PageFilter) -> _Part:
    targets, queries = scene.snapshot.targets, scene.snapshot.queries
    if not chosen.target:
        return _Part(list(targets.values()), list(queries.values()))
    shown = [view for name, view in targets.items() if name == chosen.target]
    on_it = [view for key, view in queries.items() if key[0] == chosen.target]
    return _Part(shown, on_it)


def _strip_of(part: _Part, scene: Scene, day: DayLines | None) -> DayStrip | None:
    if day is None or not part.names:
        return None
    return day.strip(part.names[0], scene)


def _target_rows(part: _Part, scene: Scene) -> tuple[TargetRow, ...]:
    """Describe the targets, those in trouble first."""
    snapshot, now = scene.snapshot, scene.now
    ordered = sorted(part.targets, key=lambda view: is_target_well(view, snapshot, now))
    return tuple(target_row(view, snapshot, now) for view in ordered[:MAX_ROWS])


def _query_rows(part: _Part, now: datetime) -> tuple[QueryRow, ...]:
    """Describe the queries, those in trouble first; what their target says already is not said again by each."""
    ordered = sorted(part.queries, key=lambda view: is_query_well(view, now))
    said = {
        (view.target.name, view.last_failure.remark)
        for view in part.targets
        if view.up is False and view.last_failure is not None
    }
    rows = [query_row(view, now) for view in ordered[:MAX_ROWS]]
    return tuple(
        replace(row, trouble="", is_short=True)
        if (row.target, row.trouble) in said
        else row
        for row in rows
    )


def _receiver_rows(scene: Scene) -> tuple[ReceiverRow, ...]:
    views = scene.snapshot.receivers.values()
    return tuple(receiver_row(view, scene.now) for view in views)


def page_context(
    scene: Scene, config: Config | None = None, asked: str = ""
) -> PageContext:
    """Return what all groups of one page share; `asked` is the fingerprint in its address."""
    return PageContext(
        scene,
        rules=known_rules(scene.snapshot, config),
        roots=_roots(scene.snapshot.alerts),
        asked=asked if _FINGERPRINT.fullmatch(asked) else "",
        runbooks_url=_runbooks_url(config),
    )


def active_groups(
    alerts: Sequence[Alert], context: PageContext
) -> tuple[AlertGroup, ...]:
    """Describe those of some alerts that are pending or firing, the worst rule first, each with what follows from it.

    What is muted under an alert that is not among them comes last.
    """
    shown = [alert for alert in alerts if alert.name != WATCHDOG]
    sections = sections_of(shown, context.rules)
    every = [*sections.active, *sections.muted]
    return described(every, sections, context, set())


def _verdict(
    scene: Scene,
    active: Sequence[Sequence[Alert]],
    rules: Mapping[str, KnownRule],
    troubles: Troubles,
) -> Verdict:
    said: list[tuple[Sequence[Alert], str]] = []
    counts: Counter[tuple[str, str]] = Counter()
    for group in active:
        kind = (group[0].state, group[0].severity)
        counts[kind] += 1
        # The headline names the first of each kind, and counts the others.
        is_named = counts[kind] <= _MAX_SAID
        known = rules.get(group[0].name)
        said.append((group, headline(group, known, scene.now) if is_named else ""))
    return verdict_of(scene.snapshot, said, scene.now, sick=troubles.sick)


def _runbooks_url(config: Config | None) -> str:
    if config is None or not config.external_url:
        return ""
    return f"{config.external_url}/runbooks/"


def _roots(alerts: Sequence[Alert]) -> dict[str, str]:
    """Return the names of the alerts that others may be muted under, by fingerprint."""
    return {alert.fingerprint: alert.name for alert in alerts if alert.muted_by is None}
