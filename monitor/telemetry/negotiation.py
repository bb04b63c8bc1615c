"""Choose what a scraper gets by its Accept headers: format, its content type, gzip or not; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_OPENMETRICS_TYPE = "application/openmetrics-text"
_TEXT_TYPE = "text/plain"
_OUR_OPENMETRICS = "1.0.0"
_ESCAPING: Mapping[str, str] = MappingProxyType(
    {
        "allow-utf-8": "; escaping=allow-utf-8",
        "underscores": "; escaping=underscores",
        "values": "; escaping=values",
        # This one would double the underscores of names that need no escaping at all.
        "dots": "; escaping=underscores",
    }
)
"""How a scraper wants odd names escaped, and what is said of ours, none of which is odd."""


@dataclass(frozen=True, slots=True)
class ScrapeFormat:
    """What is written, the content type that says so, and whether it is gzipped."""

    is_openmetrics: bool
    content_type: str
    is_gzipped: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of those that an Accept header lists."""

    name: str
    quality: float
    options: Mapping[str, str]

    @property
    def is_openmetrics(self) -> bool:
        """Return whether it is the version of OpenMetrics that we write."""
        version = self.options.get("version", _OUR_OPENMETRICS)
        return self.name == _OPENMETRICS_TYPE and version == _OUR_OPENMETRICS


_NONE = _Choice("", 0.0, {})


def negotiated(accept: str, accept_encoding: str = "") -> ScrapeFormat:
    """Read the headers as far as we have a choice: OpenMetrics 1.0.0, or the text format 0.0.4; gzip or not.

    Prometheus 3 says how names that are not plain are to be escaped, and wants to hear it again.
    """
    text, openmetrics = _NONE, _NONE
    for choice in _choices(accept):
        # Whatever version of text is asked for, 0.0.4 is understood.
        if choice.name == _TEXT_TYPE:
            text = _better(text, choice)
        if choice.is_openmetrics:
            openmetrics = _better(openmetrics, choice)
    is_gzipped = takes_gzip(accept_encoding)
    if openmetrics.quality <= text.quality:
        return ScrapeFormat(
            is_openmetrics=False, content_type=TEXT, is_gzipped=is_gzipped
        )
    escaping = _ESCAPING.get(openmetrics.options.get("escaping", ""), "")
    return ScrapeFormat(
        is_openmetrics=True,
        content_type=OPENMETRICS + escaping,
        is_gzipped=is_gzipped,
    )


def takes_gzip(accept_encoding: str) -> bool:
    """Read an Accept-Encoding header: gzip, and not with the quality 0 (RFC 9110, section 12.4.2)."""
    gzip = _NONE
    for choice in _choices(accept_encoding):
        if choice.name == "gzip":
            gzip = _better(gzip, choice)
    return gzip.quality > 0


def _better(one: _Choice, other: _Choice) -> _Choice:
    return other if other.quality > one.quality else one


def _choices(header: str) -> Iterator[_Choice]:
    """Yield what an Accept header lists, but for what has no number as its quality."""
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        options: dict[str, str] = {}
        for parameter in parameters.split(";"):
            key, _, value = parameter.partition("=")
            options[key.strip()] = value.strip(' "')
        try:
            quality = float(options.get("q", "1"))
        except ValueError:
            continue
        yield _Choice(name.strip(), quality, options)
