"""Whatever names of metrics are taken, all of them are on /metrics, in both formats."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.alerting.configured import empty_snapshot
from monitor.config import load
from monitor.model.errors import ConfigError
from monitor.model.results import Sample
from monitor.model.settings import Config
from monitor.notify.kinds import KINDS
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition, ScrapeRequest
from tests.support.snapshots import with_result
from tests.web.picture import NOW, a_result, success

_SUFFIXES = (
    *(
        "",
        "_total",
        "_created",
        "_count",
        "_sum",
        "_bucket",
        "_info",
        "_gsum",
        "_gcount",
    ),
    *("_total_total", "_created_total", "_total_created", ":rate"),
)
_STEMS = st.sampled_from(["case", "x"])
_NAMES = st.builds(str.__add__, _STEMS, st.sampled_from(_SUFFIXES))
_METRICS = st.dictionaries(
    _NAMES, st.sampled_from(["gauge", "counter"]), min_size=1, max_size=6
)


def configured(kinds: Mapping[str, str]) -> Config:
    """Load a configuration with these metrics, each of a query of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "q").mkdir()
        (folder / "config.toml").write_text(
            'query_dirs = ["q"]\nshipped_queries = false\n'
            '[targets.main]\nhost = "127.0.0.1"\nuser = "u"\ndatabase = "app"\n'
        )
        for number, (metric, kind) in enumerate(kinds.items()):
            text = f'summary = "s"\n[metrics."{metric}"]\nhelp = "h"\nvalue = "v"\ntype = "{kind}"\n'
            (folder / "q" / f"q{number}.toml").write_text(text)
            (folder / "q" / f"q{number}.sql").write_text("SELECT 1 AS v")
        return load(folder / "config.toml", {}, KINDS)


def exposed(config: Config, accept: str = "") -> str:
    """Render /metrics after each query gave one sample of each of its metrics."""
    snapshot = empty_snapshot(config)
    for job in config.jobs:
        samples = [Sample(metric.name, (), 7.0) for metric in job.query.metrics]
        snapshot = with_result(snapshot, a_result(job, success(*samples)))
    exposition = Exposition(Telemetry("1"), lambda: snapshot, lambda: NOW)
    return exposition.scrape(ScrapeRequest(accept)).body.decode()


def openmetrics(text: str) -> Iterable[Metric]:
    """Read an exposition as Prometheus's own library does."""
    families: Iterable[Metric] = parse_openmetrics(text)  # type: ignore[no-untyped-call]  # it has no types
    return families


def series(families: Iterable[Metric]) -> set[tuple[str, str]]:
    """Return what was read of target main: the names of series and the types of their families."""
    return {
        (sample.name, family.type)
        for family in families
        for sample in family.samples
        if sample.labels == {"target": "main"} and sample.value == 7
    }


@pytest.mark.slow
@given(_METRICS)
def test_names_that_are_taken_are_all_exposed_in_both_formats(
    kinds: dict[str, str],
) -> None:
    try:
        config = configured(kinds)
    except ConfigError:
        return
    wanted = set(kinds.items())
    assert series(parse_text(exposed(config))) == wanted
    assert (
        series(openmetrics(exposed(config, "application/openmetrics-text"))) == wanted
    )


@pytest.mark.slow
@given(_METRICS)
def test_names_are_refused_only_where_the_formats_have_no_room_for_all_of_them(
    kinds: dict[str, str],
) -> None:
    text = ""
    for name, kind in kinds.items():
        family = name.removesuffix("_total") if kind == "counter" else name
        text += f"# HELP {family} h\n# TYPE {family} {kind}\n{name} 7\n"
    try:
        has_room = series_by_name(text) == set(kinds)
    except ValueError:
        has_room = False
    try:
        configured(kinds)
        is_taken = True
    except ConfigError:
        is_taken = False
    assert is_taken is has_room


def series_by_name(text: str) -> set[str]:
    families = openmetrics(f"{text}# EOF\n")
    return {
        sample.name
        for family in families
        for sample in family.samples
        if family.type != "unknown"
    }


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (package prometheus)",
)
def test_promtool_reads_every_suffix_that_is_taken() -> None:
    kinds = {
        f"{stem}_a{suffix}": "gauge"
        for stem, suffix in zip("abcdefghijklm", _SUFFIXES, strict=True)
    }
    kinds |= {"n_total": "counter", "o_created_total": "counter"}
    body = exposed(configured(kinds)).encode()
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, timeout=30
    )
    # 3: it read all, and would name some of them otherwise
    assert checked.returncode in (0, 3), checked.stderr


def test_the_names_of_our_process_are_refused() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    names = {sample.name for family in registry.collect() for sample in family.samples}
    for name in names:
        kind = "counter" if name.endswith("_total") else "gauge"
        with pytest.raises(ConfigError, match="says of its own process"):
            configured({name: kind})
