"""Fixtures of the tests of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make an empty folder for a configuration."""
    return Folder(tmp_path)
