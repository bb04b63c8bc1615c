"""Find the line of each key of a TOML text, for messages only; before the checks in the pipe, pure.

tomllib gives no positions after a good parse. This scanner knows where keys and values begin and end,
not what values mean; where it loses its way it gives what it has, since tomllib is the judge.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys, and positions in lists, from the top of the file."""

_BLANK = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
# The four kinds of strings; those of three quotes may end in up to two more of them.
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\[\]{}\",'#\r\n]*")


class _LostError(Exception):
    """The text is not the TOML that this scanner knows."""


def line_map(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, on which each key and each item of a list begins."""
    scanner = _Scanner(text)
    try:
        scanner.read()
    # A wrong line is worse than none, so what was found before the scanner got lost is kept and no more.
    except (_LostError, RecursionError, tomllib.TOMLDecodeError):
        return scanner.lines
    return scanner.lines


class _Scanner:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._arrays: dict[KeyPath, int] = {}

    def read(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_GAP)
            if self.at >= len(self.text):
                return
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        line = self._line()
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        *parents, last = self._keys()
        self._take("]]" if is_array else "]")
        path: KeyPath = ()
        for key in parents:
            path = self._into((*path, key), line)
        path = (*path, last)
        self.lines.setdefault(path, line)
        if is_array:
            self._arrays[path] = self._arrays.get(path, 0) + 1
            path = (*path, self._arrays[path] - 1)
            self.lines[path] = line
        return path

    def _into(self, path: KeyPath, line: int) -> KeyPath:
        # [a.b] below [[a]] means the last element of a.
        self.lines.setdefault(path, line)
        return (*path, self._arrays[path] - 1) if path in self._arrays else path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._take("=")
        self._skip(_BLANK)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_BLANK)
            match = _KEY.match(self.text, self.at)
            if match is None:
                raise _LostError
            self.at = match.end()
            keys.append(_plain_key(match[0]))
            self._skip(_BLANK)
            if self._peek() != ".":
                return keys
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        first = self._peek()
        if first == "[":
            self._list(path)
        elif first == "{":
            self._inline_table(path)
        else:
            match = (_STRING if first in ('"', "'") else _PLAIN).match(
                self.text, self.at
            )
            if match is None or not match[0]:
                raise _LostError
            self.at = match.end()

    def _list(self, path: KeyPath) -> None:
        self.at += 1
        position = 0
        while True:
            self._skip(_GAP)
            if self._peek() == "]":
                self.at += 1
                return
            self.lines[(*path, position)] = self._line()
            self._value((*path, position))
            position += 1
            self._separator("]")

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while True:
            self._skip(_GAP)
            if self._peek() == "}":
                self.at += 1
                return
            self._pair(path)
            self._separator("}")

    def _separator(self, end: str) -> None:
        self._skip(_GAP)
        if self._peek() == ",":
            self.at += 1
        elif self._peek() != end:
            raise _LostError

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _take(self, wanted: str) -> None:
        if not self.text.startswith(wanted, self.at):
            raise _LostError
        self.at += len(wanted)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _line(self) -> int:
        return bisect_right(self._starts, self.at)


def _plain_key(written: str) -> str:
    if written[0] == "'":
        return written[1:-1]
    if written[0] == '"':
        return str(tomllib.loads(f"key = {written}")["key"])
    return written
