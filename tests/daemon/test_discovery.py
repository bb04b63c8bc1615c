"""What makes the daemon load its targets again: files that settled, a list that is another one; and what is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.sources import Groups
from monitor.config.target_lists import HTTP_SD
from monitor.daemon.discovery import ChangedFiles
from monitor.daemon.http_lists import FILE, HttpLists, kept_list, no_faults
from monitor.model.discovery import FileMark, HttpSdSettings
from monitor.model.errors import ConfigError, DeliveryError, Problem

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SETTINGS = HttpSdSettings(url="http://inventory/?key=s3cret")
OTHER = HttpSdSettings(url="http://other/")
A = json.dumps([{"targets": ["a"]}, {"targets": ["b"]}]).encode()
A_IN_ANOTHER_ORDER = json.dumps([{"targets": ["b"]}, {"targets": ["a"]}]).encode()
B = json.dumps([{"targets": ["b"], "labels": {"region": "ü"}}]).encode()


# Files


def marks(number: int) -> Mapping[Path, FileMark]:
    return {Path("one.yml"): (number,)}


@pytest.mark.parametrize(
    ("looks", "asked"),
    [
        # (what is in force, what the files are now) at each look
        ([(1, 1), (1, 1)], "--"),
        ([(1, 1), (1, 2), (1, 2), (2, 2), (2, 2)], "--r--"),
        # It is being written, and is waited for.
        ([(1, 2), (1, 3), (1, 4), (1, 4)], "---r"),
        # Refused, and asked for no more until it changes.
        ([(1, 2), (1, 2), (1, 2), (1, 3), (1, 3)], "-r--r"),
        # Refused, and as it was again: what was told of it is over.
        ([(1, 2), (1, 2), (1, 1), (1, 1)], "-rr-"),
    ],
)
def test_a_change_is_asked_for_once_when_it_has_settled(
    looks: list[tuple[int, int]], asked: str
) -> None:
    files: ChangedFiles[Mapping[Path, FileMark]] = ChangedFiles()
    found = [
        "r" if files.are_to_be_read(marks(force), marks(now)) else "-"
        for force, now in looks
    ]
    assert "".join(found) == asked


@given(st.lists(st.integers(0, 3), min_size=1), st.sets(st.integers(0, 3)))
def test_whatever_files_do_what_is_in_force_in_the_end_is_what_they_are_or_was_refused(
    history: list[int], bad: set[int]
) -> None:
    """Each look may be followed by a load at once, which refuses what is bad."""
    files: ChangedFiles[Mapping[Path, FileMark]] = ChangedFiles()
    in_force = 9
    refused: int | None = None
    for now in [*history, *([history[-1]] * 3)]:
        if files.are_to_be_read(marks(in_force), marks(now)):
            refused = now if now in bad else None
            in_force = in_force if now in bad else now
    last = history[-1]
    if last in bad:
        assert refused == last
    else:
        assert (in_force, refused) == (last, None)


# The list of an address


class Far:
    """What an address answers, and how often it was asked."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _settings: HttpSdSettings, _now: datetime) -> bytes:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def lists_of(*answers: bytes | Exception) -> tuple[HttpLists, Far]:
    far = Far(*answers)
    return HttpLists(far, lambda: NOW), far


REFUSED = DeliveryError("refused", "inventory: connection refused", recoverable=True)


def test_a_load_takes_what_is_known_and_asks_only_for_what_is_not(
    tmp_path: Path,
) -> None:
    lists, far = lists_of(A, B)
    first = lists.ask(tmp_path, SETTINGS, no_faults)
    assert [group.data["targets"] for group in first] == [["a"], ["b"]]
    assert lists.ask(tmp_path, SETTINGS, no_faults) == first
    assert far.asked == 1
    assert lists.ask(tmp_path, OTHER, no_faults)[0].data["labels"] == {"region": "ü"}


def test_only_another_list_is_a_change_and_a_bad_one_is_none(tmp_path: Path) -> None:
    lists, _ = lists_of(A, A, A_IN_ANOTHER_ORDER, B, b"[]", b"\xff", REFUSED, A)
    lists.ask(tmp_path, SETTINGS, no_faults)
    assert [lists.refresh(SETTINGS, NOW) for _ in range(3)] == [False, False, True]
    for reason in ("bad_answer", "bad_answer", "refused"):
        with pytest.raises(DeliveryError) as caught:
            lists.refresh(SETTINGS, NOW)
        assert caught.value.reason == reason
        assert lists.ask(tmp_path, SETTINGS, no_faults)[0].data["targets"] == ["b"]
    assert lists.refresh(SETTINGS, NOW)


def test_what_is_in_force_is_kept_for_a_start_that_cannot_ask_and_for_its_address_only(
    tmp_path: Path,
) -> None:
    lists, _ = lists_of(B, A)
    before = lists.ask(tmp_path, SETTINGS, no_faults)
    lists.keep(tmp_path)
    assert not (tmp_path / FILE).exists()
    lists.accept(SETTINGS)
    lists.keep(tmp_path)
    kept = tmp_path / FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in kept.read_text(encoding="utf-8")

    # A newer one that nobody has put in force does not replace it.
    lists.refresh(SETTINGS, NOW)
    lists.keep(tmp_path)
    again, _ = lists_of(REFUSED, REFUSED)
    assert [one.data for one in again.ask(tmp_path, SETTINGS, no_faults)] == [
        one.data for one in before
    ]
    assert [one.data for one in kept_list(tmp_path, SETTINGS)] == [
        one.data for one in before
    ]
    with pytest.raises(ConfigError, match="connection refused") as caught:
        again.ask(tmp_path, OTHER, no_faults)
    assert caught.value.may_pass
    assert kept_list(tmp_path, OTHER) == ()


def no_b(groups: Groups) -> tuple[Problem, ...]:
    """Find fault with every address but a."""
    names = [name for group in groups for name in group.data["targets"]]
    return tuple(Problem(HTTP_SD, f"{name} is bad") for name in names if name != "a")


def test_a_list_that_no_load_would_take_changes_nothing_also_at_the_next_start(
    tmp_path: Path,
) -> None:
    good = b'[{"targets": ["a"]}]'
    lists, _ = lists_of(good, B, A_IN_ANOTHER_ORDER, good)
    lists.ask(tmp_path, SETTINGS, no_b)
    lists.accept(SETTINGS)
    lists.keep(tmp_path)
    for _ in range(2):
        with pytest.raises(DeliveryError, match="b is bad") as caught:
            lists.refresh(SETTINGS, NOW)
        assert caught.value.reason == "bad_answer"
        assert lists.ask(tmp_path, SETTINGS, no_b)[0].data["targets"] == ["a"]
    assert not lists.refresh(SETTINGS, NOW)

    again, _ = lists_of(B)
    assert again.ask(tmp_path, SETTINGS, no_b)[0].data["targets"] == ["a"]
    first, _ = lists_of(B)
    with pytest.raises(ConfigError, match="no list of targets: http_sd: b is bad"):
        first.ask(tmp_path, OTHER, no_b)


def test_of_many_faults_the_first_is_told_and_how_many_there_are(
    tmp_path: Path,
) -> None:
    lists, _ = lists_of(b'[{"targets": ["x", "y", "z"]}]')
    with pytest.raises(ConfigError, match=r"x is bad \(and 2 more\)"):
        lists.ask(tmp_path, SETTINGS, no_b)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"of": 1}', b"\xff", b'{"of": "x"}']
)
def test_a_kept_file_that_is_damaged_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert kept_list(tmp_path, SETTINGS) == ()


def test_what_cannot_be_kept_is_tried_again(tmp_path: Path) -> None:
    lists, _ = lists_of(A)
    lists.ask(tmp_path, SETTINGS, no_faults)
    lists.accept(SETTINGS)
    with pytest.raises(OSError, match="No such file"):
        lists.keep(tmp_path / "not-there")
    lists.keep(tmp_path)
    assert (tmp_path / FILE).exists()
