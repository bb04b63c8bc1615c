from __future__ import annotations

import json

import pytest

from monitor.notify.mattermost.message import message_of
from tests.notify.delivering import PAGE, notification
from tests.notify.far_end import alert


@pytest.mark.parametrize(
    "text",
    [
        "@here @channel @all @somebody",
        "<!here> <!channel> <!all> <@U012>",
        "<https://evil.example.com|Runbook> [Runbook](https://evil.example.com)",
    ],
)
def test_no_text_calls_anybody_by_the_words_of_mattermost_or_of_slack(
    text: str,
) -> None:
    texts = (("repair", f"SELECT 1\n{text}"), ("summary", text))
    made = message_of(notification("r", alert(annotations=texts)), "")
    for one in (made["text"], made["attachments"][0]["fallback"]):
        assert "<" not in one
        assert "://" not in one
        assert "@h" not in one
        assert "@c" not in one
    assert "<!" not in json.dumps(made, ensure_ascii=False)


def test_every_attachment_has_a_fallback_and_a_text() -> None:
    made = message_of(notification("r", alert(), alert("free")), PAGE)
    fallbacks = [one["fallback"] for one in made["attachments"]]
    assert fallbacks == ["pro is low", "free is low"]
    for one in made["attachments"]:
        assert one["text"].startswith(f"**{one['fallback']}**\nfiring, since ")
        assert one["text"].endswith(")")


def test_an_entity_of_a_text_is_shown_as_it_is() -> None:
    made = message_of(
        notification("r", alert(annotations=(("summary", "a &lt; b"),))), PAGE
    )
    assert made["attachments"][0]["fallback"] == "a &amp;lt; b"
