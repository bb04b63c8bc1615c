"""Write metric families in Prometheus's text format or OpenMetrics, faster than the library does; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

from prometheus_client import Metric
from prometheus_client.samples import Sample

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
EOF = b"# EOF\n"
"""The last line of an OpenMetrics exposition: without it a scraper takes the page for cut off."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
# The older format leaves a quote in HELP as it is.
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})

# What Python writes of a float that is not a number, as the formats want it.
_NOT_FINITE = MappingProxyType({"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"})

_OPENMETRICS_TYPE = "application/openmetrics-text"
_TEXT_TYPE = "text/plain"
_OUR_OPENMETRICS = "1.0.0"


@dataclass(frozen=True, slots=True)
class _MediaRange:
    """One of the formats that an Accept header lists."""

    kind: str
    version: str
    quality: float

    @property
    def is_ours(self) -> bool:
        """Return whether we can write it: whatever version of text is asked for, 0.0.4 is understood."""
        if self.kind == _OPENMETRICS_TYPE:
            return self.version == _OUR_OPENMETRICS
        return self.kind == _TEXT_TYPE


def written(family: Metric, *, is_openmetrics: bool) -> bytes:
    """Return one family, whole lines in UTF-8: HELP, TYPE, then its samples in their order.

    Raises TypeError, ValueError or AttributeError where one of its values cannot be written.
    """
    head = _openmetrics_head(family) if is_openmetrics else _text_head(family)
    lines = [*head, *_lines(family.samples), ""]
    return "\n".join(lines).encode()


def prefers_openmetrics(accept: str) -> bool:
    """Read an Accept header as far as we have a choice: OpenMetrics 1.0.0, or the text format 0.0.4."""
    best = {_OPENMETRICS_TYPE: 0.0, _TEXT_TYPE: 0.0}
    for one in _media_ranges(accept):
        if one.is_ours:
            best[one.kind] = max(best[one.kind], one.quality)
    return best[_OPENMETRICS_TYPE] > best[_TEXT_TYPE]


def _openmetrics_head(family: Metric) -> tuple[str, str]:
    # A counter's family has the name without _total here, and only its sample has it.
    text = family.documentation.translate(_ESCAPES)
    return f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.type}"


def _text_head(family: Metric) -> tuple[str, str]:
    name = family.name
    kind = family.type
    if kind == "counter":
        # Here the family has the name of its sample.
        name = f"{family.name}_total"
    elif kind == "unknown":
        kind = "untyped"
    text = family.documentation.translate(_HELP_ESCAPES)
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _lines(samples: Iterable[Sample]) -> Iterator[str]:
    """Yield the line of each sample; in one function, since a scrape can have a hundred thousand."""
    for sample in samples:
        number = repr(float(sample.value))
        if not isfinite(sample.value):
            number = _NOT_FINITE[number]
        if not sample.labels:
            yield f"{sample.name} {number}"
            continue
        labels = ",".join(
            [
                f'{name}="{_escaped(value)}"'
                for name, value in sorted(sample.labels.items())
            ]
        )
        yield f"{sample.name}{{{labels}}} {number}"


def _escaped(value: str) -> str:
    # Most values are names: to look is cheaper than to translate.
    return value if value.isalnum() else value.translate(_ESCAPES)


def _media_ranges(accept: str) -> Iterator[_MediaRange]:
    """Yield what an Accept header lists, but for what has no number as its quality."""
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        options = dict(one.split("=", 1) for one in parameters if "=" in one)
        version = options.get("version", _OUR_OPENMETRICS).strip('"')
        try:
            quality = float(options.get("q", "1"))
        except ValueError:
            continue
        yield _MediaRange(kind, version, quality)
