"""How `check` reports to a pipeline: JUnit's XML, and the annotations of GitHub's workflow commands."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from monitor.cli.app_check import ApplicationCheck
from monitor.cli.app_report import count_text, place_text
from monitor.cli.checked import Checked, CheckStatus
from monitor.cli.outcome import CheckOutcome
from monitor.cli.output import plain, plain_line
from monitor.cli.reports import counts_text, state_of, text_of

_LEVELS: Final = {
    CheckStatus.OK: "notice",
    CheckStatus.WARNING: "warning",
    CheckStatus.CRITICAL: "error",
    CheckStatus.UNKNOWN: "error",
}


def junit(outcome: CheckOutcome) -> str:
    """Return a test suite for the queries, and one for the application's statements of each target."""
    suites = [_suite("queries", [_query_case(one) for one in outcome.checked])]
    for check in outcome.applications:
        cases = list(_application_cases(check))
        suites.append(_suite(f"application SQL on {check.target}", cases))
    return _document(suites)


def junit_of_nothing(problems: Sequence[str]) -> str:
    """Return a suite in which each problem is an error."""
    cases = [
        _case("configuration", problem, _child("error", problem))
        for problem in problems
    ]
    return _document([_suite("check", cases)])


def github(outcome: CheckOutcome) -> str:
    """Return a workflow command for each finding, then what it comes to."""
    lines: list[str] = []
    for one in outcome.checked:
        lines.extend(_query_commands(one))
    for check in outcome.applications:
        lines.extend(_application_commands(check))
    lines.append(f"{outcome.status.name}: {counts_text(outcome)}")
    return "\n".join(lines)


def github_of_nothing(problems: Sequence[str]) -> str:
    """Return an error for each problem."""
    return "\n".join(_command("error", problem) for problem in problems)


def _document(suites: Sequence[str]) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites]
    return "\n".join([*lines, "</testsuites>"])


def _suite(name: str, cases: Sequence[str]) -> str:
    text = "\n".join(cases)
    head = (
        f'<testsuite name="{_escaped(name)}" tests="{len(cases)}"'
        f' failures="{text.count("<failure ")}" errors="{text.count("<error ")}"'
        f' skipped="{text.count("<skipped ")}">'
    )
    return "\n".join([head, *cases, "</testsuite>"])


def _case(class_name: str, name: str, content: str = "", seconds: float = 0.0) -> str:
    head = f'<testcase classname="{_escaped(class_name)}" name="{_escaped(name)}" time="{seconds:.3f}"'
    return f"{head}>{content}</testcase>" if content else f"{head}/>"


def _child(kind: str, message: str, text: str = "") -> str:
    return f'<{kind} message="{_escaped(message)}">{html.escape(plain(text))}</{kind}>'


def _escaped(text: str) -> str:
    return html.escape(plain_line(text))


def _query_case(one: Checked) -> str:
    target, query = one.result.job.key
    message = text_of(one)
    texts = [finding.summary for finding in one.findings]
    content = ""
    if one.failure is not None:
        content = _child("error", message, "\n".join(texts))
    elif one.status is not CheckStatus.OK:
        content = _child("failure", message, "\n".join(texts))
    elif one.is_blocked:
        content = _child("skipped", message)
    return _case(target, query, content, one.result.duration_seconds)


def _application_cases(check: ApplicationCheck) -> Iterator[str]:
    """Yield a case for all that was found, one for each missing column, one for each statement that was not read."""
    fault = _child("error", check.fault) if check.fault else ""
    yield _case(check.directory, count_text(check), fault)
    for finding in check.findings:
        lines = [*map(place_text, finding.places), finding.repair]
        content = _child("failure", finding.summary, "\n".join(lines))
        yield _case(finding.places[0].file, str(finding.missing), content)
    for unread in check.unread:
        place = unread.place
        content = _child("skipped", unread.why, place.head)
        yield _case(place.file, f"line {place.line}", content)


def _query_commands(one: Checked) -> Iterator[str]:
    source = os.path.relpath(one.result.job.query.source, Path.cwd())
    target, query = one.result.job.key
    for finding in one.findings:
        level = _LEVELS[finding.status]
        yield _command(level, finding.summary, file=source, title=finding.name)
    if one.failure is not None:
        title = f"{query} on {target}: {state_of(one)}"
        yield _command("error", text_of(one), file=source, title=title)


def _application_commands(check: ApplicationCheck) -> Iterator[str]:
    if check.fault:
        yield _command("error", f"application SQL on {check.target}: {check.fault}")
    for finding in check.findings:
        for place in finding.places:
            text = f"{finding.summary}\n{place.head}\n{finding.repair}"
            line = str(place.line)
            title = f"{finding.missing} is missing on {check.target}"
            yield _command("error", text, file=place.file, line=line, title=title)
    for unread in check.unread:
        place = unread.place
        line = str(place.line)
        text = f"not read: {unread.why}\n{place.head}"
        yield _command("notice", text, file=place.file, line=line)


def _command(level: str, message: str, **properties: str) -> str:
    """Return a workflow command; what would end a value is written as GitHub has it."""
    named = [f"{name}={_property(value)}" for name, value in properties.items()]
    head = f"::{level} {','.join(named)}".rstrip()
    return f"{head}::{_message(message)}"


def _message(text: str) -> str:
    escaped = plain(text).replace("%", "%25").replace("\r", "%0D")
    return escaped.replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
