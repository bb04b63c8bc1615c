"""Read what one expects out of items of YAML; what is something else is told, and taken as not there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from monitor.config.toml.problems import Origin
from monitor.migration.report import ImportReport
from monitor.migration.yaml_tree import Item


def table_of(item: Item, report: ImportReport) -> Mapping[str, Item]:
    """Return a table's keys; nothing where there is none."""
    if item.table is not None:
        return item.table
    _tell_other(item, "a table of keys", report)
    return {}


def items_of(item: Item, report: ImportReport) -> list[Item]:
    """Return the items of a list; a single text is a list of one."""
    if item.items is not None:
        return list(item.items)
    if item.is_value:
        return [item]
    _tell_other(item, "a list", report)
    return []


def text_of(item: Item, report: ImportReport) -> str:
    """Return a text; empty where there is none, and of a variable that is not set, which is told."""
    if item.text is not None:
        return item.text
    if item.variable:
        message = f"is in the variable {item.variable}, which is not set here: set it, and import again"
        report.left(item.origin, message)
    else:
        _tell_other(item, "a text", report)
    return ""


def texts_of(item: Item, report: ImportReport) -> list[str]:
    """Return the texts of a list, each once."""
    texts: dict[str, None] = {}
    for one in items_of(item, report):
        texts[text_of(one, report)] = None
    return list(texts)


def text_table_of(item: Item, report: ImportReport) -> dict[str, str]:
    """Return a table of names and texts."""
    texts = {}
    for name, one in table_of(item, report).items():
        texts[name] = text_of(one, report)
    return texts


def note_keys(item: Item, remarks: Mapping[str, str], report: ImportReport) -> None:
    """Note of keys that need no counterpart what stands in their place."""
    _remark(item, remarks, report.note)


def left_keys(item: Item, remarks: Mapping[str, str], report: ImportReport) -> None:
    """Report of keys that have no counterpart what to do."""
    _remark(item, remarks, report.left)


def unknown_keys(item: Item, known: Collection[str], report: ImportReport) -> None:
    """Report every key that is none of those that are known, and what has no keys at all."""
    table_of(item, report)
    for key in item.keys - set(known):
        message = "is not known to this import, so it was left out"
        report.left(item.at(key).origin, message)


def _remark(
    item: Item, remarks: Mapping[str, str], say: Callable[[Origin, str], None]
) -> None:
    for key in item.keys & remarks.keys():
        say(item.at(key).origin, remarks[key])


def _tell_other(item: Item, wanted: str, report: ImportReport) -> None:
    """Report of an item that it is something else than what is wanted; not of one that is not there."""
    if item.is_there:
        report.left(item.origin, f"is not {wanted}, so nothing of it was taken")
