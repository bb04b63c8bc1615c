"""`[load]`: how much of a server the queries of a target may use; a target may say otherwise."""

from __future__ import annotations

from dataclasses import replace

from monitor.config.schema import LoadSchema
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.validation import validate
from monitor.model.load_limits import LoadLimits


def read_load(section: Section, replicas: int, problems: Problems) -> LoadLimits:
    """Check what holds for all targets that say nothing else; so many monitors watch each of them."""
    given = validate(LoadSchema, section, problems)
    return with_load(LoadLimits(replicas=replicas), given)


def with_load(limits: LoadLimits, given: LoadSchema) -> LoadLimits:
    """Return the limits with what is given laid over them, key by key."""
    return replace(limits, **given.model_dump(exclude_none=True))
