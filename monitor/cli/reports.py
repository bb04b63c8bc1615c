"""How `check` tells what it found: a table for people, JSON for programs, one line for Nagios."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from monitor.cli.checked import WOULD_FAIL, Checked, CheckStatus, Finding
from monitor.cli.output import indented, plain, plain_line, table, wrapped
from monitor.model.results import Blocked, Failure
from monitor.model.settings import ColumnName, Target
from monitor.model.wording import counted

_LONGEST_NAGIOS_TEXT = 600
_UNSAFE_IN_NAGIOS = str.maketrans({"|": "/", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class Report:
    """One format: `of` what was checked; `of_nothing`, where nothing could be, by the problems."""

    of: Callable[[Sequence[Checked], CheckStatus], str]
    of_nothing: Callable[[Sequence[str]], str]


def _as_table(checked: Sequence[Checked], verdict: CheckStatus) -> str:
    rows = [
        (_state(one), *one.result.job.key, _took(one), _text(one)) for one in checked
    ]
    parts = [table(rows, ("STATE", "TARGET", "QUERY", "TOOK", "RESULT"), right=(3,))]
    # That a query would fail is said in its row.
    findings = [
        finding
        for one in checked
        for finding in one.findings
        if finding.name != WOULD_FAIL
    ]
    parts.extend(_details(finding) for finding in sorted(findings, key=_weight))
    parts.append(f"{verdict.name}: {_counts_text(checked)}")
    return "\n\n".join(parts)


def _details(finding: Finding) -> str:
    """Show a finding with its texts: a paragraph is wrapped, what has lines (SQL to copy) keeps them."""
    lines = [
        f"{finding.severity.upper()} {finding.name}: {plain_line(finding.summary)}"
    ]
    described = finding.annotations.get("description")
    if described:
        lines.append(wrapped(described))
    for name, text in finding.annotations.items():
        if name in ("summary", "description"):
            continue
        if "\n" in text:
            lines.extend((f"    {name}:", indented(plain(text), 8)))
        else:
            lines.append(f"    {name}: {plain(text)}")
    return "\n".join(lines)


def _as_json(checked: Sequence[Checked], verdict: CheckStatus) -> str:
    return _json(verdict, checked=checked)


def _json(
    verdict: CheckStatus,
    *,
    checked: Sequence[Checked] = (),
    problems: Sequence[str] = (),
) -> str:
    document = {
        "status": verdict.name.lower(),
        "exit_code": int(verdict),
        "problems": list(problems),
        "counts": _counts(checked),
        "checks": [_json_of(one) for one in checked],
    }
    return json.dumps(document, indent=2)


def _json_of(one: Checked) -> dict[str, object]:
    outcome = one.result.outcome
    target, query = one.result.job.key
    return {
        "target": target,
        "query": query,
        "status": "blocked" if one.is_blocked else one.status.name.lower(),
        "message": _text(one),
        "reason": str(one.failure.reason) if one.failure else None,
        "missing": [str(column) for column in outcome.missing]
        if isinstance(outcome, Blocked)
        else [],
        "duration_seconds": round(one.result.duration_seconds, 6),
        "findings": [
            {
                "alertname": finding.name,
                "severity": str(finding.severity),
                "labels": dict(finding.labels),
                "annotations": dict(finding.annotations),
                "evidence": [dict(row) for row in finding.evidence],
            }
            for finding in one.findings
        ],
    }


def _as_nagios(checked: Sequence[Checked], verdict: CheckStatus) -> str:
    """One line with what matters most first, and performance data: monitoring-plugins.org's guidelines."""
    told = sorted((finding for one in checked for finding in one.findings), key=_weight)
    texts = [
        finding.summary for finding in told if finding.status is CheckStatus.CRITICAL
    ]
    texts += _failures(checked)
    texts += [
        finding.summary for finding in told if finding.status is CheckStatus.WARNING
    ]
    text = _cut([*texts, _counts_text(checked)])
    return f"{_nagios_line(verdict, text)} | {' '.join(_perfdata(checked))}"


def _nagios_line(verdict: CheckStatus, text: str) -> str:
    # "|" begins performance data, and nothing may break the line.
    return f"TOKEN-MONITOR {verdict.name} - {plain_line(text.translate(_UNSAFE_IN_NAGIOS))}"


def _failures(checked: Sequence[Checked]) -> list[str]:
    """Say each failure once: a target that is down fails all its queries in the same way."""
    queries: dict[tuple[str, str], list[str]] = {}
    for one in checked:
        if one.failure is not None:
            target, query = one.result.job.key
            queries.setdefault((target, _failure_text(one, one.failure)), []).append(
                query
            )
    return [
        f"{names[0] if len(names) == 1 else counted(len(names), 'query', 'queries')} on {target}: {why}"
        for (target, why), names in queries.items()
    ]


def _cut(texts: Sequence[str]) -> str:
    """Join what fits; old Nagios agents pass on 1 KB."""
    kept = [texts[0][:_LONGEST_NAGIOS_TEXT]]
    for text in texts[1:]:
        if sum(map(len, kept)) + len(text) > _LONGEST_NAGIOS_TEXT:
            break
        kept.append(text)
    left_out = len(texts) - len(kept)
    return "; ".join(kept) + (f"; and {left_out} more" if left_out else "")


def _perfdata(checked: Sequence[Checked]) -> list[str]:
    """Write 'label'=value[unit];[warn];[crit];[min];[max]; U is a value that could not be had."""
    counts = _counts(checked)
    data = [
        f"critical={counts['critical']};;0;0",
        f"warning={counts['warning']};0;;0",
        f"failed={counts['failed']};;;0;{counts['queries']}",
        f"blocked={counts['blocked']};;;0;{counts['queries']}",
    ]
    for one in checked:
        label = (
            plain_line("/".join(one.result.job.key))
            .replace("'", "''")
            .replace("=", "_")
        )
        value = f"{one.result.duration_seconds:.3f}s" if _was_run(one) else "U"
        data.append(
            f"'{label}'={value};;;0;{one.result.job.query.timeout.total_seconds():g}"
        )
    return data


def _state(one: Checked) -> str:
    return "BLOCKED" if one.is_blocked else one.status.name


def _took(one: Checked) -> str:
    return f"{one.result.duration_seconds * 1000:.0f} ms" if _was_run(one) else "-"


def _was_run(one: Checked) -> bool:
    outcome = one.result.outcome
    return not isinstance(outcome, Blocked) and not (
        isinstance(outcome, Failure) and outcome.lost
    )


def _text(one: Checked) -> str:
    names = Counter(
        finding.name for finding in one.findings if finding.name != WOULD_FAIL
    )
    texts = [
        name if count == 1 else f"{name} x {count}" for name, count in names.items()
    ]
    outcome = one.result.outcome
    if isinstance(outcome, Failure):
        texts.append(_failure_text(one, outcome))
    elif isinstance(outcome, Blocked):
        texts.append(f"cannot run without {_columns_text(outcome.missing)}")
    elif one.failure is not None:
        texts.append(_failure_text(one, one.failure))
    return "; ".join(texts) or one.note


def _failure_text(one: Checked, failure: Failure) -> str:
    text = f"{failure.reason}: {failure.author_message}"
    return f"{text} ({_address(one.result.job.target)})" if failure.lost else text


def _address(target: Target) -> str:
    if target.unix_socket is not None:
        return str(target.unix_socket)
    return (
        f"[{target.host}]:{target.port}"
        if ":" in (target.host or "")
        else f"{target.host}:{target.port}"
    )


def _columns_text(missing: Sequence[ColumnName]) -> str:
    """Name columns, those of one table together."""
    tables: dict[str, list[str]] = {}
    for name in missing:
        tables.setdefault(name.table, []).append(name.column)
    return ", ".join(
        f"{table_name}.{columns[0]}"
        if len(columns) == 1
        else f"{table_name} ({', '.join(columns)})"
        for table_name, columns in tables.items()
    )


def _counts(checked: Sequence[Checked]) -> dict[str, int]:
    verdicts = [finding.status for one in checked for finding in one.findings]
    return {
        "queries": len(checked),
        "critical": verdicts.count(CheckStatus.CRITICAL),
        "warning": verdicts.count(CheckStatus.WARNING),
        "failed": sum(one.failure is not None for one in checked),
        "blocked": sum(one.is_blocked for one in checked),
    }


def _counts_text(checked: Sequence[Checked]) -> str:
    counts = _counts(checked)
    targets = len({one.result.job.target.name for one in checked})
    queries = counted(counts.pop("queries"), "query", "queries")
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    return f"{queries} on {counted(targets, 'target')}: {told}"


def _weight(finding: Finding) -> int:
    return -int(finding.status)


REPORTS: Mapping[str, Report] = MappingProxyType(
    {
        "table": Report(_as_table, lambda problems: ""),
        "json": Report(
            _as_json, lambda problems: _json(CheckStatus.UNKNOWN, problems=problems)
        ),
        "nagios": Report(
            _as_nagios,
            lambda problems: _nagios_line(CheckStatus.UNKNOWN, _cut(problems)),
        ),
    }
)
