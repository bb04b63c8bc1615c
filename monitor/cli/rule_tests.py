"""Read files of rule tests: results that queries might give, and which alerts are to come of them; for `test`."""

# ruff: noqa: RUF012 -- the validator copies defaults for each instance

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from monitor.config.toml.document import read_document
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.problems import Origin, Problems, near_miss
from monitor.config.toml.validation import (
    Interval,
    ScalarText,
    Schema,
    Text,
    integer_in,
    validate,
)
from monitor.model.errors import ConfigError
from monitor.model.settings import Config, Job


class SampleSchema(Schema):
    """One of `samples`."""

    metric: Text
    labels: dict[str, ScalarText] = {}
    value: float


class OutcomeSchema(Schema):
    """What a run gives."""

    rows: list[dict[str, Any]] | None = None
    samples: list[SampleSchema] | None = None
    no_data: bool = False

    @property
    def says_something(self) -> bool:
        """Return whether it has any of these."""
        given = (self.rows, self.samples, self.no_data or None)
        return given != (None, None, None)


class InputSchema(OutcomeSchema):
    """One of `inputs`: what a query that a derived value is made of gives."""

    query: Text
    target: Text | None = None


class ResultSchema(OutcomeSchema):
    """One of `[[tests.results]]`."""

    times: Annotated[int, integer_in(1, 100_000)] = 1
    inputs: list[InputSchema] | None = None
    fires: list[dict[str, ScalarText]] | None = None
    pending: list[dict[str, ScalarText]] | None = None


class RuleTestSchema(Schema):
    """One of `[[tests]]`."""

    name: Text
    query: Text
    target: Text | None = None
    interval: Interval = timedelta(minutes=1)
    defaults: dict[str, Any] = {}
    beside: list[SampleSchema] = []
    results: list[ResultSchema] = []


class FileSchema(Schema):
    """A whole file."""

    tests: list[RuleTestSchema] = []


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test, and where its file says what."""

    given: RuleTestSchema
    origins: Mapping[KeyPath, Origin]
    number: int
    file: str

    def origin(self, *keys: str | int) -> Origin:
        """Return where a key of the test stands, or the nearest above it."""
        path: KeyPath = ("tests", self.number, *keys)
        while path not in self.origins:
            path = path[:-1]
        return self.origins[path]


def read_rule_tests(path: Path) -> tuple[RuleTest, ...]:
    """Return the tests of a file; ConfigError has every problem with its line."""
    problems = Problems()
    section = read_document(path, str(path), problems)
    if section is None:
        raise ConfigError(problems.in_order())
    checked = validate(FileSchema, section, problems)
    if not checked.tests and not len(problems):
        problems.add(section.origin(), "has no [[tests]]")
    if len(problems):
        raise ConfigError(problems.in_order())
    return tuple(
        RuleTest(given, dict(section.origins), number, str(path))
        for number, given in enumerate(checked.tests)
    )


def jobs_of(tests: Sequence[RuleTest], config: Config) -> list[Job]:
    """Return the job that each test is about; ConfigError where one names what is not there."""
    problems = Problems()
    found: list[Job] = []
    for test in tests:
        name, target = test.given.query, test.given.target
        jobs = [job for job in config.all_jobs if job.query.name == name]
        if not jobs:
            names = {job.query.name for job in config.all_jobs}
            message = f'no query "{name}" runs{near_miss(name, names)}'
            problems.add(test.origin("query"), message)
            continue
        jobs = [job for job in jobs if target in (None, job.target.name)]
        if not jobs:
            message = f'"{name}" does not run on "{target}"'
            problems.add(test.origin("target"), message)
            continue
        found.append(jobs[0])
    if len(problems):
        raise ConfigError(problems.in_order())
    return found
