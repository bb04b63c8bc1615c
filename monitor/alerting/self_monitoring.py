"""Find what the rules about the monitor itself evaluate of a target, or no data at all; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from monitor.alerting.alert_names import (
    CERTIFICATE_EXPIRING,
    CLOCK_SKEW,
    CONNECTIONS_REFUSED,
    REPLICA_LAGGING,
    TARGET_DOWN,
)
from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.rule_input import own_sample
from monitor.alerting.self_status import certificates_ending
from monitor.model.results import Sample
from monitor.model.settings import Rule

TargetCheck: TypeAlias = Callable[[Rule, TargetView, datetime], "list[Sample] | None"]
"""Returns what one rule finds of a target at an instant; None where it cannot be told."""


def target_lost(rule: Rule, target: TargetView, now: datetime) -> list[Sample] | None:
    """Return whether a target lets nobody in, or did not until a moment ago."""
    is_out = target.is_out(now, proof=proof_of(rule))
    if is_out is None:
        return None
    details: dict[str, str] = {}
    if target.loss is not None:
        details = {"reason": str(target.loss.reason), "message": target.loss.message}
    return [own_sample(rule, is_out, details=details)]


def connections_refused(
    rule: Rule, target: TargetView, now: datetime
) -> list[Sample] | None:
    """Return whether a target refuses new connections while one of ours lives."""
    if not target.up:
        return None
    proof = proof_of(rule)
    if target.refusal is None and target.is_out(now, proof=proof) is None:
        # How it was before we met it will be known when it has let us in for a while.
        return None
    details: dict[str, str] = {}
    if target.refusal is not None:
        details = {
            "detail": target.refusal.detail,
            "reason": str(target.refusal.reason),
            "message": target.refusal.message,
        }
    is_refusing = target.is_refusing(now, proof=proof)
    return [own_sample(rule, is_refusing, details=details)]


def proof_of(rule: Rule) -> timedelta:
    """Return how long a fault must be gone before it is over: as long as it must last, at most 30 s."""
    return min(rule.hold, MAX_PROOF)


def replica_lagging(
    rule: Rule, target: TargetView, _now: datetime
) -> list[Sample] | None:
    """Return whether a target is a replica whose data is too old."""
    if not target.up or target.server is None:
        return None
    fault = target.replica_fault
    seconds = target.replica_lag_seconds
    lag = "" if seconds is None else f" It was {seconds:.0f} s behind at the last look."
    return [own_sample(rule, bool(fault), details={"fault": fault, "lag": lag})]


def clock_skew(rule: Rule, target: TargetView, _now: datetime) -> list[Sample] | None:
    """Return by how many seconds a server's clock is off ours for certain."""
    if not target.up or target.server is None or target.server.clock is None:
        return None
    clock = target.server.clock
    side = "ahead of" if clock.seconds > 0 else "behind"
    offset = f"{abs(clock.seconds):.1f} s {side}"
    return [own_sample(rule, clock.proven_seconds, details={"offset": offset})]


def certificates_of_target(
    rule: Rule, target: TargetView, now: datetime
) -> list[Sample] | None:
    """Return when the certificates of a target's connections end; None while it lets nobody in."""
    if not target.up or target.server is None:
        return None
    certificates = target.server.certificates
    return certificates_ending(rule, certificates, now, target=target.target.name)


TARGET_CHECKS: Mapping[str, TargetCheck] = MappingProxyType(
    {
        TARGET_DOWN: target_lost,
        CONNECTIONS_REFUSED: connections_refused,
        REPLICA_LAGGING: replica_lagging,
        CLOCK_SKEW: clock_skew,
        CERTIFICATE_EXPIRING: certificates_of_target,
    }
)
"""By rule, in the order of evaluation: a lost target comes first, since others are held under its alert."""
