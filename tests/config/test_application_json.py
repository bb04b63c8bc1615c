"""What the child process read of an application's source is the same behind the pipe and in the state directory."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from monitor.config.application_json import from_document, to_document
from monitor.contract.application import application_sql
from monitor.model.application import (
    ApplicationSql,
    ColumnUse,
    PlacedChange,
    ReadStatement,
    SchemaChange,
    SqlPlace,
    UnreadStatement,
    Uses,
)

TEXT = st.text(max_size=8)
PLACES = st.builds(SqlPlace, TEXT, st.integers(1, 9), st.just(""))
USES = st.builds(
    Uses,
    st.lists(TEXT, max_size=3).map(tuple),
    st.lists(
        st.builds(ColumnUse, st.lists(TEXT, max_size=2).map(tuple), TEXT), max_size=3
    ).map(tuple),
)
CHANGES = st.builds(SchemaChange, TEXT, TEXT, TEXT, st.booleans(), TEXT)
APPLICATIONS = st.builds(
    ApplicationSql,
    st.lists(st.builds(ReadStatement, PLACES, USES, st.booleans())).map(tuple),
    st.lists(st.builds(UnreadStatement, PLACES, TEXT)).map(tuple),
    st.lists(st.builds(PlacedChange, PLACES, CHANGES)).map(tuple),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(APPLICATIONS)
def test_nothing_is_lost_on_the_way(application: ApplicationSql) -> None:
    """Statements that name the same come beside each other; all else is in its order."""
    found = from_document(json.loads(json.dumps(to_document(application))))
    assert sorted(map(repr, found.statements)) == sorted(
        map(repr, application.statements)
    )
    assert found.unread == application.unread
    assert found.changes == application.changes
    assert (found.files, found.migrations) == (
        application.files,
        application.migrations,
    )


def test_what_many_statements_name_alike_stands_there_once() -> None:
    code = "\n".join(
        f"q('SELECT id FROM users WHERE id = {number}')" for number in range(50)
    )
    document = to_document(application_sql([("a.js", code)], "app"))
    (group,) = document["statements"]
    assert len(group["places"]) == 50


def test_what_was_kept_before_renames_were_known_is_read() -> None:
    change = ["m/1.sql", 2, "users", "balance", "INT", False]
    document = to_document(ApplicationSql()) | {"changes": [change]}
    (found,) = from_document(document).changes
    assert found.change == SchemaChange("users", "balance", "INT")
