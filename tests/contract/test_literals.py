from __future__ import annotations

import pytest

from monitor.contract.filling import filled
from monitor.contract.languages import LANGUAGES
from monitor.contract.literals import literal_texts
from monitor.model.application import HOLE


def texts(ending: str, source: str) -> list[tuple[int, str]]:
    """Return the texts of a source with their lines; `…` stands for a hole."""
    found = literal_texts(source, LANGUAGES[ending])
    return [(one.line, one.text.replace(HOLE, "…")) for one in found]


@pytest.mark.parametrize(
    ("ending", "source", "expected"),
    [
        (".js", "a('x')", [(1, "x")]),
        (".js", "// 'no'\n/* \"no\n */ f(\"it's\")", [(3, "it's")]),
        (".ts", "`a ${b} c`", [(1, "a … c")]),
        (".ts", "`a ${f({x: 1})} ${y ? `z ${w}` : ''} c`", [(1, "a … … c")]),
        (".ts", "`a \\`b\\` \\${c}`", [(1, "a `b` ${c}")]),
        (".ts", "x = 'a' +\n  'b' + f(1, 'in') + 'c';", [(1, "ab…c")]),
        (".ts", "f('a' + b, 'c')", [(1, "a…"), (1, "c")]),
        (".js", "x = /['\"`]/g; y = 'a'", [(1, "a")]),
        (".tsx", "<p>Don't</p>\nq('a')", [(2, "a")]),
        (".jsx", "x = c ? 'a' : 'b'", [(1, "a"), (1, "b")]),
        (".py", "x = 'a' \"b\" # 'c'", [(1, "ab")]),
        (".py", "x = f'a {b!r} {{c}}' + d", [(1, "a … ……")]),
        (".py", 'x = """a\n%s""" % b', [(1, "a\n%s")]),
        (".py", "x = 'a {} {name}'.format(b)", [(1, "a … …")]),
        (".py", "x = r'a\\d'\ny = 'b'", [(1, "ad"), (2, "b")]),
        (".php", "it's <?php f('a $b'); ?> don't <?= 'c' ?>", [(1, "a $b"), (1, "c")]),
        (
            ".php",
            "<?php\n# can't\nf(\"a $b[x] {$c->d('e')} ${f} $g->h\");",
            [(3, "a … … … …")],
        ),
        (".php", "<?php f('a' . B . 'c' . (int) $d . 'e');", [(1, "a…c…e")]),
        (
            ".php",
            "<?php $q = <<<SQL\nSELECT $a\nSQL;\nf('b')",
            [(1, "SELECT …"), (4, "b")],
        ),
        (".php", "<?php $q = <<<'X'\nSELECT $a\n  X;", [(1, "SELECT $a")]),
    ],
)
def test_what_literals_say_together(
    ending: str, source: str, expected: list[tuple[int, str]]
) -> None:
    assert texts(ending, source) == expected


def test_to_which_variable_a_text_goes_and_whether_behind_what_it_has() -> None:
    source = "<?php $q = 'a'; $q .= 'b' . $c; f('d'); $this->sql = 'e';"
    found = literal_texts(source, LANGUAGES[".php"])
    assert [(one.variable, one.is_appended) for one in found] == [
        ("$q", False),
        ("$q", True),
        ("", False),
        ("sql", False),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT … FROM … WHERE …", "SELECT … FROM … WHERE …"),
        ("SELECT … a FROM t", "SELECT  a FROM t"),
        ("SELECT a FROM t … WHERE b", "SELECT a FROM t  WHERE b"),
        ("SELECT a FROM t WHERE b = … …", "SELECT a FROM t WHERE b = … "),
        ("SELECT a FROM t WHERE b … c", "SELECT a FROM t WHERE b = c"),
        ("SELECT a FROM t WHERE b … ?", "SELECT a FROM t WHERE b = …"),
        (
            "SELECT a FROM t ORDER BY … … LIMIT …, ?",
            "SELECT a FROM t ORDER BY …  LIMIT 1, 1",
        ),
        ("SELECT a FROM t LIMIT %d OFFSET %s", "SELECT a FROM t LIMIT 1 OFFSET 1"),
        ("a IN ? AND b IN (?) AND c IN (…)", "a IN (1) AND b IN (…) AND c IN (…)"),
        ("INSERT INTO t SET ?", "INSERT INTO t SET … = 1"),
        ("INSERT INTO t (a) VALUES ?", "INSERT INTO t (a) VALUES (1)"),
        ("UPDATE t SET … = 1, a = $1", "UPDATE t SET … = 1, a = …"),
        (
            "SELECT a FROM …users u WHERE u.… = :id",
            "SELECT a FROM …users u WHERE u.… = …",
        ),
        (
            "a = %(name)s AND b LIKE '%s%%' AND m % 2",
            "a = … AND b LIKE '…%%' AND m % 2",
        ),
        ("a > NOW() - INTERVAL ? DAY", "a > NOW() - INTERVAL 1 DAY"),
        ("`…` = ……", "`…` = …"),
    ],
)
def test_holes_are_filled_by_what_stands_around_them(text: str, expected: str) -> None:
    assert filled(text.replace("…", HOLE)).replace(HOLE, "…") == expected
