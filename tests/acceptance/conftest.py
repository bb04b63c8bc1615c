"""What the acceptance tests share: a folder for a config, a webhook's far end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import Hook, short_directory


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder for config.toml and queries/, gone afterwards."""
    path = short_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Run a webhook's far end."""
    one = Hook()
    yield one
    one.close()
