"""The examples of docs/scale.md: right by the tools that they are for, and by our own loader."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import load
from monitor.notify.kinds import KINDS

PAGE = Path(__file__).parent.parent.parent / "docs" / "scale.md"
_FENCE = re.compile(r"^```(\w+)\n# ([\w.-]+)[^\n]*\n(.*?)^```$", re.M | re.S)


def examples(language: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each example that says which file it is."""
    for found, name, text in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if found == language:
            yield name, text


@pytest.mark.parametrize("name", [name for name, _ in examples("yaml")])
def test_prometheus_accepts_the_examples(name: str, tmp_path: Path) -> None:
    for other, text in examples("yaml"):
        (tmp_path / other).write_text(text, encoding="utf-8")
    (tmp_path / "shards.yml").write_text("- targets: [a]\n", encoding="utf-8")
    what = ["rules"] if name.endswith(".rules.yml") else ["config"]
    if name == "prometheus-agent.yml":
        what.append("--agent")
    done = subprocess.run(
        ["promtool", "check", *what, tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_of_config_toml_are_valid(tmp_path: Path) -> None:
    found = [text for name, text in examples("toml") if name == "config.toml"]
    assert len(found) == 3
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "one.json").write_text(
        '[{"targets": ["h"], "labels": {"__secret__": "one"}}]'
    )
    table = '[targets.one]\nhost = "h"\nuser = "u"\ndatabase = "d"\n'
    for text in found:
        path = tmp_path / "config.toml"
        needs = "" if "targets_file" in text else table
        path.write_text(text + needs, encoding="utf-8")
        assert load(path, {}, KINDS).targets
