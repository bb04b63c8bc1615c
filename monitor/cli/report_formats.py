"""The formats that `check` can report in, by the names of its option."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from monitor.cli import ci_reports, reports
from monitor.cli.outcome import CheckOutcome


@dataclass(frozen=True, slots=True)
class Report:
    """One format: `of` what was checked; `of_nothing`, where nothing could be, by the problems."""

    of: Callable[[CheckOutcome], str]
    of_nothing: Callable[[Sequence[str]], str]


REPORTS: Mapping[str, Report] = MappingProxyType(
    {
        "table": Report(reports.as_table, lambda problems: ""),
        "json": Report(reports.as_json, reports.json_of_nothing),
        "nagios": Report(reports.as_nagios, reports.nagios_of_nothing),
        "junit": Report(ci_reports.junit, ci_reports.junit_of_nothing),
        "github": Report(ci_reports.github, ci_reports.github_of_nothing),
    }
)
