"""Find what the rules about the monitor itself evaluate of its receivers, disk, configuration, certificates; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias, assert_never

from monitor.alerting.evaluate import matching
from monitor.alerting.rule_input import own_sample
from monitor.alerting.state_disk import Room, disk_low
from monitor.model.alerts import ReceiverHealth
from monitor.model.certificates import Certificate
from monitor.model.own_alerts import (
    CERTIFICATE_EXPIRING,
    CONFIG_REJECTED,
    DELIVERY_FAILING,
    STATE_DISK_LOW,
    WATCHDOG,
)
from monitor.model.results import Sample
from monitor.model.settings import Rule
from monitor.model.wording import utc_minute, utc_second

_FULL = (
    " Its outbox is full: what waits is merged to the last state of each alert, and what begins now is told"
    " when there is room."
)
_OTHERS = " It takes others: what it does not take may be refused for what it says."
_SHOWN_PROBLEMS = 3
_DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class SelfStatus:
    """What the monitor knows of itself, beside its targets."""

    problems: tuple[str, ...] = ()
    """Of a changed configuration that was refused; none while what the files say is in force."""
    certificates: tuple[Certificate, ...] = ()
    """Of its page."""
    receivers: Mapping[str, ReceiverHealth] = field(default_factory=dict)
    """By name, those of the configuration that is in force."""
    room: Room | None = None
    """On the disk of the state; None where there is no file or it could not be measured."""


BySubject: TypeAlias = "Mapping[str, list[Sample] | None]"
"""What was found of each subject; None where that cannot be known. Most rules have the one subject ""."""

SelfCheck: TypeAlias = Callable[[Rule, SelfStatus, datetime], BySubject]


def delivery_failing(rule: Rule, status: SelfStatus, now: datetime) -> BySubject:
    """Return for each receiver how many seconds it has failed, or the notification that it does not take.

    Only that it took something, or that nothing waits, says that it does not fail: not that nobody tried
    since we began, and not that it has failed for less long than the rule allows.
    """
    found: dict[str, list[Sample] | None] = {}
    for name, health in status.receivers.items():
        sample = _failing_seconds(rule, name, health, now)
        is_known = _is_well(health) or bool(matching(rule, [sample]))
        found[name] = [sample] if is_known else None
    return found


def _is_well(health: ReceiverHealth) -> bool:
    return not _began(health) and health.waiting == 0


def _began(health: ReceiverHealth) -> list[datetime]:
    """Return since when what fails does so."""
    untaken_since = None if health.untaken is None else health.untaken.since
    since = (health.failing_since, health.full_since, untaken_since)
    return [at for at in since if at is not None]


def _failing_seconds(
    rule: Rule, name: str, health: ReceiverHealth, now: datetime
) -> Sample:
    began = _began(health)
    since = min(began, default=now)
    reason, message = _reason_and_message(health)
    details = {
        "reason": reason,
        "message": message,
        "failing_since": utc_second(since) if began else "",
        "waiting": str(health.waiting),
        "full": "" if health.full_since is None else _FULL,
        "others": _OTHERS if _takes_others(health) else "",
    }
    seconds = (now - since).total_seconds()
    return own_sample(rule, seconds, {"receiver": name}, details)


def _reason_and_message(health: ReceiverHealth) -> tuple[str, str]:
    untaken = health.untaken
    if health.failing_since is None and health.full_since is not None:
        return "outbox_full", "it takes less than there is to tell"
    if untaken is not None and _takes_others(health):
        return untaken.reason, untaken.message
    return health.reason, health.message


def _takes_others(health: ReceiverHealth) -> bool:
    """Return whether it is one notification that fails, and not the receiver."""
    return health.untaken is not None and health.failing_since is None


def state_disk_low(rule: Rule, status: SelfStatus, _now: datetime) -> BySubject:
    """Return whether the disk of the state is about to be full."""
    return {"": None if status.room is None else [disk_low(rule, status.room)]}


def watchdog(rule: Rule, _status: SelfStatus, _now: datetime) -> BySubject:
    """Return a finding, always: its alert says that alerts get through."""
    return {"": [own_sample(rule, 1.0)]}


def configuration_rejected(rule: Rule, status: SelfStatus, _now: datetime) -> BySubject:
    """Return what is wrong with a configuration that was refused."""
    return {"": [config_rejected(rule, status)]}


def config_rejected(rule: Rule, status: SelfStatus) -> Sample:
    """Return how many problems a refused configuration has, and the first of them."""
    shown = list(status.problems[:_SHOWN_PROBLEMS])
    more = len(status.problems) - len(shown)
    if more > 0:
        shown.append(f"and {more} more")
    details = {"problems": "; ".join(shown)}
    return own_sample(rule, len(status.problems), details=details)


def certificates_of_page(rule: Rule, status: SelfStatus, now: datetime) -> BySubject:
    """Return when the page's certificate ends."""
    return {"": certificates_ending(rule, status.certificates, now)}


def certificates_ending(
    rule: Rule, certificates: Iterable[Certificate], now: datetime, *, target: str = ""
) -> list[Sample]:
    """Return in how many days each certificate ends; below 0 after that."""
    samples: list[Sample] = []
    for certificate in certificates:
        days = (certificate.ends_at - now).total_seconds() / _DAY_SECONDS
        details = {
            "whose": _whose(certificate, target),
            "ends_at": utc_minute(certificate.ends_at),
        }
        labels = {"certificate": certificate.kind}
        samples.append(own_sample(rule, days, labels, details))
    return samples


def next_ending(
    rule: Rule, certificates: Iterable[Certificate], now: datetime, *, default: datetime
) -> datetime:
    """Return when the first certificate that is far from its end comes as near to it as the rule says."""
    near_at: list[datetime] = []
    for certificate in certificates:
        # One without an end has it in the year 9999, beyond which there is no instant.
        with suppress(OverflowError):
            days = timedelta(days=rule.condition.threshold)
            near_at.append(certificate.ends_at - days)
    return min([at for at in near_at if at >= now], default=default)


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


SELF_CHECKS: Mapping[str, SelfCheck] = MappingProxyType(
    {
        DELIVERY_FAILING: delivery_failing,
        STATE_DISK_LOW: state_disk_low,
        WATCHDOG: watchdog,
        CONFIG_REJECTED: configuration_rejected,
        CERTIFICATE_EXPIRING: certificates_of_page,
    }
)
"""By rule, in the order of evaluation."""
