"""Find the line of each key of a TOML text, for messages only; before the checks in the pipe, pure.

tomllib gives no positions after a good parse. This scanner knows where keys and values begin and end,
not what values mean; where it loses its way it gives what it has, since tomllib is the judge.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress
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
    # A wrong line is worse than none: where the scanner gets lost, what it has found is kept.
    with suppress(_LostError, RecursionError, tomllib.TOMLDecodeError):
        scanner.read()
    return scanner.lines


class _Scanner:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._arrays: dict[KeyPath, int] = {}
        """How many tables each `[[array]]` has so far."""

    def read(self) -> None:
        """Read to the end; `lines` is complete then."""
        table: KeyPath = ()
        self._read(_GAP)
        while self.at < len(self.text):
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
            self._read(_GAP)

    def _header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`, and return the path of the table that begins."""
        line = self._line()
        is_array = self.text.startswith("[[", self.at)
        opening, closing = ("[[", "]]") if is_array else ("[", "]")
        self._take(opening)
        *parents, last = self._keys()
        self._take(closing)
        path: KeyPath = ()
        for key in parents:
            path = self._into((*path, key), line)
        path = (*path, last)
        self.lines.setdefault(path, line)
        if is_array:
            position = self._arrays.get(path, 0)
            self._arrays[path] = position + 1
            path = (*path, position)
            self.lines[path] = line
        return path

    def _into(self, path: KeyPath, line: int) -> KeyPath:
        self.lines.setdefault(path, line)
        if path not in self._arrays:
            return path
        # [a.b] below [[a]] is in the last element of a.
        return (*path, self._arrays[path] - 1)

    def _pair(self, table: KeyPath) -> None:
        """Read `a.b = value`."""
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._take("=")
        self._read(_BLANK)
        self._value(path)

    def _keys(self) -> list[str]:
        """Read the keys of a dotted one."""
        keys = []
        while True:
            self._read(_BLANK)
            keys.append(_plain_key(self._read(_KEY)))
            self._read(_BLANK)
            if not self._is_next("."):
                return keys

    def _value(self, path: KeyPath) -> None:
        first = self._peek()
        if first == "[":
            self._list(path)
        elif first == "{":
            self._inline_table(path)
        elif first in ('"', "'"):
            self._read(_STRING)
        elif not self._read(_PLAIN):
            raise _LostError

    def _list(self, path: KeyPath) -> None:
        self._take("[")
        self._read(_GAP)
        position = 0
        while not self._is_next("]"):
            self.lines[(*path, position)] = self._line()
            self._value((*path, position))
            position += 1
            self._separator("]")

    def _inline_table(self, path: KeyPath) -> None:
        self._take("{")
        self._read(_GAP)
        while not self._is_next("}"):
            self._pair(path)
            self._separator("}")

    def _separator(self, end: str) -> None:
        """Read the comma behind an item; there may be none before the end."""
        self._read(_GAP)
        if not self._is_next(",") and self._peek() != end:
            raise _LostError
        self._read(_GAP)

    def _read(self, pattern: re.Pattern[str]) -> str:
        """Return what matches here, and go on behind it."""
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _LostError
        self.at = match.end()
        return match[0]

    def _take(self, wanted: str) -> None:
        """Go on behind this text, which must be here."""
        if not self._is_next(wanted):
            raise _LostError

    def _is_next(self, text: str) -> bool:
        """Return whether this text is here, and go on behind it."""
        is_here = self.text.startswith(text, self.at)
        self.at += len(text) if is_here else 0
        return is_here

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _line(self) -> int:
        return bisect_right(self._starts, self.at)


def _plain_key(written: str) -> str:
    """Return a key without its quotes, and what its escapes stand for."""
    if written[0] == "'":
        return written[1:-1]
    if written[0] == '"':
        return str(tomllib.loads(f"key = {written}")["key"])
    return written
