"""Whatever a configuration of another exporter holds, what is written of it loads."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.cli.import_files import written_checked
from monitor.config import load
from monitor.config.data_files import DataError
from monitor.migration.recognition import import_text
from monitor.migration.report import ImportReport
from monitor.notify.kinds import KINDS
from tests.migration.imports import TextsByName

pytestmark = pytest.mark.slow

ANY = st.text(max_size=12)
COLUMNS = st.lists(st.sampled_from(["n", "m", "x"]), max_size=3)
LABEL_VALUES = st.dictionaries(st.sampled_from(["region", "x", "a-b"]), ANY, max_size=2)


def mostly(
    value: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Draw a value, one time in ten something else."""
    return st.integers(0, 9).flatmap(lambda die: odd if die == 9 else value)


def table(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw tables of which each key may hold something else than it should."""
    odd: st.SearchStrategy[Any] = st.sampled_from([None, 1, [], {}, "text"])
    return st.fixed_dictionaries(
        {key: mostly(value, odd) for key, value in keys.items()}
    )


NAMES = mostly(
    st.sampled_from(["a", "a_total", "a_created", "b"]),
    st.sampled_from(["A b", "é", "up", "9", ""]) | ANY,
)
LABELS = mostly(
    st.lists(st.sampled_from(["x", "y"]), max_size=2),
    st.lists(st.sampled_from(["job", "le", "__a", "z z", "region"]), max_size=2),
)
SQL = mostly(
    st.sampled_from(["SELECT 1 AS n;", "WITH q AS (SELECT 1) SELECT * FROM q", "SHOW STATUS"]),
    st.sampled_from(["DROP TABLE x", "SELECT :n, {x}", "", "'", "/*"]) | ANY,
)  # fmt: skip
SOURCES = mostly(
    st.sampled_from(["mysql://u:p@127.0.0.1/d", "u@unix(/s)/", "mysql://u@tcp([::1])/d"]),
    st.sampled_from(
        [
            "mysql://u:\"\\\n'@tcp(h:99999)/d?x=y&tls=skip-verify",
            "mysql+pymysql://h h/d?unix_socket=",
            "postgres://h/d",
            "mysql://",
        ]
    ),
)  # fmt: skip
TIMES = mostly(
    st.sampled_from(["1m", "0s", 30]),
    st.sampled_from(["x", "0.001s", "1000000d", -1, None]),
)
DATABASES = st.sampled_from(["one", "two words"])
CRON = st.sampled_from(["* * * * 9", "@daily", "0 0 30 2 *", "0 1 * * *"])


QUERY_EXPORTER = st.fixed_dictionaries(
    {
        "databases": st.dictionaries(
            DATABASES, table(dsn=SOURCES, labels=LABEL_VALUES), max_size=2
        ),
        "metrics": st.dictionaries(
            NAMES,
            table(
                type=st.sampled_from(["gauge", "counter", "enum", "histogram"]),
                description=ANY,
                labels=LABELS,
                states=COLUMNS,
            ),
            max_size=3,
        ),
        "queries": st.dictionaries(
            NAMES,
            table(
                databases=st.lists(DATABASES, max_size=2),
                metrics=st.lists(NAMES, max_size=3),
                sql=SQL,
                interval=TIMES,
                timeout=TIMES,
                schedule=st.none() | CRON,
                parameters=st.none() | st.just([{"n": 1}, {"n": "\x7f\""}]),
            ),
            max_size=3,
        ),
    }
)  # fmt: skip
JUSTWATCH = st.fixed_dictionaries(
    {
        "jobs": st.lists(
            table(
                name=ANY,
                interval=TIMES,
                connections=st.lists(SOURCES, max_size=2),
                queries=st.lists(
                    table(
                        name=NAMES, help=ANY, labels=LABELS, values=COLUMNS, query=SQL
                    ),
                    max_size=3,
                ),
            ),
            max_size=2,
        )
    }
)
COLLECTORS = st.lists(
    table(
        collector_name=st.just("c"),
        min_interval=TIMES,
        metrics=st.lists(
            table(
                metric_name=NAMES,
                type=st.sampled_from(["gauge", "counter"]),
                help=ANY,
                key_labels=LABELS,
                static_labels=LABEL_VALUES,
                value_label=st.sampled_from(["v", "le", ""]),
                values=COLUMNS,
                static_value=st.none() | st.just(1),
                query=SQL,
            ),
            max_size=3,
        ),
    ),
    max_size=2,
)
SQL_EXPORTER = st.fixed_dictionaries(
    {
        "target": table(
            name=ANY, data_source_name=SOURCES, collectors=st.just(["c", "*"])
        ),
        "collectors": COLLECTORS,
    }
)


@settings(max_examples=80, deadline=None)
@example({"jobs": [{"name": "\x1f", "connections": ["mysql://u@127.0.0.1/d"]}]})
@given(theirs=QUERY_EXPORTER | JUSTWATCH | SQL_EXPORTER)
def test_what_is_written_loads_whatever_it_was_made_of(theirs: dict[str, Any]) -> None:
    report = ImportReport()
    text = yaml.safe_dump(theirs, allow_unicode=True)
    try:
        made = import_text("c.yml", text, TextsByName(), {}, report)
    except DataError as error:
        assert str(error).startswith("no valid YAML")  # noqa: PT017 -- most go on
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "out"
        made = written_checked(made, folder, "c.yml", report, with_secrets=True)
        if made.targets:
            config = load(folder / "config.toml", {}, KINDS, is_whole=True)
            assert len(config.targets) == len(made.targets)
        assert folder.exists() == bool(made.targets)
