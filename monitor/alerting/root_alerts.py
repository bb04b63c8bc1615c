"""Find the alert that speaks for all queries and rules that lack data for one cause: their root; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from monitor.alerting.causes import Cause, Known
from monitor.alerting.contact import TargetView
from monitor.alerting.denials import denied_table, denied_tables
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, Scope
from monitor.model.own_alerts import (
    ACCESS_DENIED,
    CONNECTIONS_REFUSED,
    REPLICA_LAGGING,
    TARGET_DOWN,
)
from monitor.model.settings import ColumnName

_OF_WHOLE_TARGET: Mapping[Cause, str] = {
    Cause.LOST: TARGET_DOWN,
    Cause.REFUSED: CONNECTIONS_REFUSED,
    Cause.LAGGING: REPLICA_LAGGING,
}


@dataclass(frozen=True, slots=True)
class _Named:
    """The root is the alert of this name, of which a target has one."""

    name: str

    def fits(self, alert: Alert) -> bool:
        return alert.name == self.name


@dataclass(frozen=True, slots=True)
class _AboutTable:
    """The root is the alert about the table that is refused."""

    table: str

    def fits(self, alert: Alert) -> bool:
        is_denial = alert.name == ACCESS_DENIED
        return is_denial and alert.label("table") == self.table


@dataclass(frozen=True, slots=True)
class _AboutColumns:
    """The root is an alert of a schema query about one of these columns."""

    columns: Set[ColumnName]
    snapshot: Snapshot

    def fits(self, alert: Alert) -> bool:
        view = self.snapshot.view_behind(alert.scope)
        return view is not None and view.is_about(alert, self.columns)


_Root: TypeAlias = _Named | _AboutTable | _AboutColumns


def heard_root(cause: Cause, view: QueryView, known: Known) -> Alert | None:
    """Return the alert that speaks for all that have this cause; None where none does."""
    alerts = _alerts_about(cause, view, known)
    heard = [alert for alert in alerts if alert.is_heard()]
    # Of several about one query any would do; by the labels it is the same one at each look.
    return min(heard, key=lambda alert: alert.labels, default=None)


def _alerts_about(cause: Cause, view: QueryView, known: Known) -> Iterable[Alert]:
    target = view.job.target.name
    match cause:
        case Cause.LOST | Cause.REFUSED | Cause.LAGGING:
            return known.alerts(_OF_WHOLE_TARGET[cause], target)
        case Cause.DENIED:
            tables = denied_tables(view)
            denied = known.alerts(ACCESS_DENIED, target)
            return [alert for alert in denied if alert.label("table") in tables]
        case Cause.MISSING:
            return _alerts_about_missing(view, known)
        case Cause.FAILING | Cause.DEFERRED | Cause.SILENT:
            return ()
        case _:
            assert_never(cause)


def _alerts_about_missing(view: QueryView, known: Known) -> list[Alert]:
    """Return the alerts of schema queries about a column that the query lacks, or about its whole table."""
    lacked = view.columns_lacked(known.target.known_missing)
    found: list[Alert] = []
    for schema in known.schemas:
        alerts = known.alerts_of_query(schema)
        found += [alert for alert in alerts if schema.is_about(alert, lacked)]
    return found


def root_of(
    scope: Scope, needs: Set[ColumnName], snapshot: Snapshot, alerts: Iterable[Alert]
) -> str:
    """Return the fingerprint of the alert under which one that has no data is muted; empty for none.

    `alerts` are those of the scope's target.
    """
    target = snapshot.targets.get(scope.target)
    if target is None:
        return ""
    root = _root_by_view(scope, target, snapshot)
    if root is None:
        missing = target.known_missing & needs
        root = _AboutColumns(missing, snapshot)
    for alert in alerts:
        if root.fits(alert):
            return alert.fingerprint
    return ""


def _root_by_view(scope: Scope, target: TargetView, snapshot: Snapshot) -> _Root | None:
    """Return which alert is the root by how the target and the query are; None where these do not say."""
    # In the order of what hides what: of a target that is lost nothing else can be known.
    if target.up is False:
        return _Named(TARGET_DOWN)
    if target.replica_fault:
        return _Named(REPLICA_LAGGING)
    view = snapshot.view_behind(scope)
    if view is None:
        return None
    failure = view.failure
    if failure is not None and failure.refused:
        return _Named(CONNECTIONS_REFUSED)
    table = denied_table(failure)
    if table:
        return _AboutTable(table)
    return None
