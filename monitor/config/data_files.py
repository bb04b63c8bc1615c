"""YAML and JSON texts to plain data, and the line of each key in them; for what is no TOML of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from monitor.config.toml.lines import KeyPath
from monitor.config.toml.problems import Origin

_MAX_DEPTH: Final = 50


class DataError(ValueError):
    """A text that is neither; says why, and the line where that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def parse_yaml(text: str) -> Any:
    """Return what a YAML text holds, None of an empty one; DataError where it is no YAML."""
    import yaml  # only who has such a file pays for it

    try:
        # libyaml, where PyYAML was built with it: ten times as fast on a list of thousands. What it does
        # not take is read again, for words that are the same on every machine.
        with suppress(yaml.YAMLError, AttributeError):
            if _depth(text) < _MAX_DEPTH:
                return yaml.load(text, yaml.CSafeLoader)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        # Most of PyYAML's errors have a problem and the mark of where it is, counted from 0.
        said = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise DataError(f"no valid YAML: {said}", line) from error
    # Of a date that is none, a number, a tag or a depth it raises whatever Python does.
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise DataError(f"no valid YAML: {error}") from error


def _depth(text: str) -> int:
    """Return how deep a YAML text is nested: libyaml's loader has no bound of its own, and would crash."""
    import yaml

    depth = deepest = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return deepest


def parse_json(text: str) -> Any:
    """Return what a JSON text holds; DataError where it is no JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"no valid JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:  # digits, or depth, without end
        raise DataError("no valid JSON that can be read") from error


class Lines(Mapping[KeyPath, Origin]):
    """Where each key and item of a YAML or JSON text stands; looked for when it is first asked, for a message."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text

    def __getitem__(self, path: KeyPath) -> Origin:
        return self._origins[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)

    @cached_property
    def _origins(self) -> dict[KeyPath, Origin]:
        import yaml

        found: dict[KeyPath, Origin] = {(): Origin(self._file)}
        try:
            root = yaml.compose(self._text, yaml.SafeLoader)
        except (yaml.YAMLError, ValueError, RecursionError):
            return found  # JSON that is no YAML, as with tabs: then without lines
        for path, line in _lines_below(root, ()):
            found[path] = Origin(self._file, line, path)
        found[()] = Origin(self._file)
        return found


def _lines_below(node: Any, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    """Yield the line of each key and item below a node of YAML, counted from 1."""
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if node.id == "sequence":
        for position, item in enumerate(node.value):
            yield from _lines_below(item, (*path, position))
    elif node.id == "mapping":
        for key, value in node.value:
            yield from _lines_below(value, (*path, str(key.value)))
            # That of the key: a value may begin on the next line.
            yield (*path, str(key.value)), key.start_mark.line + 1
