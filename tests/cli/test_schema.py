"""`schema`: what an editor is told of the files is what the loader takes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from click.testing import CliRunner

from monitor.cli import commands
from monitor.cli.printed import file_schemas
from monitor.config.schema import RootSchema

ROOT = Path(__file__).parents[2]


def printed(file: str) -> dict[str, Any]:
    done = CliRunner().invoke(commands, ["schema", file])
    assert done.exit_code == 0, done.output
    schema: dict[str, Any] = json.loads(done.stdout)
    return schema


def problem(file: str, text: str) -> str:
    """Return what an editor would underline; empty: nothing."""
    check = fastjsonschema.compile(printed(file))
    try:
        check(tomllib.loads(text))
    except fastjsonschema.JsonSchemaException as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "queries").glob("*.toml")), ids=lambda path: path.stem
)
def test_every_shipped_query_is_as_the_schema_says(path: Path) -> None:
    assert problem("query", path.read_text(encoding="utf-8")) == ""


def test_the_shipped_configuration_is_as_the_schema_says() -> None:
    assert problem("config", (ROOT / "config.toml").read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("query", 'interval = "1m"', "must contain ['summary']"),
        ("query", 'summary = "s"\ninterwal = "1m"', "must not contain"),
        ("query", 'summary = "s"\ninterval = "1 minute"', "must match pattern"),
        ("query", 'summary = "s"\n[metrics.m]\nhelp = "h"\nvalu = "x"', "metrics.m"),
        (
            "query",
            'summary = "s"\n[rules.R]\nabove = "x"\nseverity = "loud"\nsummary = "s"',
            "rules.R",
        ),
        ("query", 'summary = "s"\n[for_each]\nmax_item = 5', "for_each"),
        ("config", '[targets.main]\nuser = "u"', "must contain ['database']"),
        ("config", '[receivers.a]\nkind = "pager"', "receivers.a"),
        ("config", "[web]\nlisten = 5", "web.listen cannot be validated"),
    ],
)
def test_what_the_loader_refuses_an_editor_underlines(
    file: str, text: str, said: str
) -> None:
    assert said in problem(file, text)


def test_every_table_of_config_toml_has_its_schema() -> None:
    properties = printed("config")["properties"]
    assert properties.keys() == RootSchema.model_fields.keys()
    anything = {
        name
        for name, one in properties.items()
        if not one.keys() - {"default", "title"}
    }
    assert anything == set(), f"say in {file_schemas.__name__} what these hold"
