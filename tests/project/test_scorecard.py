"""The scorecard's frame: its kinds, its rhythm, its section of the page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.daemon.messages import PipelineListener
from scripts.scorecard_parts.healthy import HealthyDays
from scripts.scorecard_parts.kinds import KINDS, chosen
from scripts.scorecard_parts.page import with_section, write_json
from scripts.scorecard_parts.rhythm import Rhythm
from scripts.scorecard_parts.watcher import Heard

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_each_kind_has_a_name_of_its_own_and_a_size() -> None:
    names = [one.kind for one in KINDS]
    assert len(set(names)) == len(names) >= 60
    assert all(one.sizes and one.cause for one in KINDS)
    with pytest.raises(ValueError, match="no kind nonsense"):
        chosen(["nonsense"])


def test_the_scorecard_hears_whatever_the_pipeline_tells() -> None:
    # Nothing checks the types of this script, so that what is new would be missing there.
    assert PipelineListener in Heard.__mro__


def test_a_night_a_weekend_and_a_holiday_are_quieter() -> None:
    rhythm = Rhythm(12.0, AT, 1, holidays=frozenset({AT.date() + timedelta(days=1)}))
    usual, night, weekend, holiday = (
        rhythm.at(AT + timedelta(hours=hours)) for hours in (1, 17, 5 * 24 + 1, 25)
    )
    assert night < usual / 3
    assert weekend < usual * 0.6
    assert holiday < usual * 0.5


@pytest.mark.parametrize(
    ("page", "after"),
    [
        ("# A\n", "# A\n\n## S\n\nnew\n"),
        ("# A\n\n## S\n\nold\n", "# A\n\n## S\n\nnew\n"),
        ("# A\n\n## S\n\nold\n\n## T\n\nt\n", "# A\n\n## S\n\nnew\n\n## T\n\nt\n"),
    ],
)
def test_the_section_is_put_in_place_of_the_one_before(page: str, after: str) -> None:
    assert with_section(page, "## S\n\nnew\n") == after


def test_what_is_written_again_keeps_the_note_of_who_played_it(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    path.write_text('{"incidents": [], "healthy": [], "note": "By hand."}', "utf-8")
    for days in (1, 2):
        write_json(path, [], [HealthyDays(1, days, 300.0, (), 0, ())])
    document = json.loads(path.read_text("utf-8"))
    assert document["note"] == "By hand."
    assert [one["days"] for one in document["healthy"]] == [2]
