"""Write metric families in Prometheus's text format and OpenMetrics, faster than the library does; pure.

A line of a sample is the same in both formats; only the head of a family differs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from monitor.model.wording import readable

EOF = b"# EOF\n"
"""The last line of an OpenMetrics exposition: without it a scraper takes the page for cut off."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_ODD = re.compile(r'["\\\n]')
# The older format leaves a quote in HELP as it is.
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})

_OLDER_KINDS = MappingProxyType(
    {"unknown": "untyped", "stateset": "gauge", "info": "gauge"}
)
_SUFFIXES = MappingProxyType({"counter": "_total", "info": "_info"})
"""What the name of a sample has and that of its family has not, in OpenMetrics."""
_NONE: Mapping[str, str] = MappingProxyType({})
# What Python writes of a float that is not a number, as the formats want it.
_NOT_FINITE = MappingProxyType({"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"})


@dataclass(frozen=True, slots=True)
class Head:
    """HELP and TYPE of a family, in UTF-8, in each of the formats."""

    text: bytes
    openmetrics: bytes

    def of(self, *, is_openmetrics: bool) -> bytes:
        """Return it in one format."""
        return self.openmetrics if is_openmetrics else self.text


def head(name: str, help_text: str, kind: str) -> Head:
    """Return the head of a family; `name` is that of its metric, of a counter with _total."""
    help_text = readable(help_text)
    family = family_name(name, kind)
    # Here a counter's family has the name without _total, and an info's without _info: only the samples have it.
    openmetrics = _head(family, help_text.translate(_ESCAPES), kind)
    older_kind = _OLDER_KINDS.get(kind, kind)
    text = _head(name, help_text.translate(_HELP_ESCAPES), older_kind)
    return Head(text, openmetrics)


def family_name(name: str, kind: str) -> str:
    """Return the name that no other family may have: only a counter's is without _total, a gauge may end so."""
    return name.removesuffix(_SUFFIXES.get(kind, ""))


def _head(name: str, help_text: str, kind: str) -> bytes:
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n".encode()


def number(value: float) -> str:
    """Return a value as both formats have it; TypeError, ValueError or OverflowError of what is not a number."""
    text = repr(float(value))
    return _NOT_FINITE.get(text, text)


def escaped(value: str) -> str:
    """Return the value of a label as it stands between quotes; what UTF-8 cannot carry is replaced."""
    # Most values are plain: to look is cheaper than to translate.
    if value.isascii() and _ODD.search(value) is None:
        return value
    return readable(value).translate(_ESCAPES)


class LineFormat:
    """Writes the lines of the samples of one name that have the same labels, in the order of their names.

    `fixed` are labels whose values are the same in all of them, and win over others of their name.
    """

    def __init__(
        self, name: str, labels: Sequence[str], fixed: Mapping[str, str] = _NONE
    ) -> None:
        values = dict.fromkeys(labels, "%s")
        for label, value in fixed.items():
            values[label] = escaped(value).replace("%", "%%")
        names = sorted(values)
        pairs = ",".join([f'{label}="{values[label]}"' for label in names])
        self._format = f"{name}{{{pairs}}} %s\n" if pairs else f"{name} %s\n"
        self._places = [labels.index(label) for label in names if values[label] == "%s"]

    def line(self, values: Sequence[str], value: float) -> str:
        """Return the line of one sample; `values` are those of its labels, in the order that was given."""
        shown = [escaped(values[place]) for place in self._places]
        return self._format % (*shown, number(value))


class LabelledLine:
    """Writes the lines of one name for samples whose labels are written already, as many metrics share them."""

    def __init__(self, name: str) -> None:
        self._start = f"{name}{{"

    def line(self, labels: str, value: float) -> bytes:
        """Return the line of one sample, with its labels as `labels_text` gives them."""
        return f"{self._start}{labels}}} {number(value)}\n".encode()


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as they stand between the braces of a line."""
    return ",".join([f'{name}="{escaped(labels[name])}"' for name in sorted(labels)])
