"""Find what rules about the monitor itself judge of its configuration and of certificates; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from monitor.model.certificates import Certificate
from monitor.model.results import Sample
from monitor.model.settings import Rule, labels_of
from monitor.model.wording import utc_minute

_SHOWN_PROBLEMS = 3
_DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class SelfStatus:
    """What the monitor knows of itself, beside its targets.

    `problems`: of a changed configuration that was refused; none while what the files say is in force.
    """

    problems: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()


def config_rejected(rule: Rule, status: SelfStatus) -> Sample:
    """Return how many problems a refused configuration has, and the first of them."""
    shown = list(status.problems[:_SHOWN_PROBLEMS])
    more = len(status.problems) - len(shown)
    if more > 0:
        shown.append(f"and {more} more")
    details = labels_of({"problems": "; ".join(shown)})
    return Sample(rule.metric, (), float(len(status.problems)), details)


def certificates_ending(
    rule: Rule, certificates: Iterable[Certificate], now: datetime, *, target: str = ""
) -> list[Sample]:
    """Return in how many days each certificate ends; below 0 after that."""
    return [
        Sample(
            rule.metric,
            labels_of({"certificate": certificate.kind}),
            (certificate.ends_at - now).total_seconds() / _DAY_SECONDS,
            labels_of(
                {
                    "whose": _whose(certificate, target),
                    "ends_at": utc_minute(certificate.ends_at),
                }
            ),
        )
        for certificate in certificates
    ]


def _whose(certificate: Certificate, target: str) -> str:
    match certificate.kind:
        case "page":
            return "the monitor's page"
        case "server":
            return f"the server of {target}"
        case "client":
            return f"the monitor, which it shows to {target},"
        case unreachable:
            assert_never(unreachable)
