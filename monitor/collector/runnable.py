"""Write the SQL of a job as a person can run it, with its parameters in it; for `query --sql` and the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from monitor.collector.items import example_item, parameters_of
from monitor.database import runnable_sql
from monitor.model.for_each import ForEach
from monitor.model.settings import Bindable, Job, Statement
from monitor.model.walks import any_bounds

_COMMENT: Final = re.compile("--|#")


def job_words(job: Job) -> str:
    """Return what a query on a target is called."""
    return f"{job.query.name} on {job.target.name}"


def sql_of(jobs: Iterable[Job]) -> list[str]:
    """Return the statements of queries, ready to run in a client, each under a comment that says what it is."""
    texts: list[str] = []
    for job in jobs:
        texts += _sql_of(job)
    return texts


def _sql_of(job: Job) -> list[str]:
    """Return the statement as the target gets it, and those for other kinds of server, each with a title."""
    statements = {job_words(job): job.query.statement}
    values: dict[str, Bindable] = {**job.query.parameters, **any_bounds(job.query.walk)}
    each = job.query.for_each
    if each is not None:
        statements = _by_item(job, each)
        values.update(parameters_of(job.query, each, example_item(each)))
    for flavor, variant in job.query.variants.items():
        statements[f"{job_words(job)} ({flavor})"] = variant
    texts = []
    for title, statement in statements.items():
        text = runnable_sql(statement, values).strip()
        texts.append(f"-- {title}\n{_ended(text)}")
    return texts


def _by_item(job: Job, each: ForEach) -> dict[str, Statement]:
    """Return the statement that gives the items, if there is one, and the query's own, each with a title."""
    statements: dict[str, Statement] = {}
    if each.statement is not None:
        statements[f"the items of {job_words(job)}"] = each.statement
    statements[f"{job_words(job)}, for {example_item(each).name}"] = job.query.statement
    return statements


def _ended(text: str) -> str:
    """End a statement; behind a comment on its last line the semicolon would belong to it."""
    last_line = text.rpartition("\n")[2]
    return f"{text}\n;" if _COMMENT.search(last_line) else f"{text};"
