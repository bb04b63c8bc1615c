"""Write metric families in Prometheus's text format or OpenMetrics, faster than the library does; pure."""

from __future__ import annotations

import math

from prometheus_client import Metric

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
EOF = b"# EOF\n"
"""The last line of an OpenMetrics exposition."""

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


def written(family: Metric, *, is_openmetrics: bool) -> bytes:
    """Write one family; raises TypeError, ValueError or AttributeError where one of its values cannot be."""
    # A counter's family has the name without _total in OpenMetrics, and with it in the older format.
    name = (
        family.name + "_total"
        if family.type == "counter" and not is_openmetrics
        else family.name
    )
    kind = "untyped" if family.type == "unknown" and not is_openmetrics else family.type
    escapes = _ESCAPES if is_openmetrics else _HELP_ESCAPES
    lines = [
        f"# HELP {name} {family.documentation.translate(escapes)}",
        f"# TYPE {name} {kind}",
    ]
    for sample in family.samples:
        labels = ",".join(
            [f'{k}="{_escaped(v)}"' for k, v in sorted(sample.labels.items())]
        )
        number = _number(sample.value)
        lines.append(
            f"{sample.name}{{{labels}}} {number}"
            if labels
            else f"{sample.name} {number}"
        )
    lines.append("")
    return "\n".join(lines).encode()


def prefers_openmetrics(accept: str) -> bool:
    """Read an Accept header as far as we have a choice: OpenMetrics 1.0.0, or the text format 0.0.4."""
    best = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        options = dict(p.split("=", 1) for p in parameters if "=" in p)
        if kind not in best:
            continue
        if (
            kind != "text/plain"
            and options.get("version", "1.0.0").strip('"') != "1.0.0"
        ):
            continue
        try:
            quality = float(options.get("q", "1"))
        except ValueError:
            continue
        best[kind] = max(best[kind], quality)
    return best["application/openmetrics-text"] > best["text/plain"]


def _escaped(value: str) -> str:
    return value if value.isalnum() else value.translate(_ESCAPES)


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
