"""Find what a valid configuration says without effect, worth a line at the start and in `validate`; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from monitor.config.queries.unbound import UnboundQuery
from monitor.config.targets import TargetEntry
from monitor.config.toml.document import Section
from monitor.model.settings import Job, Query


def notices_of(
    config: Section,
    targets: Sequence[TargetEntry],
    drafts: Iterable[UnboundQuery],
    jobs: Sequence[Job],
) -> Iterator[str]:
    """List them, those of targets first."""
    if not targets:
        return
    jobs_of: dict[str, list[Job]] = {target.name: [] for target in targets}
    for job in jobs:
        jobs_of[job.target.name].append(job)
    for target, its_jobs in jobs_of.items():
        if not its_jobs:
            yield f'no query runs on target "{target}"'
        yield from _unwatched_needs(target, its_jobs)
    yield from _idle_queries(config, drafts, jobs)


def _idle_queries(
    config: Section, drafts: Iterable[UnboundQuery], jobs: Iterable[Job]
) -> Iterator[str]:
    """Name queries that run nowhere though somebody wrote them, or set something of them."""
    running = {job.query.name for job in jobs}
    overridden = config.at("queries").data
    for draft in drafts:
        if not draft.enabled or draft.name in running:
            continue
        # A shipped query of which nobody said anything may well have no target.
        if draft.files.shipped and draft.name not in overridden:
            continue
        yield f'query "{draft.name}" runs on no target'


def _unwatched_needs(target: str, jobs: Sequence[Job]) -> Iterator[str]:
    """Find `needs` on a target where no schema query says whether they are there."""
    if any(job.query.schema is not None for job in jobs):
        return
    names = sorted(job.query.name for job in jobs if _has_needs(job.query))
    if not names:
        return
    need = "needs" if len(names) == 1 else "need"
    yield (
        f'no schema query, such as missing_columns, runs on target "{target}": what {", ".join(names)}'
        f" {need} is looked for by check --schema only, and no alert tells of a missing column"
    )


def _has_needs(query: Query) -> bool:
    return bool(query.needs) or any(rule.needs for rule in query.rules)
