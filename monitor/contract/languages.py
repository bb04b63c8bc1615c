"""How string literals look in the languages of an application: what begins one, what is put into it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from monitor.model.application import HOLE

_OTHER: Final = r"""
  | (?P<word>[A-Za-z_$\u0080-\U0010ffff][\w$]*)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<sign>->|::|=>|\.=|\+=|\+\+|&&|\|\||\?\?|\.\.\.|[=!<>]=+|[^\s])
"""
"""What is between literals: it says where a concatenation goes on, and to which variable a literal goes."""

_JAVASCRIPT: Final = r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<regex>(?<=[=(,:!&|?{};])\s*/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/)
  | (?P<string>
        `(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}`]|\{[^{}]*\}|`(?:[^`\\]|\\.)*`)*\})*`
      | '(?:[^'\\\n]|\\.)*'
      | "(?:[^"\\\n]|\\.)*"
    )
"""
_PYTHON: Final = r"""
    (?P<comment>\#[^\n]*)
  | (?P<string>
        [rRbBfFuUtT]{0,2}(?:
            \"\"\"(?:[^\\]|\\.)*?\"\"\"
          | '''(?:[^\\]|\\.)*?'''
          | '(?:[^'\\\n]|\\.)*'
          | "(?:[^"\\\n]|\\.)*"
        )
    )
"""
_PHP: Final = r"""
    (?P<comment>(?://|\#(?!\[))(?:(?!\?>)[^\n])*|/\*.*?\*/)
  | (?P<string>
        <<<[ \t]*(?P<quote>['"]?)(?P<label>\w+)(?P=quote)\n.*?\n[ \t]*(?P=label)\b
      | '(?:[^'\\]|\\.)*'
      | "(?:[^"\\]|\\.)*"
    )
"""
_IN_TEMPLATE: Final = r"(?<!\\)\$\{(?:[^{}`]|\{[^{}]*\}|`(?:[^`\\]|\\.)*`)*\}"
_IN_BRACES: Final = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_IN_PHP: Final = (
    r"\{\$(?:[^{}]|\{[^{}]*\})*\}"
    r"|(?<!\\)(?:\$\{[^}]*\}|\$[A-Za-z_]\w*(?:->\w+|\[[^\]\n]*\])?)"
)
_FORMATTED: Final = r"\{\w*\}"

_OUTSIDE_PHP: Final = re.compile(
    r"\A.*?(?:<\?php\b|<\?=|\Z)|\?>.*?(?:<\?php\b|<\?=|\Z)", re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_ESCAPED: Final[Mapping[str, str]] = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\n": "",
    "\r\n": "",
}


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes literals."""

    literals: re.Pattern[str]
    """Literals, and what looks like one: comments, regular expressions."""
    tokens: re.Pattern[str]
    """The same, and what is between them."""
    concatenation: str
    """The sign between two texts that become one."""
    holes: Mapping[str, re.Pattern[str]]
    """What is put into a literal, by how that begins; the first that fits."""
    joins_neighbours: bool = False
    """Whether literals side by side are one."""
    is_php: bool = False

    def text_of(self, literal: str) -> str:
        """Return what a literal says, with a hole for whatever is put into it."""
        body = _body(literal)
        for begin, hole in self.holes.items():
            if re.match(begin, literal):
                body = hole.sub(HOLE, body)
                break
        return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), body)

    def code_of(self, text: str) -> str:
        """Return a file without what is not code, on as many lines."""
        if not self.is_php:
            return text
        return _OUTSIDE_PHP.sub(lambda match: "\n" * match[0].count("\n") + " ", text)


def _body(literal: str) -> str:
    """Return what is between the marks of a literal."""
    if literal.startswith("<<<"):
        lines = literal.split("\n")
        return "\n".join(lines[1:-1])
    marks = literal.lstrip("rRbBfFuUtT")
    width = 3 if marks[:3] in ('"""', "'''") else 1
    return marks[width:-width]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.VERBOSE | re.DOTALL)


_ANYTHING: Final = r""
_SCRIPT: Final = Language(
    literals=_pattern(_JAVASCRIPT),
    tokens=_pattern(_JAVASCRIPT + _OTHER),
    concatenation="+",
    holes={"`": re.compile(_IN_TEMPLATE)},
)
_OF_PYTHON: Final = Language(
    literals=_pattern(_PYTHON),
    tokens=_pattern(_PYTHON + _OTHER),
    concatenation="+",
    holes={
        r"[rR]?[fFtT]": re.compile(_IN_BRACES),
        _ANYTHING: re.compile(_FORMATTED),
    },
    joins_neighbours=True,
)
_OF_PHP: Final = Language(
    literals=_pattern(_PHP),
    tokens=_pattern(_PHP + _OTHER),
    concatenation=".",
    holes={
        r"\"|<<<[ \t]*[\"\w]": re.compile(_IN_PHP),
    },
    is_php=True,
)
LANGUAGES: Final[Mapping[str, Language]] = {
    ".ts": _SCRIPT,
    ".tsx": _SCRIPT,
    ".js": _SCRIPT,
    ".jsx": _SCRIPT,
    ".mjs": _SCRIPT,
    ".cjs": _SCRIPT,
    ".py": _OF_PYTHON,
    ".php": _OF_PHP,
}
"""The languages in whose literals SQL is looked for, by the ending of their files."""
