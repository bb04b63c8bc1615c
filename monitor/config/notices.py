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
    queries: Iterable[UnboundQuery],
    jobs: Sequence[Job],
) -> Iterator[str]:
    """Walk them, those of targets first; without targets there is nothing to say of queries."""
    if not targets:
        return
    for target in targets:
        yield from _notices_of_target(target.name, jobs)
    running = {job.query.name for job in jobs}
    overridden = config.at("queries").data
    for query in queries:
        # A shipped query of which nobody said anything may well have no target.
        is_wanted = not query.files.shipped or query.name in overridden
        if query.enabled and is_wanted and query.name not in running:
            yield f'query "{query.name}" runs on no target'


def _notices_of_target(target: str, jobs: Sequence[Job]) -> Iterator[str]:
    queries = [job.query for job in jobs if job.target.name == target]
    if not queries:
        yield f'no query runs on target "{target}"'
    is_schema_watched = any(query.schema is not None for query in queries)
    names = sorted(query.name for query in queries if _has_needs(query))
    if names and not is_schema_watched:
        need = "needs" if len(names) == 1 else "need"
        yield (
            f'no schema query, such as missing_columns, runs on target "{target}": what {", ".join(names)}'
            f" {need} is looked for by check --schema only, and no alert tells of a missing column"
        )


def _has_needs(query: Query) -> bool:
    return bool(query.needs) or any(rule.needs for rule in query.rules)
