"""Among many targets one is found by a part of its name."""

from __future__ import annotations

import pytest

from monitor.web.target_search import target_search
from tests.web.picture import NOW, a_config, a_snapshot, a_target
from tests.web.serving import ServedState, serving

NAMES = [f"shop-{number:03}" for number in range(30)]


@pytest.mark.parametrize(
    ("given", "unknown", "found"),
    [
        ("", "", []),
        ("shop-007", "", []),
        ("-00", "-00", NAMES[:10]),
        ("SHOP-029", "SHOP-029", ["shop-029"]),
        ("shop_007", "shop_007", ["shop-007"]),
        ("0", "0", NAMES[:20]),
        ("x", "x", []),
    ],
)
def test_what_is_no_name_finds_names_that_have_it_or_are_much_like_it(
    given: str, unknown: str, found: list[str]
) -> None:
    search = target_search(given, NAMES)
    assert search.unknown == unknown
    names = [one.name for one in search.found]
    # Of those that are only much like it the nearest comes first.
    assert names[: len(found)] == found[: len(names)]
    assert len(names) == len(found) or given == "shop_007"


def test_only_with_many_targets_there_is_a_field_and_it_may_be_sent() -> None:
    policies = {}
    for count in (20, 21):
        config = a_config(*(a_target(name) for name in NAMES[:count]))
        with serving(ServedState(config, a_snapshot(config), NOW)) as client:
            answer = client.get("/?target=hop-003")
            policies[count] = answer.headers["content-security-policy"]
            assert ('<form class="search"' in answer.text) is (count > 20)
            assert '<a href="?target=shop-003">shop-003</a>' in answer.text
    assert "form-action 'none'" in policies[20]
    assert "form-action 'self'" in policies[21]
