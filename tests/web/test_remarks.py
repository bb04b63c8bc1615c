"""What a server remarks on a query's data stands beside it on the page."""

from __future__ import annotations

from dataclasses import replace

from monitor.alerting.query_view import QueryStatus, QueryView
from monitor.model.results import ServerWarning, Success
from monitor.web.tables import query_row
from tests.support.harness import START, TIMEOUT, a_config, balances


def test_a_warning_of_the_server_is_shown_in_the_querys_row() -> None:
    (job, *_) = a_config().jobs
    warned = replace(balances(), warnings=(ServerWarning(1287, "'&&' is deprecated"),))
    assert isinstance(warned, Success)
    view = QueryView(job, status=QueryStatus.OK, outcome=warned)
    assert (
        query_row(view, START).trouble
        == "warning 1287 of the server: '&&' is deprecated"
    )
    assert query_row(replace(view, outcome=balances()), START).trouble == ""
    failed = replace(view, status=QueryStatus.FAILED, outcome=TIMEOUT)
    assert query_row(failed, START).trouble.startswith("timeout: ")
