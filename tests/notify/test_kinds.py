"""Every kind of receiver is whole: found by its folder, and each part that it lacks is named."""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.config.receivers import ReceiverTable, read_receiver
from monitor.config.toml.document import read_document
from monitor.config.toml.problems import Problems
from monitor.model.settings import Receiver
from monitor.notify.kinds import KINDS

ROOT = Path(__file__).parent.parent.parent
FOLDERS = sorted(
    path.name
    for path in (ROOT / "monitor" / "notify").iterdir()
    if path.is_dir() and path.name.isidentifier() and path.name != "__pycache__"
)


def lacking(kind: str) -> list[str]:
    """List what a kind lacks of what every kind has."""
    lacking = [
        f"{kind}/{part}.py in monitor/notify/"
        for part in ("__init__", "settings", "sender")
        if not (ROOT / "monitor" / "notify" / kind / f"{part}.py").is_file()
    ]
    if kind not in KINDS:
        lacking.append("a row in monitor/notify/kinds.py")
    if not list((ROOT / "tests" / "notify" / kind).glob("test_*.py")):
        lacking.append(f"tests in tests/notify/{kind}/")
    heading = kind.replace("_", " ")
    if f"\n## {heading}\n" not in _text("docs/receivers.md").lower():
        lacking.append(f"its section in docs/receivers.md: ## {heading.title()}")
    if f"\n### Kind `{kind}`\n" not in _text("docs/configuration.md"):
        lacking.append(f"its keys in docs/configuration.md: ### Kind `{kind}`")
    if f'kind = "{kind}"' not in _text("config.toml"):
        lacking.append(f'an example in config.toml: kind = "{kind}"')
    return lacking


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_folder_is_a_whole_kind(kind: str) -> None:
    found = "; ".join(lacking(kind))
    assert not found, f"the kind {kind} lacks {found}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_folder(kind: str) -> None:
    assert kind in FOLDERS, f"the kind {kind} has no folder in monitor/notify/"


@pytest.mark.parametrize("kind", KINDS)
def test_every_required_key_has_a_stand_in(kind: str) -> None:
    schema = KINDS[kind].schema
    required = {
        field.alias or name
        for name, field in schema.model_fields.items()
        if field.is_required()
    }
    missing = required - {"kind"} - schema.stand_ins.keys()
    assert not missing, f"{schema.__name__}.stand_ins lacks {sorted(missing)}"


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_values_of_their_kind_and_no_other_takes_them(kind: str) -> None:
    settings: Any = KINDS[kind].settings
    is_value = is_dataclass(settings)
    assert is_value
    assert settings.kind == kind
    others = [other for other in KINDS.values() if other.settings is not settings]
    receiver = Receiver("r", object.__new__(settings))
    assert KINDS[kind].settings_of(receiver) is receiver.settings
    for other in others:
        with pytest.raises(TypeError, match=f"receiver r: is not of kind {other.name}"):
            other.settings_of(receiver)


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_a_kind_is_enough_to_be_asked_for_the_rest(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "receiver.toml"
    path.write_text(f'kind = "{kind}"\n', encoding="utf-8")
    problems = Problems()
    section = read_document(path, path.name, problems)
    assert section is not None
    table = ReceiverTable(section, tmp_path, problems)
    assert read_receiver("r", table, KINDS) is None
    keys = {problem.key for problem in problems.in_order()}
    assert len(problems) > 0
    assert "kind" not in keys
