"""Bad configurations: each file with the whole message that it must give, and what no message may hold."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import load
from monitor.model.errors import ConfigError
from monitor.notify.kinds import KINDS

_CASES = Path(__file__).parent.parent / "testdata" / "config"
_NAMES = sorted(path.stem for path in _CASES.glob("*.expected"))


def _problems(path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {}, KINDS)
    return str(caught.value)


def _case(name: str) -> Path:
    folder = _CASES / name
    return folder / "config.toml" if folder.is_dir() else _CASES / f"{name}.toml"


@pytest.mark.parametrize("name", _NAMES)
def test_a_bad_configuration_gives_its_whole_message(name: str) -> None:
    expected = (_CASES / f"{name}.expected").read_text(encoding="utf-8")
    assert _problems(_case(name)) + "\n" == expected


def test_every_bad_configuration_has_its_message_beside_it() -> None:
    given_names = {path.stem for path in _CASES.iterdir() if path.suffix != ".expected"}
    assert given_names == set(_NAMES)
    assert len(_NAMES) >= 30


@pytest.mark.parametrize("name", _NAMES)
def test_no_secret_is_in_a_message(name: str) -> None:
    message = _problems(_case(name))
    assert "hunter2" not in message
    assert "s3cret" not in message


def test_a_file_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    assert (
        _problems(tmp_path / "config.toml")
        == "config.toml: cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    "name", ["config.toml", "queries/one.toml", "queries/one.sql", "body.json"]
)
def test_a_pipe_in_place_of_a_file_is_reported_at_once(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "config.toml").write_text(
        'query_dirs = ["queries"]\nshipped_queries = false\n'
        '[targets.main]\nhost = "127.0.0.1"\nuser = "root"\n'
        '[receivers.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:9"\ntemplate_file = "body.json"\n'
    )
    (tmp_path / "body.json").write_text("{}")
    (tmp_path / "queries" / "one.toml").write_text('summary = "One"\ninterval = "1m"\n')
    (tmp_path / "queries" / "one.sql").write_text("SELECT 1 AS one")
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)  # to open it would last until somebody writes
    assert "cannot be read: no regular file" in _problems(tmp_path / "config.toml")


def test_a_file_that_is_not_utf8_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"a = '\xff'")
    assert _problems(tmp_path / "config.toml") == "config.toml: is not UTF-8 text"


def test_queries_that_are_not_utf8_are_problems(tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "a.toml").write_bytes(b"summary = '\xff'")
    (tmp_path / "q" / "a.sql").write_text("SELECT 1 AS x")
    (tmp_path / "q" / "b.toml").write_text("summary = 'x'")
    (tmp_path / "q" / "b.sql").write_bytes(b"SELECT '\xff' AS x")
    (tmp_path / "config.toml").write_text(_MINIMAL)
    assert (
        _problems(tmp_path / "config.toml")
        == "q/a.toml: is not UTF-8 text\nq/b.sql: is not UTF-8 text"
    )


def test_a_file_outside_the_folder_is_named_in_full(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.sql").write_text("SELECT 1 AS x")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.toml").write_text(
        _MINIMAL.replace('"q"', '"../elsewhere"')
    )
    assert _problems(tmp_path / "etc" / "config.toml") == (
        f"{elsewhere}/a.sql: has nothing that says what it means: a.toml"
    )


def test_bad_environment_variables_are_problems_that_name_them(tmp_path: Path) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "config.toml").write_text(_MINIMAL)
    environ = {"TOKEN_MONITOR_LISTEN": "9000", "TOKEN_MONITOR_STATE_DIRECTORY": ""}
    assert _problems(tmp_path / "config.toml", environ) == (
        'environment: TOKEN_MONITOR_LISTEN: "9000" is not an address to listen on;'
        " allowed: host:port, such as 127.0.0.1:8917 or [::1]:8917\n"
        "environment: TOKEN_MONITOR_STATE_DIRECTORY: is empty; allowed: a directory"
    )


_MINIMAL = """
query_dirs = ["q"]
shipped_queries = false
[targets.main]
unix_socket = "/s"
user = "u"
database = "d"
"""

_JARGON = re.compile(
    r"Input should|valid (string|integer|number|boolean|list|dictionary)"
    r"|(int|string|bool|float|list|dict|model)_(type|parsing)"
    r"|(literal|value)_error"
    r"|pydantic|NoneType|<class|Traceback|datetime\.|MappingProxy|another value|\{'|\['",
)
_ODD: st.SearchStrategy[Any] = st.one_of(
    st.integers(-5, 100_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.sampled_from(
        [
            *(
                "",
                " ",
                "x",
                "1m",
                "0s",
                "*",
                "http://h",
                "/s",
                "low",
                "{",
                "{x}",
                "a.b",
                "SELECT 1 AS x",
            ),
            *("a@b", "{{ status | tojson }}", "{% if"),
        ]
    ),
    st.lists(st.sampled_from(["x", "plan", 1, True]), max_size=2),
    st.dictionaries(
        st.sampled_from(["x", "plan", "sql", "mode"]),
        st.sampled_from(["x", 1, "low"]),
        max_size=2,
    ),
)
_KEYS_BY_TABLE = {
    "": [
        "query_dirs", "shipped_queries", "recipes", "external_url", "runbook_base_url", "parameters", "targets",
        "queries", "rules", "receivers", "web", "state", "odd",
    ],
    "targets.t": [
        "host", "port", "unix_socket", "user", "password", "password_file", "password_env", "database",
        "max_connections", "labels", "tls", "queries", "except", "parameters", "odd",
    ],
    "receivers.r": [
        "kind", "urls", "url", "url_file", "headers", "min_severity", "match", "send_resolved", "watchdog",
        "timeout", "resend_delay", "repeat_interval", "header_files", "hmac_secret_file", "hmac_secret_env",
        "template", "template_file", "content_type", "routing_key_file", "routing_key_env", "host", "port",
        "from", "to", "tls", "ca_file", "user", "password", "password_file", "password_env", "odd",
    ],
    "web": ["listen", "config_file", "odd"],
    "state": ["directory", "retention", "odd"],
    "queries.balances": [
        "summary", "interval", "cron", "time_zone", "timeout", "max_rows", "needs", "enabled", "parameters",
        "metrics", "evidence", "schema", "rules", "odd",
    ],
    "queries.balances.metrics.m": ["help", "labels", "values", "value", "type", "null", "odd"],
    "rules.TokenLow": [
        "metric", "column", "by", "where", "above", "below", "equals", "not_equals", "absent", "for",
        "keep_firing_for", "severity", "summary", "description", "runbook", "labels", "annotations", "needs",
        "details", "evidence", "enabled", "odd",
    ],
}  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_the_values_are_it_loads_or_says_what_is_wrong_in_our_words(
    data: st.DataObject,
) -> None:
    table = data.draw(st.sampled_from(sorted(_KEYS_BY_TABLE)))
    keys = data.draw(
        st.lists(
            st.sampled_from(_KEYS_BY_TABLE[table]), min_size=1, max_size=4, unique=True
        )
    )
    lines = [f"{key} = {_toml(data.draw(_ODD))}" for key in keys]
    if table == "receivers.r" and "kind" not in keys:
        kinds = st.sampled_from(sorted(KINDS))
        lines.append(f'kind = "{data.draw(kinds)}"')
    if table:
        lines = ['query_dirs = ["q"]', "shipped_queries = false", f"[{table}]", *lines]
    elif "shipped_queries" not in keys:
        lines.append("shipped_queries = false")
    if table and table != "targets.t":
        lines += ["[targets.t]", 'unix_socket = "/s"', 'user = "u"', 'database = "d"']
    with tempfile.TemporaryDirectory(prefix="tm-") as folder:
        path = Path(folder) / "config.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        (Path(folder) / "q").mkdir()
        (Path(folder) / "q" / "balances.toml").write_text(_BALANCES)
        (Path(folder) / "q" / "balances.sql").write_text(
            "SELECT plan, low, :low AS x FROM b"
        )
        assert _JARGON.search(_message(path)) is None, _message(path)


_BALANCES = """
summary = "Balances"
[parameters]
low = 5
[metrics.m]
help = "Subscribers"
labels = ["plan"]
values = { status = ["low"] }
[rules.TokenLow]
metric = "m"
above = 0
severity = "info"
summary = "{value} {plan}"
"""


def _message(path: Path) -> str:
    try:
        load(path, {}, KINDS)
    except ConfigError as error:
        return str(error)
    return ""


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
            + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)
