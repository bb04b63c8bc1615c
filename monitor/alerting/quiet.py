"""Find the targets with which all is well, and until when time alone can change nothing about them; pure.

Each result and each second would else evaluate all rules about each target and its queries, which find nothing:
of 1,000 targets 22,000 a second. A target that is quiet is left alone until an instant that is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from monitor.alerting.causes import Since, silent_after
from monitor.alerting.contact import MAX_PROOF, TargetView
from monitor.alerting.query_view import QueryView
from monitor.alerting.self_monitoring import proof_of
from monitor.alerting.self_status import next_ending
from monitor.model.own_alerts import (
    CERTIFICATE_EXPIRING,
    CLOCK_SKEW,
    CONNECTIONS_REFUSED,
    TARGET_DOWN,
)
from monitor.model.settings import Rule

Rules: TypeAlias = Mapping[str, Rule]
"""The rules about the monitor itself, by name."""

Basis: TypeAlias = tuple[object, ...]
"""What decides which of a quiet target's rules have anything to go by; equal where they are the same ones."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A target whose own rules find nothing, and their alerts are none."""

    basis: Basis
    ran: frozenset[str]
    """The queries of which a run has ended: their rules have something to go by."""
    until_of: Mapping[str, datetime]
    """By query: from when on somebody has to look at it again, though no result of it comes."""
    until: datetime
    """From then on somebody has to look at the target again, though no result comes."""
    evaluate_by: datetime
    """By then its rules are evaluated again, whatever is the same: what they find comes nearer by itself."""
    is_unmet: bool = False
    """No run has ended: there is nothing to go by at all."""

    def is_over(self, now: datetime) -> bool:
        """Return whether somebody has to look."""
        return min(self.until, self.evaluate_by) <= now

    def news_since(self, known: Quiet | None, now: datetime) -> frozenset[str] | None:
        """Return the queries whose rules may find what they did not when they were last evaluated; None: any rule.

        All others would find what they found then, nothing; of a target that is not met yet no rule has anything to
        go by.
        """
        if self.is_unmet:
            return frozenset()
        if known is None or known.evaluate_by <= now or known.basis != self.basis:
            return None
        return self.ran - known.ran

    def following(self, known: Quiet | None) -> Quiet:
        """Return it where its rules were not all evaluated again."""
        if known is None or known.evaluate_by == self.evaluate_by:
            return self
        return replace(self, evaluate_by=known.evaluate_by)


def quiet_of(
    target: TargetView, views: Sequence[QueryView], rules: Rules, since: Since
) -> Quiet | None:
    """Return how quiet a target is; None where something is wrong, was a moment ago, or cannot be told cheaply.

    That no alert of these rules is active is not asked here.
    """
    if _is_in_trouble(target, since.now) or _is_skewed(target, rules):
        return None
    until_of: dict[str, datetime] = {}
    ran: set[str] = set()
    for view in views:
        until = _quiet_until(view, since)
        if until is None:
            return None
        until_of[view.job.query.name] = until
        if view.outcome is not None:
            ran.add(view.job.query.name)
    return _quiet(target, rules, since.now, until_of, frozenset(ran))


def quiet_after_run(
    known: Quiet, target: TargetView, view: QueryView, rules: Rules, since: Since
) -> Quiet | None:
    """Return how quiet a target is after a run of one query, by what was known of the others; None as `quiet_of`.

    What a run leaves of another query is quiet for as long as it was: what makes it less so, such as a loss of the
    target, is of the target.
    """
    if _is_in_trouble(target, since.now) or _is_skewed(target, rules):
        return None
    until, query = _quiet_until(view, since), view.job.query.name
    if until is None:
        return None
    until_of = {**known.until_of, query: until}
    ran = known.ran if query in known.ran else known.ran | {query}
    return _quiet(target, rules, since.now, until_of, ran)


def _quiet(
    target: TargetView,
    rules: Rules,
    now: datetime,
    until_of: Mapping[str, datetime],
    ran: frozenset[str],
) -> Quiet:
    proofs = _proofs(rules)
    proof_at = _next_proof(target, proofs, now)
    return Quiet(
        _basis(target, proofs, now),
        ran=ran,
        until_of=until_of,
        until=min([proof_at, *until_of.values()]),
        evaluate_by=_evaluate_by(target, rules, now),
        is_unmet=target.up is None and not ran,
    )


def _quiet_until(view: QueryView, since: Since) -> datetime | None:
    """Return from when on somebody has to look at a query; None where that is now."""
    silent_at = silent_after(view, since)
    if not view.is_well or since.now > silent_at:
        return None
    return min(silent_at, view.unplanned_from)


def _is_in_trouble(target: TargetView, now: datetime) -> bool:
    """Return whether anything is wrong with a target, or was a moment ago."""
    faults = (
        target.up is False,
        target.replica_fault,
        target.refuses_writes,
        target.is_out(now, proof=MAX_PROOF),
        target.is_refusing(now, proof=MAX_PROOF),
    )
    return any(faults)


def _is_skewed(target: TargetView, rules: Rules) -> bool:
    rule = rules.get(CLOCK_SKEW)
    return rule is not None and rule.condition.holds(target.proven_skew_seconds)


def _next_proof(
    target: TargetView, proofs: Iterable[timedelta], now: datetime
) -> datetime:
    """Return when it has next let us in for long enough to say something of how it was before."""
    found = _NEVER
    if target.back_at is None:
        return found
    for proof in proofs:
        proven_at = target.back_at + proof
        if proven_at > now:
            found = min(found, proven_at)
    return found


def _proofs(rules: Rules) -> list[timedelta]:
    """Return how long new connections must get in before anything is known of how a target was before."""
    proofs = [MAX_PROOF]
    for name in (TARGET_DOWN, CONNECTIONS_REFUSED):
        rule = rules.get(name)
        if rule is not None:
            proofs.append(proof_of(rule))
    return proofs


def _evaluate_by(target: TargetView, rules: Rules, now: datetime) -> datetime:
    """Return when the first certificate that is still far from its end comes near to it."""
    rule = rules.get(CERTIFICATE_EXPIRING)
    if rule is None:
        return _NEVER
    return next_ending(rule, target.certificates, now, default=_NEVER)


def _basis(target: TargetView, proofs: Iterable[timedelta], now: datetime) -> Basis:
    server = target.server_in_contact
    newly_met = [target.is_newly_met(now, proof=proof) for proof in proofs]
    return (
        target.up,
        target.refusal is None,
        server is None,
        target.clock_offset_seconds is None,
        target.refuses_writes is None,
        target.certificates,
        tuple(newly_met),
    )
