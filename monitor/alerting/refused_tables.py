"""Find which tables are refused to the queries of a target, and the GRANT that would give each; pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitor.alerting.contact import TargetView
from monitor.alerting.denials import denied_table, grant_for
from monitor.alerting.query_view import QueryView
from monitor.alerting.rule_input import own_sample
from monitor.model.results import Sample
from monitor.model.settings import Rule
from monitor.model.targets import Target

# As both servers write it: "SELECT command denied to user 'm'@'10.0.0.7' for table …"
_ACCOUNT = re.compile(r"'([^']*)'@'([^']*)'")


@dataclass(frozen=True, slots=True)
class _TableRefusal:
    """What the server said of a query, and what it was asked."""

    message: str
    statement: str


def access_denied(
    rule: Rule, target: TargetView, views: Sequence[QueryView]
) -> list[Sample] | None:
    """Return which tables are refused: one finding for each, with all the queries that it concerns."""
    if not target.up:
        return None
    refusals = _refusals_by_table(views)
    # Before any success nothing says that all rights are there.
    if not refusals and all(view.last_success_at is None for view in views):
        return None
    return [
        _denied(rule, target.target, table, of_queries)
        for table, of_queries in sorted(refusals.items())
    ]


def _refusals_by_table(
    views: Sequence[QueryView],
) -> dict[str, dict[str, _TableRefusal]]:
    """Return by table, and then by query, what the server said."""
    found: dict[str, dict[str, _TableRefusal]] = defaultdict(dict)
    for view in views:
        statement = view.job.query.statement.text
        for failure in view.denied:
            table = denied_table(failure)
            if table and table not in view.regained:
                refusal = _TableRefusal(failure.message, statement)
                found[table][view.job.query.name] = refusal
    return found


def _denied(
    rule: Rule, target: Target, table: str, refusals: Mapping[str, _TableRefusal]
) -> Sample:
    message = next(iter(refusals.values())).message
    account = _account_in(message) or f"'{target.user}'"
    grants = {
        grant_for(
            one.message,
            statement=one.statement,
            database=target.database,
            account=account,
        )
        for one in refusals.values()
    }
    details = {
        "account": account,
        "grant": " ".join(sorted(grants)),
        "message": message,
        "queries": ", ".join(sorted(refusals)),
    }
    return own_sample(rule, len(refusals), labels={"table": table}, details=details)


def _account_in(message: str) -> str:
    """Return the account that the server names, as it is written in a GRANT; empty where it names none."""
    found = _ACCOUNT.search(message)
    if found is None:
        return ""
    user, host = found.groups()
    return f"'{user}'@'{host}'"
