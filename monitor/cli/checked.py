"""What a check of one query found, what that comes to, and which exit code it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, assert_never

from monitor.model.deferral import Deferred
from monitor.model.results import Blocked, EvidenceRow, Failure, Result, Success
from monitor.model.settings import Severity

WOULD_FAIL = "QueryWouldFail"
EVIDENCE_WOULD_FAIL = "EvidenceWouldFail"
RULE_WOULD_FAIL = "RuleWouldFail"
SEES_TOO_LITTLE = "QuerySeesTooLittle"


class CheckStatus(IntEnum):
    """What a check says; the number is the exit code, as Nagios has it."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_BY_WEIGHT = (
    CheckStatus.CRITICAL,
    CheckStatus.UNKNOWN,
    CheckStatus.WARNING,
    CheckStatus.OK,
)
"""The worst first: what was found wrong outweighs what could not be checked."""
_STATUSES: Final[Mapping[Severity, CheckStatus]] = {
    Severity.CRITICAL: CheckStatus.CRITICAL,
    Severity.WARNING: CheckStatus.WARNING,
    Severity.INFO: CheckStatus.OK,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says without its `for`, or what a schema preflight found."""

    severity: Severity
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    evidence: tuple[EvidenceRow, ...] = ()

    @property
    def summary(self) -> str:
        """Return what it says in one line."""
        return self.annotations.get("summary", self.name)

    @property
    def status(self) -> CheckStatus:
        """Return what this finding alone comes to; what is only for information is fine."""
        return _STATUSES[self.severity]


@dataclass(frozen=True, slots=True)
class Checked:
    """One query on one target: its run's result, what was found, and what to say if nothing was."""

    result: Result
    findings: tuple[Finding, ...] = ()
    note: str = ""

    @property
    def failure(self) -> Failure | None:
        """Return why it could not be checked, or not in full; a missing column that is a finding is not a failure."""
        match self.result.outcome:
            case Success() as success:
                return _refusal(success)
            case Failure() as failure:
                is_reported = any(
                    finding.name == WOULD_FAIL for finding in self.findings
                )
                return None if is_reported else failure
            case Blocked() | Deferred():
                return None
            case unknown:
                assert_never(unknown)

    @property
    def is_blocked(self) -> bool:
        """Return whether it was not run because of a missing column, which is a finding elsewhere."""
        return isinstance(self.result.outcome, Blocked) and not self.findings

    @property
    def is_derived(self) -> bool:
        """Return whether it was computed from others, and no server was asked for it."""
        return self.result.job.query.derivation is not None

    @property
    def has_reached_server(self) -> bool:
        """Return whether a server took time for it."""
        return self.result.outcome.has_reached_server and not self.is_derived

    @property
    def status(self) -> CheckStatus:
        """Return what this query alone comes to."""
        statuses = [finding.status for finding in self.findings]
        if self.failure is not None:
            statuses.append(CheckStatus.UNKNOWN)
        return worst(statuses)


def asked_of_servers(checked: Iterable[Checked]) -> list[Checked]:
    """Return those for which a server was asked: not what was derived from them."""
    return [one for one in checked if not one.is_derived]


def worst(statuses: Iterable[CheckStatus]) -> CheckStatus:
    """Return the one that counts: critical, then unknown, then warning; ok of none."""
    return min(statuses, key=_BY_WEIGHT.index, default=CheckStatus.OK)


def _refusal(success: Success) -> Failure | None:
    """Return what the server did not let a query see, as a failure; None where it saw all."""
    if success.failed_items:
        return Failure(success.failed_items[0].reason, success.remark)
    if not success.refusals:
        return None
    first = success.refusals[0]
    names = ", ".join(sorted(str(column) for column in success.unknown))
    message = f"cannot tell of {names or 'all tables'}: {first.message}"
    return Failure(first.reason, message, first.code, first.detail)
