"""The messages that the page on receivers shows: those that the program sends."""

from __future__ import annotations

from tests.notify.rendered import PAGE, in_page, messages


def test_the_page_shows_what_each_kind_is_sent() -> None:
    shown = in_page(PAGE.read_text(encoding="utf-8"))
    made = messages()
    assert set(shown) == set(made)
    for name, text in made.items():
        assert shown[name] == text, f"{name}: python -m tests.notify.rendered"
