"""How `check` reports what it found: a table for people, JSON for programs, one line for Nagios."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from monitor.cli.app_check import ApplicationCheck
from monitor.cli.app_report import application_json, application_text, count_text
from monitor.cli.checked import (
    WOULD_FAIL,
    Checked,
    CheckStatus,
    Finding,
)
from monitor.cli.nagios import perfdata
from monitor.cli.outcome import CheckOutcome
from monitor.cli.output import indented, plain, plain_line, table, wrapped
from monitor.model.results import Blocked, Failure
from monitor.model.settings import ColumnName
from monitor.model.targets import Target
from monitor.model.wording import counted

_MAX_NAGIOS_TEXT = 600
_UNSAFE_IN_NAGIOS = str.maketrans({"|": "/", "\n": " ", "\r": " "})


def as_table(outcome: CheckOutcome) -> str:
    """Write a table for people, then what was found."""
    checked = outcome.checked
    header = ("STATE", "TARGET", "QUERY", "TOOK", "RESULT")
    rows = [
        (state_of(one), *one.result.job.key, _took(one), text_of(one))
        for one in checked
    ]
    parts = [table(rows, header, right=(header.index("TOOK"),), tints={0})]
    # That a query would fail is said in its row.
    parts.extend(
        _details(finding)
        for finding in _worst_first(checked)
        if finding.name != WOULD_FAIL
    )
    parts.extend(map(application_text, outcome.applications))
    parts.append(f"{outcome.status.name}: {counts_text(outcome)}")
    return "\n\n".join(parts)


def _worst_first(checked: Sequence[Checked]) -> list[Finding]:
    findings = _findings(checked)
    return sorted(findings, key=lambda finding: finding.status, reverse=True)


def _findings(checked: Sequence[Checked]) -> list[Finding]:
    found: list[Finding] = []
    for one in checked:
        found.extend(one.findings)
    return found


def _details(finding: Finding) -> str:
    """Show a finding with its texts: a paragraph is wrapped, what has lines (SQL to copy) keeps them."""
    severity = finding.severity.upper()
    lines = [f"{severity} {finding.name}: {plain_line(finding.summary)}"]
    texts = {**finding.annotations}
    texts.pop("summary", None)
    description = texts.pop("description", "")
    if description:
        lines.append(wrapped(description))
    for name, text in texts.items():
        if "\n" in text:
            lines.append(f"    {name}:")
            lines.append(indented(plain(text), 8))
        else:
            lines.append(f"    {name}: {plain(text)}")
    return "\n".join(lines)


def as_json(outcome: CheckOutcome) -> str:
    """Write all of it for programs."""
    return _json(outcome, outcome.status, ())


def json_of_nothing(problems: Sequence[str]) -> str:
    """Write why nothing could be checked."""
    return _json(CheckOutcome(()), CheckStatus.UNKNOWN, problems)


def _json(
    outcome: CheckOutcome,
    status: CheckStatus,
    problems: Sequence[str],
) -> str:
    document = {
        "status": status.name.lower(),
        "exit_code": int(status),
        "problems": list(problems),
        "counts": _counts(outcome.checked),
        "checks": [_check_json(one) for one in outcome.checked],
        "application": [application_json(one) for one in outcome.applications],
    }
    return json.dumps(document, indent=2)


def _check_json(one: Checked) -> dict[str, object]:
    target, query = one.result.job.key
    failure, outcome = one.failure, one.result.outcome
    missing = outcome.missing if isinstance(outcome, Blocked) else ()
    return {
        "target": target,
        "query": query,
        "status": state_of(one).lower(),
        "message": text_of(one),
        "reason": None if failure is None else str(failure.reason),
        "missing": [str(column) for column in missing],
        "duration_seconds": round(one.result.duration_seconds, 6),
        "findings": [_finding_json(finding) for finding in one.findings],
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    return {
        "alertname": finding.name,
        "severity": str(finding.severity),
        "labels": dict(finding.labels),
        "annotations": dict(finding.annotations),
        "evidence": [dict(row) for row in finding.evidence],
    }


def as_nagios(outcome: CheckOutcome) -> str:
    """Write one line with what matters most first, and performance data.

    As monitoring-plugins.org's guidelines have it.
    """
    checked = outcome.checked
    summaries: dict[CheckStatus, list[str]] = {}
    for finding in _worst_first(checked):
        summaries.setdefault(finding.status, []).append(finding.summary)
    texts = [
        *summaries.get(CheckStatus.CRITICAL, ()),
        *_of_applications(outcome.applications),
        *_failures(checked),
        *summaries.get(CheckStatus.WARNING, ()),
        counts_text(outcome),
    ]
    line = _nagios_line(outcome.status, _cut(texts))
    return f"{line} | {' '.join(perfdata(checked, _counts(checked)))}"


def nagios_of_nothing(problems: Sequence[str]) -> str:
    """Write one line with why nothing could be checked."""
    return _nagios_line(CheckStatus.UNKNOWN, _cut(problems))


def _of_applications(checks: Sequence[ApplicationCheck]) -> Iterator[str]:
    """Yield what an application would not find, and why that cannot be told."""
    for check in checks:
        for finding in check.findings:
            place = finding.places[0]
            yield f"{finding.summary} ({place.file}:{place.line})"
        if check.fault:
            yield check.fault


def _nagios_line(status: CheckStatus, text: str) -> str:
    # "|" begins performance data, and nothing may break the line.
    safe = plain_line(text.translate(_UNSAFE_IN_NAGIOS))
    return f"TOKEN-MONITOR {status.name} - {safe}"


def _failures(checked: Sequence[Checked]) -> list[str]:
    """Return each failure once: a target that is down fails all its queries in the same way."""
    failed: dict[tuple[str, str], list[str]] = {}
    for one in checked:
        if one.failure is not None:
            target, query = one.result.job.key
            why = _failure_text(one, one.failure)
            failed.setdefault((target, why), []).append(query)
    texts = []
    for (target, why), queries in failed.items():
        which = queries[0]
        if len(queries) > 1:
            which = counted(len(queries), "query", "queries")
        texts.append(f"{which} on {target}: {why}")
    return texts


def _cut(texts: Sequence[str]) -> str:
    """Join what fits; old Nagios agents pass on 1 KB. `texts` is not empty."""
    first, *others = texts
    kept = [first[:_MAX_NAGIOS_TEXT]]
    room = _MAX_NAGIOS_TEXT - len(kept[0])
    for text in others:
        room -= len(text)
        if room < 0:
            break
        kept.append(text)
    left_out = len(texts) - len(kept)
    if left_out:
        kept.append(f"and {left_out} more")
    return "; ".join(kept)


def state_of(one: Checked) -> str:
    """Return what a query alone comes to, in a word."""
    return "BLOCKED" if one.is_blocked else one.status.name


def _took(one: Checked) -> str:
    if not one.has_reached_server:
        return "-"
    return f"{one.result.duration_seconds * 1000:.0f} ms"


def text_of(one: Checked) -> str:
    """Return what was found, then why there is not all; the note where neither is."""
    names = Counter(finding.name for finding in one.findings)
    del names[WOULD_FAIL]
    texts = [
        name if count == 1 else f"{name} x {count}" for name, count in names.items()
    ]
    outcome = one.result.outcome
    failure = outcome if isinstance(outcome, Failure) else one.failure
    if failure is not None:
        texts.append(_failure_text(one, failure))
    elif isinstance(outcome, Blocked):
        texts.append(f"cannot run without {_columns_text(outcome.missing)}")
    return "; ".join(texts) or one.note


def _failure_text(one: Checked, failure: Failure) -> str:
    text = f"{failure.reason}: {failure.author_message}"
    if not failure.lost:
        return text
    return f"{text} ({_address(one.result.job.target)})"


def _address(target: Target) -> str:
    if target.unix_socket is not None:
        return str(target.unix_socket)
    host = target.host or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{target.port}"


def _columns_text(missing: Sequence[ColumnName]) -> str:
    """Write the names of columns, those of one table together."""
    tables: dict[str, list[str]] = {}
    for name in missing:
        tables.setdefault(name.table, []).append(name.column)
    texts = []
    for table_name, columns in tables.items():
        if len(columns) == 1:
            texts.append(f"{table_name}.{columns[0]}")
        else:
            texts.append(f"{table_name} ({', '.join(columns)})")
    return ", ".join(texts)


def _counts(checked: Sequence[Checked]) -> dict[str, int]:
    statuses = [finding.status for finding in _findings(checked)]
    failed = [one for one in checked if one.failure is not None]
    blocked = [one for one in checked if one.is_blocked]
    return {
        "queries": len(checked),
        "critical": statuses.count(CheckStatus.CRITICAL),
        "warning": statuses.count(CheckStatus.WARNING),
        "failed": len(failed),
        "blocked": len(blocked),
    }


def counts_text(outcome: CheckOutcome) -> str:
    """Return how many queries there were, and how many came to what."""
    checked = outcome.checked
    counts = _counts(checked)
    targets = len({one.result.job.target.name for one in checked})
    queries = counted(counts.pop("queries"), "query", "queries")
    listed = ", ".join(f"{count} {what}" for what, count in counts.items())
    text = f"{queries} on {counted(targets, 'target')}: {listed}"
    return "; ".join([text, *map(_application_counts, outcome.applications)])


def _application_counts(check: ApplicationCheck) -> str:
    return f"application SQL on {check.target}: {count_text(check)}"
