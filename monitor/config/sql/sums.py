"""Tell whether the rows of a statement can be added up from piece to piece, from its text alone; pure.

It looks at the outermost SELECT: labels that are grouped by, counts and sums. An average, a maximum or a count
of distinct values of a whole table is nothing that those of its pieces add up to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from monitor.config.sql.lexer import Token, code_of
from monitor.config.sql.read_only import Fault
from monitor.config.sql.statement import Template

_SUMS: Final = frozenset({"COUNT", "SUM"})
_WITH_ZERO: Final = frozenset({"COALESCE", "IFNULL", "NULLIF"})
"""What may stand around a sum, with a 0: they leave it as it is where there is one."""
_NOT_SUMMABLE: Final = {
    "UNION": "UNION is refused in a sweep's outermost SELECT: put it into a derived table",
    "EXCEPT": "EXCEPT is refused in a sweep's outermost SELECT: put it into a derived table",
    "INTERSECT": "INTERSECT is refused in a sweep's outermost SELECT: put it into a derived table",
    "HAVING": "HAVING is refused in a sweep's outermost SELECT: what it leaves out of a piece would count elsewhere",
    "LIMIT": "LIMIT is refused in a sweep's outermost SELECT: each piece would leave out rows of its own",
    "DISTINCT": "DISTINCT is refused in a sweep's outermost SELECT: GROUP BY the labels",
    "ROLLUP": "WITH ROLLUP is refused in a sweep: its total would be added to what it is the total of",
}
_ADVICE: Final = (
    "write COUNT(…), SUM(…) or COALESCE(SUM(…), 0) AS the column: pieces are added up"
)


@dataclass(frozen=True, slots=True)
class _SelectColumn:
    """A column of the outermost SELECT: what it is computed of, and where it begins."""

    expression: Sequence[Token]
    at: Token

    @property
    def summed(self) -> str:
        """Return COUNT or SUM where it is nothing else, or one with a 0 in place of NULL; empty for any other."""
        return _summed(self.expression)


@dataclass(frozen=True, slots=True)
class _OuterSelect:
    """The outermost SELECT of a statement, without any columns where there is none."""

    columns: Mapping[str, _SelectColumn]
    words: Mapping[str, Token]
    """What stands outside of parentheses, each word where it is first."""


def sum_faults(
    template: Template, labels: Collection[str], values: Collection[str]
) -> Iterator[Fault]:
    """Yield why the rows of a statement cannot be added up; `labels` and `values` are columns."""
    select = _outer_select(template)
    for word, message in _NOT_SUMMABLE.items():
        if word in select.words:
            line = _line(template, select.words[word])
            yield Fault(line, message)
    for name in dict.fromkeys(values):
        column = select.columns.get(name)
        if column is None:
            message = f'"{name}" is no column of the outermost SELECT; {_ADVICE}'
            yield Fault(1, message)
        elif not column.summed:
            line = _line(template, column.at)
            yield Fault(line, f'"{name}" is not a count or a sum; {_ADVICE}')
    if labels and "GROUP" not in select.words:
        names = ", ".join(dict.fromkeys(labels))
        yield Fault(1, f"has labels and no GROUP BY {names}")


def counted_columns(template: Template) -> frozenset[str]:
    """Return the columns of the outermost SELECT that are counts: no piece takes anything off them."""
    columns = _outer_select(template).columns
    return frozenset(
        name for name, column in columns.items() if column.summed == "COUNT"
    )


def _outer_select(template: Template) -> _OuterSelect:
    code = code_of(template.tokens)
    depths = _depths(code)
    outer = [at for at, depth in enumerate(depths) if depth == 0]
    words: dict[str, Token] = {}
    places: dict[str, int] = {}
    for at in outer:
        words.setdefault(code[at].word, code[at])
        places.setdefault(code[at].word, at)
    begin = places.get("SELECT", len(code))
    end = places.get("FROM", len(code))
    commas = [at for at in outer if code[at].text == "," and begin < at < end]
    columns: dict[str, _SelectColumn] = {}
    for before, behind in pairwise([begin, *commas, end]):
        item = code[before + 1 : behind]
        # A statement that is no SQL is the server's to refuse.
        if item:
            columns[item[-1].name] = _column(item)
    return _OuterSelect(
        columns=columns,
        words=words,
    )


def _depths(code: Sequence[Token]) -> list[int]:
    """Return in how many parentheses each token stands; one of them stands where what it encloses does not."""
    depths: list[int] = []
    depth = 0
    for token in code:
        depth -= token.text == ")"
        depths.append(depth)
        depth += token.text == "("
    return depths


def _column(item: Sequence[Token]) -> _SelectColumn:
    """Return a column by its tokens, of which the last is its name."""
    expression = list(item[:-1])
    if _texts(expression[-1:]) == ["AS"]:
        expression.pop()
    return _SelectColumn(
        expression=expression,
        at=item[0],
    )


def _summed(expression: Sequence[Token]) -> str:
    """Return COUNT or SUM where an expression is nothing but that, or one in COALESCE(…, 0); else nothing."""
    # Outside of parentheses there are a word and a pair of them, at the end, with something in it.
    is_call = _depths(expression).count(0) == 3
    if not is_call:
        return ""
    function = expression[0].word
    inside = expression[2:-1]
    if function in _SUMS and _texts(inside[:1]) != ["DISTINCT"]:
        return function
    if function in _WITH_ZERO and _texts(inside[-2:]) == [",", "0"]:
        return _summed(inside[:-2])
    return ""


def _texts(tokens: Sequence[Token]) -> list[str]:
    return [token.text.upper() for token in tokens]


def _line(template: Template, token: Token) -> int:
    return 1 + template.text.count("\n", 0, token.start)
