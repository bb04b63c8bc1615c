"""Find the alert that speaks for all queries and rules that lack data for one cause: their root; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import partial
from typing import TypeAlias, assert_never

from monitor.alerting.alert_names import (
    ACCESS_DENIED,
    CONNECTIONS_REFUSED,
    REPLICA_LAGGING,
    TARGET_DOWN,
)
from monitor.alerting.causes import Cause, Known
from monitor.alerting.contact import TargetView
from monitor.alerting.denials import denied_table, denied_tables
from monitor.alerting.query_view import QueryView
from monitor.alerting.snapshot import Snapshot
from monitor.model.alerts import Alert, Scope
from monitor.model.results import Failure
from monitor.model.settings import ColumnName, SchemaColumns

_OF_WHOLE_TARGET: Mapping[Cause, str] = {
    Cause.LOST: TARGET_DOWN,
    Cause.REFUSED: CONNECTIONS_REFUSED,
    Cause.LAGGING: REPLICA_LAGGING,
}
_IsRoot: TypeAlias = Callable[[Alert], bool]


def heard_root(cause: Cause, view: QueryView, known: Known) -> Alert | None:
    """Return the alert that speaks for all that have this cause; None where none does."""
    # Of several about one query any would do; by the labels it is the same one at each look.
    heard = filter(Alert.is_heard, _alerts_about(cause, view, known))
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
        case Cause.FAILING | Cause.SILENT:
            return ()
        case _:
            assert_never(cause)


def _alerts_about_missing(view: QueryView, known: Known) -> Iterator[Alert]:
    """Yield the alerts of schema queries about a column that the query lacks, or about its whole table."""
    if view.outcome is None:
        return
    # Of a run that failed it is the server's words that say which of the missing columns it lacked.
    lacked = view.outcome.columns_lacked(known.target.known_missing)
    for schema in known.schemas:
        query = schema.job.query
        is_about = partial(_is_about, schema=query.schema, columns=lacked)
        for rule in query.rules:
            alerts = known.alerts(rule.name, *schema.job.key)
            yield from filter(is_about, alerts)


def _is_about(
    alert: Alert, *, schema: SchemaColumns | None, columns: Set[ColumnName]
) -> bool:
    return schema is not None and schema.is_about(alert.labels, columns)


def root_of(
    scope: Scope, needs: Set[ColumnName], snapshot: Snapshot, alerts: Iterable[Alert]
) -> str:
    """Return the fingerprint of the alert under which one that has no data is muted; empty for none.

    `alerts` are those of the scope's target.
    """
    target = snapshot.targets.get(scope.target)
    if target is None:
        return ""
    is_root = _root_by_view(scope, target, snapshot)
    if is_root is None:
        missing = target.known_missing & needs
        schemas = {
            view.job.query.name: view.job.query.schema
            for view in snapshot.views_of(scope.target)
        }
        is_root = partial(_is_of_schema_query, schemas=schemas, missing=missing)
    return next((alert.fingerprint for alert in alerts if is_root(alert)), "")


def _root_by_view(
    scope: Scope, target: TargetView, snapshot: Snapshot
) -> _IsRoot | None:
    """Return which alert is the root by how the target and the query are; None where these do not say."""
    # In the order of what hides what: of a target that is lost nothing else can be known.
    if target.up is False:
        return partial(_is_named, name=TARGET_DOWN)
    if target.replica_fault:
        return partial(_is_named, name=REPLICA_LAGGING)
    view = snapshot.queries.get((scope.target, scope.subject))
    if view is None:
        return None
    if isinstance(view.outcome, Failure) and view.outcome.refused:
        return partial(_is_named, name=CONNECTIONS_REFUSED)
    table = denied_table(view.outcome)
    if table:
        return partial(_is_about_table, table=table)
    return None


def _is_named(alert: Alert, *, name: str) -> bool:
    return alert.name == name


def _is_about_table(alert: Alert, *, table: str) -> bool:
    return alert.name == ACCESS_DENIED and alert.label("table") == table


def _is_of_schema_query(
    alert: Alert,
    *,
    schemas: Mapping[str, SchemaColumns | None],
    missing: Set[ColumnName],
) -> bool:
    """Return whether an alert is a schema query's about one of these columns."""
    schema = schemas.get(alert.scope.subject)
    return _is_about(alert, schema=schema, columns=missing)
