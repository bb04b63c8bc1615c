"""`[heartbeat]`: what is called while all that matters runs in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from monitor.config.queries.schedules import follow
from monitor.config.schema import HeartbeatShape
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems, near_miss
from monitor.config.toml.validation import validate
from monitor.model.process_settings import HeartbeatSettings
from monitor.model.settings import Job, Severity
from monitor.timing.durations import format_duration


def read_heartbeat(
    section: Section, base: Path, jobs: Iterable[Job], problems: Problems
) -> HeartbeatSettings | None:
    """Check the table, and find the queries that it is about; None where it has a problem."""
    before = len(problems)
    shape = validate(HeartbeatShape, section, problems)
    if shape is None or len(problems) > before:
        return None
    if (shape.url is None) == (shape.url_file is None):
        problems.add(section.origin(), 'give exactly one of "url" and "url_file"')
    settings = HeartbeatSettings(
        queries=_queries(shape.queries, section, list(jobs), problems),
        url=shape.url or "",
        url_file=None if shape.url_file is None else base / shape.url_file,
    )
    interval = shape.interval or settings.interval
    timeout = shape.timeout or follow(settings.timeout, interval)
    if timeout >= interval:
        message = (
            f"the timeout, {format_duration(timeout)}, must be shorter than"
            f" the interval, {format_duration(interval)}"
        )
        problems.add(section.origin("timeout"), message)
    if len(problems) > before:
        return None
    return HeartbeatSettings(
        settings.queries, settings.url, settings.url_file, interval, timeout
    )


def _queries(
    patterns: Sequence[str] | None,
    section: Section,
    jobs: list[Job],
    problems: Problems,
) -> tuple[str, ...]:
    """Choose by name, or else all that have a critical rule; none is a mistake: it would always beat."""
    if patterns is None:
        critical = sorted({job.query.name for job in jobs if _is_critical(job)})
        # Where jobs could not be made, that has been said.
        if jobs and not critical:
            problems.add(
                section.origin(), 'no query has a critical rule; name some in "queries"'
            )
        return tuple(critical)
    names = sorted({job.query.name for job in jobs})
    if not patterns:
        problems.add(
            section.origin("queries"),
            "is empty; leave it out for all that have a critical rule",
        )
    for position, pattern in enumerate(patterns):
        if names and not any(fnmatchcase(name, pattern) for name in names):
            message = f'"{pattern}" matches no query{near_miss(pattern, names)}'
            problems.add(section.origin("queries", position), message)
    return tuple(
        name
        for name in names
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    )


def _is_critical(job: Job) -> bool:
    return any(rule.severity is Severity.CRITICAL for rule in job.query.rules)
