"""The files of the state: nobody else's, given back when they are empty, copied whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from monitor.state import State
from tests.test_state_directory import fill, holds, opened


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(directory: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in directory.iterdir()}


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_the_files_are_private_whatever_umask_and_directory_allow(tmp_path: Path, mask: int) -> None:
    tmp_path.chmod(0o777)
    with umask(mask), opened(tmp_path) as made:
        fill(made.state)
        files = ("lock", "state.sqlite", "state.sqlite-wal", "state.sqlite-shm")
        assert modes(tmp_path) == dict.fromkeys(files, "0o600")


def test_files_of_before_with_wider_rights_are_narrowed(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        fill(made.state)
    aside = tmp_path / "state.sqlite.replaced"
    aside.write_bytes(b"old")
    for path in tmp_path.iterdir():
        path.chmod(0o664)
    with opened(tmp_path) as made:
        holds(made.state)
        assert set(modes(tmp_path).values()) == {"0o600"}


def test_what_a_link_leads_to_keeps_its_rights(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.sqlite.replaced").symlink_to(victim)
    with opened(tmp_path / "state"):
        assert (victim.read_text(), oct(victim.stat().st_mode)[-3:]) == ("precious", "644")


def test_the_room_that_the_files_take_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(str(path))) as state:
        assert state.space is None
        fill(state)
        state.measure()
        assert state.space is not None
        assert state.space.size_bytes == sum(one.stat().st_size for one in tmp_path.iterdir())
        assert 0 < state.space.free_bytes < state.space.disk_bytes
    with closing(State()) as state:
        state.measure()
        assert state.space is None
