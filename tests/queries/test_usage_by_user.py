"""Who uses far more than anybody usually does: the busiest user, look by look, on real servers."""

from __future__ import annotations

from monitor.collector.execute import answer
from tests.queries.conftest import Bench
from tests.queries.test_cursor import Reader, bench, history, insert

__all__ = ["bench", "history"]

BUSIEST = "token_usage_busiest_user_events"


def reading(history: Bench) -> Reader:
    return Reader(history.queries["usage_by_user"], history.session)


def test_the_busiest_user_of_each_look_is_added_up_whoever_it_is(
    history: Bench,
) -> None:
    reader = reading(history).run()
    insert(history, *["rewrite"] * 3, user=1)
    insert(history, *["rewrite"] * 2, user=2)
    for _ in range(3):
        assert reader.run().value(BUSIEST) == 3
    insert(history, *["rewrite"] * 4, user=2)
    insert(history, "rewrite", user=1)
    for _ in range(3):
        assert reader.run().value(BUSIEST) == 7


def test_rows_of_nobody_are_nobodys(history: Bench) -> None:
    reader = reading(history).run()
    history.execute("ALTER TABLE token_usage_history MODIFY user_id INT NULL")
    history.execute(
        "INSERT INTO token_usage_history (user_id, tokens_used, action) VALUES (NULL, 1, 'x'), (NULL, 1, 'x')"
    )
    assert reader.run().value(BUSIEST) == 0


def test_a_person_is_shown_who_it_is(history: Bench) -> None:
    insert(history, *["rewrite"] * 9, user=9)
    insert(history, *["rewrite"] * 10, user=77)
    found = answer(history.queries["usage_by_user"], history.session)
    assert found.rows.columns == ("busiest", "busiest_user_id")
    assert [str(cell) for cell in found.rows.rows[-1]] == ["10", "77"]
