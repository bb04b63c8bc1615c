"""Which jobs a command is about: query names or patterns, and a target."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from monitor.config.toml.problems import near_miss
from monitor.model.settings import Config, Job, Target


def selected(config: Config, queries: Sequence[str], target: str | None) -> list[Job]:
    """Choose jobs; a name that fits nothing, or nothing selected, is bad usage."""
    selected_targets(config, target)
    names = {job.query.name for job in config.jobs}
    for pattern in queries:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise click.UsageError(f'no query "{pattern}"{near_miss(pattern, names)}')
    jobs = [
        job
        for job in config.jobs
        if (target is None or job.target.name == target)
        and (
            not queries
            or any(fnmatchcase(job.query.name, pattern) for pattern in queries)
        )
    ]
    if not jobs:
        where = f' on target "{target}"' if target is not None else ""
        which = " ".join(f'"{pattern}"' for pattern in queries)
        raise click.UsageError(
            f"nothing selected: no query {which} runs{where}".replace("  ", " ")
        )
    return jobs


def selected_targets(config: Config, target: str | None) -> list[Target]:
    """Choose the target of this name, or all; a name that is none is bad usage."""
    names = [one.name for one in config.targets]
    if target is not None and target not in names:
        raise click.UsageError(f'no target "{target}"{near_miss(target, names)}')
    return [one for one in config.targets if target in (None, one.name)]
