"""Who watches what in a fleet: counts, stability and moves, against arithmetic that knows no hash."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.shards import Shard, owners

NAMES = [f"db-{number}.example.com:3306" for number in range(4000)]
names = st.text(min_size=1, max_size=60).filter(
    lambda text: not any("\ud800" <= character <= "\udfff" for character in text)
)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[int, int]:
    """Draw a number of shards, and how many of them watch each target."""
    count = draw(st.integers(1, 60))
    return count, draw(st.integers(1, min(count, 5)))


@given(names, fleets())
def test_a_target_has_exactly_as_many_owners_as_asked_all_different(
    name: str, fleet: tuple[int, int]
) -> None:
    count, replicas = fleet
    found = owners(name, count, replicas)
    assert len(found) == len(set(found)) == replicas
    assert set(found) <= set(range(count))
    owning = [n for n in range(count) if Shard(n, count).owns(name, replicas)]
    assert owning == sorted(found)


@given(st.lists(names, unique=True, max_size=30), fleets(), st.randoms())
def test_it_does_not_matter_which_other_targets_there_are_or_in_which_order(
    found: list[str], fleet: tuple[int, int], random: object
) -> None:
    count, replicas = fleet
    first = {name: owners(name, count, replicas) for name in found}
    random.shuffle(found)  # type: ignore[attr-defined]  # a Random of hypothesis
    assert {name: owners(name, count, replicas) for name in found} == first


@given(names, fleets())
def test_more_replicas_keep_the_owners_that_there_are(
    name: str, fleet: tuple[int, int]
) -> None:
    count, replicas = fleet
    assert owners(name, count, count)[:replicas] == owners(name, count, replicas)


@given(names, fleets())
def test_a_shard_more_takes_targets_and_moves_none_between_the_others(
    name: str, fleet: tuple[int, int]
) -> None:
    count, replicas = fleet
    before, after = owners(name, count, replicas), owners(name, count + 1, replicas)
    # The new one pushed the last one out, or nothing is other than before.
    assert set(after) - set(before) <= {count}
    assert len(set(before) - set(after)) <= 1


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("count", [3, 4, 10, 25])
def test_a_shard_more_moves_about_its_share(count: int, replicas: int) -> None:
    moved = 0
    for name in NAMES:
        before = set(owners(name, count, replicas))
        moved += len(set(owners(name, count + 1, replicas)) - before)
    pairs = len(NAMES) * replicas
    # Binomial: four standard deviations are 1.4 points at most.
    assert moved / pairs == pytest.approx(1 / (count + 1), abs=0.015)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_shards_have_equal_shares(count: int, replicas: int) -> None:
    shares = Counter(shard for name in NAMES for shard in owners(name, count, replicas))
    fair = len(NAMES) * replicas / count
    assert min(shares.values()) > 0.85 * fair
    assert max(shares.values()) < 1.15 * fair


GOLDEN = {"main": (1, 0, 4), "eu-1": (1, 2, 0), "ü": (3, 1, 2)}


def test_what_a_shard_owns_is_for_ever() -> None:
    """Shards of two versions must agree while a fleet is upgraded."""
    assert {name: owners(name, 5, 3) for name in ("main", "eu-1", "ü")} == GOLDEN
