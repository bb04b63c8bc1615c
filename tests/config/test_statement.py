"""SQL texts to statements: parameters found where they are parameters, and nothing else changed."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.sql.statement import read_template
from monitor.model.settings import Scalar, Statement

_DECLARED: dict[str, Scalar] = {
    "low": 1000,
    "plan": "pro",
    "users": "users",
    "tokens": "tokens$1",
}


def _statement(text: str, values: Mapping[str, Scalar]) -> Statement:
    template = read_template(text)
    assert template.faults(values) == ()
    return template.statement(values)


@pytest.mark.parametrize(
    ("text", "expected", "parameters"),
    [
        ("SELECT :low AS x", "SELECT %(low)s AS x", ("low",)),
        (
            "SELECT :low, :plan, :low",
            "SELECT %(low)s, %(plan)s, %(low)s",
            ("low", "plan"),
        ),
        ("SELECT '12:30' AS t", "SELECT '12:30' AS t", ()),
        ("SELECT ':low' AS t, :low AS x", "SELECT ':low' AS t, %(low)s AS x", ("low",)),
        ("SELECT 'it''s :low' AS t", "SELECT 'it''s :low' AS t", ()),
        (r"SELECT 'it\'s :low' AS t", r"SELECT 'it\'s :low' AS t", ()),
        ('SELECT "a "":low" AS t', 'SELECT "a "":low" AS t', ()),
        ("SELECT `:low` FROM `a``:plan`", "SELECT `:low` FROM `a``:plan`", ()),
        (
            "SELECT 1 -- it's :low\n + :low",
            "SELECT 1 -- it's :low\n + %(low)s",
            ("low",),
        ),
        ("SELECT 1 # don't :low\n, 2", "SELECT 1 # don't :low\n, 2", ()),
        (
            "SELECT 1 /* it's :low */ + :low",
            "SELECT 1 /* it's :low */ + %(low)s",
            ("low",),
        ),
        ("SELECT 5--:low", "SELECT 5--%(low)s", ("low",)),
        ("SELECT 1 --", "SELECT 1 --", ()),
        ("SELECT @a := 5, b::low", "SELECT @a := 5, b::low", ()),
        ("SELECT x LIKE '%a%'", "SELECT x LIKE '%a%'", ()),
        (
            "SELECT x LIKE '%a%', 5 % 2, :low -- 5%",
            "SELECT x LIKE '%%a%%', 5 %% 2, %(low)s -- 5%%",
            ("low",),
        ),
        (
            "SELECT {tokens} % 2 FROM {users} u",
            "SELECT `tokens$1` % 2 FROM `users` u",
            (),
        ),
        (
            "SELECT '{users}', :users FROM {users}",
            "SELECT '{users}', %(users)s FROM `users`",
            ("users",),
        ),
        ("SELECT { d '2020-01-01' }", "SELECT { d '2020-01-01' }", ()),
        ("SELECT 1 AS x;", "SELECT 1 AS x", ()),
        (
            "SELECT ';' AS x ; ; -- the end; really\n",
            "SELECT ';' AS x   -- the end; really\n",
            (),
        ),
    ],
)
def test_a_text_becomes_a_statement(
    text: str, expected: str, parameters: tuple[str, ...]
) -> None:
    assert _statement(text, _DECLARED) == Statement(expected, parameters)


def test_extra_names_may_be_bound_too() -> None:
    template = read_template("SELECT :plan, :needs")
    assert template.faults({}, {"plan", "needs"}) == ()
    assert template.statement({}) == Statement(
        "SELECT %(plan)s, %(needs)s", ("plan", "needs")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT :lwo", 'line 1: unknown parameter ":lwo"; did you mean "low"?'),
        (
            "SELECT *\nFROM {user}",
            'line 2: unknown parameter "{user}"; did you mean "users"?',
        ),
        (
            "SELECT * FROM {low}",
            'line 1: {low} stands for "1000", which is not a name;'
            " allowed: letters, digits, _ and $, no digit first, at most 64",
        ),
        ("", "line 1: holds no statement"),
        ("-- nothing\n;", "line 1: holds no statement"),
        ("SELECT 'a\nb", "line 1: ' is never closed"),
        ("SELECT 1\n/* a", "line 2: /* is never closed"),
        (
            "DELETE FROM\n{user}",
            'line 1: "DELETE" is refused; allowed: SELECT, WITH … SELECT, SHOW;'
            ' line 2: unknown parameter "{user}"; did you mean "users"?',
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    faults = read_template(text).faults(_DECLARED)
    assert (
        "; ".join(f"line {fault.line}: {fault.message}" for fault in faults) == message
    )


@pytest.mark.parametrize(
    "name", ["", "a b", "a`b", "1a", "a.b", "a" * 65, "é", "a;", "a\n"]
)
def test_only_identifiers_are_put_into_a_text(name: str) -> None:
    assert read_template("SELECT * FROM {users}").faults({"users": name}) != ()


_PIECES = st.sampled_from(
    [
        " ", "\n", "%", "'a:low%'", "'it''s'", r"'\''", '"{users}"', "`a:plan`", "-- :low '\n",
        "# {users} \"\n",
        "/* :low ' */", ":low", ":plan", "{users}", "::low", ":=", "@x", "1e5", "12", ".5", "word", "é", ":",
        "{", "}", "-", "/", "*", "(", ")", ",", "%(low)s", "%s",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=20).map("".join))
def test_outside_its_parameters_a_text_is_unchanged(text: str) -> None:
    template = read_template(text)
    assert "".join(token.text for token in template.tokens) == text

    statement = template.statement({name: name for name in template.identifiers})

    wanted = "".join(
        f"`{token.name}`" if token.kind == "identifier" else token.text
        for token in template.tokens
    )
    if statement.parameters:
        # What the driver does; here each parameter gets its own spelling back.
        assert (
            statement.text % {name: f":{name}" for name in statement.parameters}
            == wanted
        )
    else:
        assert statement.text == wanted


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_scanned_and_judged(text: str) -> None:
    template = read_template(text)
    assert "".join(token.text for token in template.tokens) == text
    for fault in template.faults(_DECLARED):
        assert 1 <= fault.line <= text.count("\n") + 1
        assert re.search(r"\S", fault.message)
