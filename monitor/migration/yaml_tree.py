"""Read a YAML file of another program into items that know their lines and tags; before all mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from monitor.config.data_files import DataError
from monitor.config.toml.lines import KeyPath
from monitor.config.toml.problems import Origin

if TYPE_CHECKING:
    import yaml


class NamedFiles(Protocol):
    """The files that a configuration names, taken from the folder of its first one."""

    def read(self, name: str) -> str:
        """Return the text of a file; DataError where it cannot be read."""

    def find(self, pattern: str) -> Sequence[str]:
        """Return the names of the files that fit a pattern, in order."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a YAML file: a table, a list or a scalar, and where it stands."""

    origin: Origin
    table: Mapping[str, Item] | None = None
    items: Sequence[Item] | None = None
    text: str | None = None
    """Of a scalar, as it is written; None of null, and of a variable that is not set."""
    value: object = None
    """Of a scalar, as YAML reads it."""
    variable: str = ""
    """The environment variable that it is taken from."""

    @property
    def is_value(self) -> bool:
        """Return whether it is a scalar that says something, be it by a variable; null does not."""
        return self.text is not None or bool(self.variable)

    @property
    def is_there(self) -> bool:
        """Return whether it is a value, a table or a list."""
        return self.is_value or self.table is not None or self.items is not None

    @property
    def keys(self) -> set[str]:
        """Return the keys of a table; nothing of what is none."""
        return set(self.table or ())

    def at(self, key: str) -> Item:
        """Return what stands below a key; where there is none, an item without anything, of this place."""
        below = self.table or {}
        return below.get(key, Item(self.origin))


@dataclass(frozen=True, slots=True)
class TreeReader:
    """Reads files into items; `!include`, `!file` and `!env` are followed, as query-exporter does."""

    files: NamedFiles
    environment: Mapping[str, str] = field(default_factory=dict)

    def read(self, file: str, text: str) -> Item:
        """Return what a YAML text holds; DataError where it is no YAML."""
        import yaml  # only this command pays for it

        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if node is None:
                raise DataError("is empty")
            return self._item(loader, node, Origin(file, node.start_mark.line + 1))
        except yaml.YAMLError as error:
            said = getattr(error, "problem", None) or str(error)
            mark = getattr(error, "problem_mark", None)
            line = None if mark is None else mark.line + 1
            raise DataError(f"no valid YAML: {said}", line) from error
        # Of a date that is none, or an anchor within itself, it raises whatever Python does.
        except (ValueError, TypeError, RecursionError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"no valid YAML: {error}") from error

    def _item(
        self, loader: yaml.SafeLoader, node: yaml.nodes.Node, origin: Origin
    ) -> Item:
        import yaml

        match node:
            case yaml.nodes.MappingNode():
                loader.flatten_mapping(node)
                return Item(origin, table=self._table(loader, node, origin))
            case yaml.nodes.SequenceNode():
                return Item(origin, items=self._list(loader, node, origin))
            case _:
                return self._scalar(loader, node, origin)

    def _table(
        self, loader: yaml.SafeLoader, node: yaml.nodes.MappingNode, origin: Origin
    ) -> dict[str, Item]:
        table = {}
        for key, value in node.value:
            name = str(key.value)
            # The line of the key: a value may begin on the next one.
            at = _below(origin, name, key.start_mark.line + 1)
            table[name] = self._item(loader, value, at)
        return table

    def _list(
        self, loader: yaml.SafeLoader, node: yaml.nodes.SequenceNode, origin: Origin
    ) -> list[Item]:
        items = []
        for position, value in enumerate(node.value):
            at = _below(origin, position, value.start_mark.line + 1)
            items.append(self._item(loader, value, at))
        return items

    def _scalar(
        self, loader: yaml.SafeLoader, node: yaml.nodes.Node, origin: Origin
    ) -> Item:
        written = str(node.value)
        match node.tag:
            case "!include":
                return self.read(written, self.files.read(written))
            case "!file":
                text = self.files.read(written).strip()
                return Item(origin, text=text, value=text)
            case "!env":
                return self._variable(written, origin)
            case _:
                value = loader.construct_object(node)
                if value is None:
                    return Item(origin)
                return Item(origin, text=written, value=value)

    def _variable(self, name: str, origin: Origin) -> Item:
        """Return the value of an environment variable, which query-exporter reads as YAML."""
        if name not in self.environment:
            return Item(origin, variable=name)
        inner = self.read(origin.file, self.environment[name])
        return replace(inner, origin=origin, variable=name)


def _below(origin: Origin, key: str | int, line: int) -> Origin:
    path: KeyPath = (*origin.key, key)
    return Origin(origin.file, line, path)
