"""What rules remember is read back as it was written; what is spoilt is said and begun anew."""

from __future__ import annotations

import json
import zlib
from math import inf
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from monitor.detection.burn_rate import BurnMemory
from monitor.detection.change import ChangeMemory, OngoingChange
from monitor.detection.looks import SeriesMemory
from monitor.detection.novelty import Sighting
from monitor.detection.objective import DayMean, ObjectiveMemory
from monitor.detection.rate import RateMemory, RatePoint
from monitor.detection.rules import RuleMemory
from monitor.model.settings import labels_of
from monitor.storage import State
from monitor.storage.rule_memories import packed, unpacked

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
LABELS = st.dictionaries(st.text(min_size=1), st.text(), max_size=3).map(labels_of)
POINTS = st.dictionaries(st.integers(0, 2**40), NUMBERS, max_size=12)
PARTS = st.dictionaries(LABELS, NUMBERS, max_size=4)
CHANGES = st.builds(
    ChangeMemory,
    NUMBERS,
    POINTS,
    POINTS,
    PARTS,
    st.none() | st.builds(OngoingChange, NUMBERS, NUMBERS, PARTS),
    st.none() | NUMBERS,
    POINTS,
)
SHARES = st.integers(0, 10**6).map(lambda number: number / 10**6)
OBJECTIVES = st.builds(
    ObjectiveMemory,
    st.builds(
        BurnMemory,
        st.integers(0, 2**40),
        st.integers(0, 300),
        st.lists(SHARES, max_size=9).map(tuple),
    ),
    st.dictionaries(
        st.integers(0, 2**20),
        st.builds(DayMean, st.integers(1, 300), NUMBERS),
        max_size=14,
    ),
)
RATES = st.lists(
    st.builds(RatePoint, NUMBERS, NUMBERS, NUMBERS, st.integers(1, 2**20)), max_size=9
).map(lambda points: RateMemory(tuple(points)))
SERIES: st.SearchStrategy[SeriesMemory] = st.one_of(
    CHANGES,
    OBJECTIVES,
    RATES,
    st.builds(Sighting, NUMBERS, NUMBERS, NUMBERS | st.sampled_from([inf, -inf])),
)


@st.composite
def memories(draw: st.DrawFn) -> RuleMemory:
    series = draw(st.dictionaries(LABELS, SERIES, max_size=5))
    days = {labels: draw(st.integers(0, 2**20)) for labels in series}
    return RuleMemory(
        draw(st.text()), draw(NUMBERS), series, days, accepted_at=draw(NUMBERS)
    )


KEY = (("main", "plans"), "PlansChanged")


@given(memories())
def test_a_memory_is_read_back_as_it_was(memory: RuleMemory) -> None:
    assert unpacked(packed(memory)) == memory


def test_one_of_a_version_that_kept_no_days_is_read() -> None:
    memory = RuleMemory("shape", 1.0, {(("plan", "pro"),): Sighting(1.0, 2.0, 1.0)})
    record = json.loads(zlib.decompress(packed(memory)))
    del record["days"]
    assert unpacked(zlib.compress(json.dumps(record).encode())) == memory


def test_it_is_in_the_file_beside_what_else_was_recorded(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    memory = RuleMemory("shape", 1.0, {(("plan", "pro"),): Sighting(1.0, 2.0, 1.0)})
    state = State(path)
    state.record({}, (), (), memories={KEY: memory})
    state.close()
    again = State(path)
    assert again.memories() == {KEY: memory}
    again.close()


def test_one_that_cannot_be_read_is_said_and_left_out(tmp_path: Path) -> None:
    state = State()
    state.record({}, (), (), memories={KEY: RuleMemory("shape", 1.0)})
    for spoilt in (b"\x00", b"", b"x\x9c\x03\x00\x00\x00\x00\x01"):
        spoil(state, spoilt)
        assert dict(state.memories()) == {}
    assert len(state.warnings) >= 1
    state.close()


def spoil(state: State, memory: bytes) -> None:
    """Write something else in the place of all memories."""
    state._disk.write(
        lambda connection: connection.execute(
            "UPDATE memories SET memory = ?", (memory,)
        )
    )
