"""The line of each key of a TOML text: what tomllib reads, the map must place."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.toml.lines import KeyPath, line_map

_DOCUMENT = '''\
# a comment with "quotes" and [brackets]
top = 1
"quoted.key" = 'literal \\'

[a.b]   # [not.this]
list = [
  1,    # ]
  { c = "}", d.e = [2] },
]
text = """
[not.a.header]
key = 1 \\""" still""""
raw = \'\'\'
x = 1\'\'\'\'
[[many]]
x = 1979-05-27 07:32:00
[[many]]
[many.inner]
y.z = 0xFF
[[many.deep]]
k = true
'''


def test_every_kind_of_key_gets_its_line() -> None:
    assert line_map(_DOCUMENT) == {
        ("top",): 2,
        ("quoted.key",): 3,
        ("a",): 5,
        ("a", "b"): 5,
        ("a", "b", "list"): 6,
        ("a", "b", "list", 0): 7,
        ("a", "b", "list", 1): 8,
        ("a", "b", "list", 1, "c"): 8,
        ("a", "b", "list", 1, "d"): 8,
        ("a", "b", "list", 1, "d", "e"): 8,
        ("a", "b", "list", 1, "d", "e", 0): 8,
        ("a", "b", "text"): 10,
        ("a", "b", "raw"): 13,
        ("many",): 15,
        ("many", 0): 15,
        ("many", 0, "x"): 16,
        ("many", 1): 17,
        ("many", 1, "inner"): 18,
        ("many", 1, "inner", "y"): 19,
        ("many", 1, "inner", "y", "z"): 19,
        ("many", 1, "deep"): 20,
        ("many", 1, "deep", 0): 20,
        ("many", 1, "deep", 0, "k"): 21,
    }
    assert set(line_map(_DOCUMENT)) == set(_paths(tomllib.loads(_DOCUMENT)))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("a = 1\n[b\nc = 2\n", {("a",): 1}),
        ("a = 1\n= 2\n", {("a",): 1}),
        ('a = 1\nb = "open\nc = 3\n', {("a",): 1, ("b",): 2}),
        ('a = 1\n"\\q" = 2\n', {("a",): 1}),
        ("a = [1 2]\nb = 3\n", {("a",): 1, ("a", 0): 1}),
    ],
)
def test_a_text_that_is_not_toml_gives_what_was_read_so_far(
    text: str, known: dict[KeyPath, int]
) -> None:
    found = line_map(text)
    assert {path: found.get(path) for path in known} == known


def test_a_very_deep_text_is_given_up_quietly() -> None:
    assert ("a",) in line_map("a = " + "[" * 100_000)


@settings(deadline=None)
@given(st.text(alphabet="ab=.[]{}\"'\\\n#, 1\r", max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    for line in line_map(text).values():
        assert 1 <= line <= text.count("\n") + 1


@dataclass
class _Written:
    """A TOML text as it is written, with the line on which each key was put."""

    lines: list[str] = field(default_factory=list)
    places: dict[KeyPath, int] = field(default_factory=dict)


_KEYS = st.one_of(
    st.text(alphabet="abc_-1", min_size=1, max_size=4),
    st.text(alphabet="a.[]# \"'=\\é", min_size=1, max_size=4),
)
_SCALARS = st.one_of(
    st.integers(-10, 10),
    st.booleans(),
    st.sampled_from([0.5, -1e9]),
    st.text(alphabet="a]}#,\"'\\=\n[é", max_size=8),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)
_TABLES = st.dictionaries(
    _KEYS, st.dictionaries(_KEYS, _VALUES, max_size=4), max_size=4
)


@settings(deadline=None)
@given(
    tables=_TABLES,
    arrays=st.dictionaries(
        _KEYS,
        st.lists(st.dictionaries(_KEYS, _VALUES, max_size=2), min_size=1, max_size=3),
    ),
    gaps=st.lists(st.sampled_from(["", "# note = [", "   "]), max_size=3),
)
def test_whatever_tomllib_reads_has_its_line(
    tables: dict[str, dict[str, Any]],
    arrays: dict[str, list[dict[str, Any]]],
    gaps: list[str],
) -> None:
    arrays = {name: items for name, items in arrays.items() if name not in tables}
    written = _Written()
    for name, table in tables.items():
        written.lines += gaps
        written.lines.append(f"[{_key(name)}]")
        written.places[(name,)] = len(written.lines)
        _write_pairs(written, (name,), table)
    for name, items in arrays.items():
        for position, item in enumerate(items):
            written.lines.append(f"[[ {_key(name)} ]] # ]")
            written.places.setdefault((name,), len(written.lines))
            written.places[(name, position)] = len(written.lines)
            _write_pairs(written, (name, position), item)
    text = "\n".join(written.lines)

    data = tomllib.loads(text)

    assert data == {**tables, **arrays}
    assert line_map(text) == written.places
    assert set(written.places) == set(_paths(data))


def _write_pairs(written: _Written, table: KeyPath, pairs: dict[str, Any]) -> None:
    for key, value in pairs.items():
        written.lines.append(f"{_key(key)} = ")
        written.places[(*table, key)] = len(written.lines)
        _write_value(written, (*table, key), value)


def _write_value(written: _Written, path: KeyPath, value: Any) -> None:
    if isinstance(value, list):
        written.lines[-1] += "["
        for position, item in enumerate(value):
            written.lines.append("  ")
            written.places[(*path, position)] = len(written.lines)
            _write_value(written, (*path, position), item)
            written.lines[-1] += ", # ]"
        written.lines.append("]")
    elif isinstance(value, dict):
        written.lines[-1] += "{ "
        for position, (key, item) in enumerate(value.items()):
            written.lines[-1] += f"{', ' if position else ''}{_key(key)} = "
            written.places[(*path, key)] = len(written.lines)
            _write_value(written, (*path, key), item)
        written.lines[-1] += " }"
    elif isinstance(value, str) and "\n" in value and "'" not in value:
        written.lines[-1] += "'''"
        # A line break just after the quotes is not part of the text.
        written.lines += value.split("\n")
        written.lines[-1] += "'''"
    else:
        written.lines[-1] += json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    is_bare = key.replace("-", "a").replace("_", "a").isalnum() and key.isascii()
    return key if is_bare else json.dumps(key, ensure_ascii=False)


def _paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    found = [] if path == () else [path]
    for key, item in items:
        found += _paths(item, (*path, key))
    return found
