"""The arithmetic of derived values: what a text is read as, against Python itself, and where it is wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.queries.arithmetic import ExpressionError, read_expression

NAMES = ("used", "limit", "a_1")
_numbers = st.sampled_from(["0", "1", "7", "2.5", ".5", "3.", "1e3", "2E-2", "0.1"])
_texts = st.recursive(
    st.one_of(_numbers, st.sampled_from(NAMES)),
    lambda inner: st.one_of(
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds(
            "{}{}{}".format, inner, st.sampled_from([" + ", "-", "* ", "/"]), inner
        ),
    ),
    max_leaves=12,
)
_values = st.fixed_dictionaries(
    {name: st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0]) for name in NAMES}
)


def by_python(text: str, values: dict[str, float]) -> float | None:
    """Return what Python makes of the same text; None where it divides by zero."""
    numbers = {name: float(value) for name, value in values.items()}
    try:
        return float(eval(text, {"__builtins__": {}}, numbers))
    except ZeroDivisionError:
        return None


@given(text=_texts, values=_values)
def test_a_text_means_what_it_means_to_python(
    text: str, values: dict[str, float]
) -> None:
    try:
        expression = read_expression(text)
    except ExpressionError as error:
        # The only fault that such a text can have: a divisor that is zero by its numbers alone.
        found, fault = None, str(error)
    else:
        found, fault = expression.value(values), "divides by zero"
    assert "divides by zero" in fault
    wanted = by_python(text, values)
    if found is None or wanted is None:
        assert found is wanted is None
    else:
        assert found == wanted or (math.isnan(found) and math.isnan(wanted))


@given(text=_texts)
def test_the_names_are_those_of_the_text(text: str) -> None:
    try:
        expression = read_expression(text)
    except ExpressionError:
        return
    assert expression.names == {name for name in NAMES if name in text}


@given(text=st.text(alphabet="ab1.e+-*/() \t,#'\"é", max_size=30))
def test_what_python_does_not_read_is_an_error_with_a_column_of_the_text(
    text: str,
) -> None:
    try:
        read_expression(text)
    except ExpressionError as error:
        column = int(str(error).removeprefix("column ").partition(":")[0])
        assert 1 <= column <= len(text) + 1
    else:
        compile(text.strip(), "value", "eval")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 1: the end where a number, a name or a parenthesis belongs"),
        ("a b", 'column 3: "b" where an operator belongs'),
        ("a // b", 'column 4: "/" where a number, a name or a parenthesis belongs'),
        ("(a", "column 3: the end where an operator or a closing parenthesis belongs"),
        ("a)", 'column 2: ")" where an operator belongs'),
        ("a(b)", 'column 2: "(" where an operator belongs'),
        (
            "a.b",
            'column 2: "."; allowed: + - * /, parentheses, numbers, names of inputs',
        ),
        ("+a", 'column 1: "+" where a number, a name or a parenthesis belongs'),
        ("1e999", 'column 1: "1e999" is too large'),
        ("a / (1 - 1)", "column 5: divides by zero, whatever the inputs"),
        ("a / 0 / b", "column 5: divides by zero, whatever the inputs"),
        ("(" * 51 + "a" + ")" * 51, "column 51: nests deeper than 50"),
        ("a" + "+a" * 250, "column 501: is longer than 500 characters"),
    ],
)
def test_a_fault_has_its_column(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_expression(text)
    assert str(caught.value) == message
