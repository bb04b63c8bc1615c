"""`[heartbeat]`: what is called while all that matters runs in time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Final

from monitor.config.patterns import check_patterns, matching
from monitor.config.queries.schedules import check_timeout, fit_timeout
from monitor.config.schema import HeartbeatSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.text_files import below
from monitor.config.toml.validation import require_one_of, validate
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Job, Severity

# As long as a delivery may take.
_DEFAULT_TIMEOUT: Final = timedelta(seconds=10)


def read_heartbeat(
    section: Section,
    base: Path,
    jobs: Collection[Job],
    known: Collection[str],
    problems: Problems,
) -> HeartbeatSettings | None:
    """Check the table, and find the queries that it is about; None where it has a problem.

    `known` are the names of all queries that run, here or on another shard.
    """
    before = len(problems)
    checked = validate(HeartbeatSchema, section, problems)
    if len(problems) > before:
        return None
    require_one_of(section, "url", "url_file", problems)
    timeout = checked.timeout or fit_timeout(_DEFAULT_TIMEOUT, checked.interval)
    check_timeout(timeout, checked.interval, section, problems)
    settings = HeartbeatSettings(
        queries=_queries(checked, section, jobs, known, problems),
        url=checked.url or "",
        url_file=below(base, checked.url_file),
        interval=checked.interval,
        timeout=timeout,
    )
    return settings if len(problems) == before else None


def _queries(
    checked: HeartbeatSchema,
    section: Section,
    jobs: Collection[Job],
    known: Collection[str],
    problems: Problems,
) -> tuple[str, ...]:
    """Choose by name, or else all that have a critical rule; none is a mistake: it would always beat."""
    if checked.queries is None:
        return _critical_queries(section, jobs, known, problems)
    if not checked.queries:
        message = "is empty; leave it out for all that have a critical rule"
        problems.add(section.origin("queries"), message)
    names = sorted({job.query.name for job in jobs})
    # Where jobs could not be made, why has been noted.
    if names:
        check_patterns(checked.queries, known, section, "queries", problems)
    return matching(checked.queries, names)


def _critical_queries(
    section: Section,
    jobs: Collection[Job],
    known: Collection[str],
    problems: Problems,
) -> tuple[str, ...]:
    names = {job.query.name for job in jobs}
    critical = {job.query.name for job in jobs if _is_critical(job)}
    # Where another shard runs more, that may have them.
    if jobs and not critical and names >= set(known):
        message = 'no query has a critical rule; name some in "queries"'
        problems.add(section.origin(), message)
    return tuple(sorted(critical))


def _is_critical(job: Job) -> bool:
    return any(rule.loudest is Severity.CRITICAL for rule in job.query.rules)
