"""What of the keys of each program has no counterpart, and what the rest become, one by one."""

from __future__ import annotations

import pytest

from monitor.config.data_files import DataError
from tests.migration.imports import imported


def query_exporter(
    *,
    dsn: str = "mysql://u@127.0.0.1/d",
    metric: str = "{ type: gauge }",
    query: str = "sql: SELECT 1 AS m",
) -> str:
    return f"""\
databases:
  one:
    dsn: {dsn}
metrics:
  m: {metric}
queries:
  q:
    databases: [one]
    metrics: [m]
    interval: 1m
    {query}
"""


def justwatch(connection: str, *, query: str = "") -> str:
    return f"""\
jobs:
  - name: one
    interval: 1m
    connections: ['{connection}']
    queries:
      - {{ name: q, help: h, values: [n], query: SELECT 1 AS n{query} }}
"""


def notes(lines: list[str]) -> list[str]:
    """Return the lines but for that about labels, which every import of justwatch's has."""
    return [line for line in lines if "NULL in a label" not in line]


@pytest.mark.parametrize(
    ("connection", "tls", "remark"),
    [
        ("mysql://u@tcp(127.0.0.1)/d", None, None),
        ("mysql://u@unix(/s)/d?tls=true", None, None),
        ("mysql://u@tcp(db)/d", "disabled", "enters without TLS, as before"),
        ("mysql://u@tcp(db)/d?tls=false", "disabled", "enters without TLS, as before"),
        ("mysql://u@tcp(db)/d?tls=true", "verify_identity", None),
        ("mysql://u@tcp(db)/d?tls=skip-verify", "required", None),
        ("mysql://u@tcp(db)/d?tls=ours", None, "tls=ours is set up in a program"),
    ],
)
def test_a_connection_is_as_safe_as_it_was(
    connection: str, tls: str | None, remark: str | None
) -> None:
    made, lines = imported(justwatch(connection))
    (target,) = made.targets
    assert target.keys.get("tls", {}).get("mode") == tls
    found = notes(lines)
    assert len(found) == (remark is not None)
    assert (remark or "") in "".join(found)


def test_a_zone_that_a_connection_says_is_that_of_the_target() -> None:
    made, _ = imported(justwatch("mysql://u@tcp(127.0.0.1)/d?time_zone=%27%2B02:00%27"))
    assert made.targets[0].keys["time_zone"] == "+02:00"


@pytest.mark.parametrize(
    ("connection", "remark"),
    [
        ("postgres://u@h/d", "is a database of the kind postgres; only MySQL and"),
        ("u:p@tcp(h:1:2)/d", "is no address that is known here, so it was left out"),
        ("mysql://u@tcp(127.0.0.1)/d?x=1", 'its option "x" has no counterpart'),
        ("mysql://tcp(127.0.0.1)/d", "names no user: write it as user in [targets"),
        ("{{NOT_SET}}", "is not known here: write host, user and database of"),
    ],
)
def test_what_cannot_be_entered_as_it_was_is_left(connection: str, remark: str) -> None:
    _, lines = imported(justwatch(connection))
    (line, *_) = notes(lines)
    assert line.startswith("c.yml:4: jobs[0].connections[0]: ")
    assert remark in line


def test_a_variable_of_justwatchs_is_read_where_it_is_set() -> None:
    made, lines = imported(
        justwatch("mysql://u:{{ db_password }}@tcp(127.0.0.1)/d"), DB_PASSWORD="p"
    )
    assert (made.targets[0].password, notes(lines)) == ("p", [])


def test_a_source_of_query_exporter_in_a_variable_is_read_where_it_is_set() -> None:
    text = query_exporter(dsn="!env DSN")
    made, lines = imported(text, DSN="mysql://u:p@127.0.0.1/d")
    assert (made.targets[0].password, made.targets[0].keys["user"]) == ("p", "u")
    assert lines == []


PARTS = "{{ dialect: mysql, host: 127.0.0.1, user: u, database: d, port: {port} }}"


def test_a_port_and_the_sizes_of_a_pool_may_be_texts() -> None:
    dsn = PARTS.format(port="'3308'")
    pool = "connection-pool: { size: '2', max-overflow: '1' }"
    made, lines = imported(query_exporter(dsn=f"{dsn}\n    {pool}"))
    keys = made.targets[0].keys
    assert (keys["port"], keys["max_connections"], lines) == (3308, 3, [])


@pytest.mark.parametrize("port", ["many", "0", "70000", "33.5"])
def test_what_is_no_port_is_told(port: str) -> None:
    _, lines = imported(query_exporter(dsn=PARTS.format(port=port)))
    assert lines == [
        f'c.yml:3: databases.one.dsn.port: "{port}" is no number from 1 to 65535, so it was left out'
    ]


def test_a_source_in_a_variable_that_is_not_set_has_its_place() -> None:
    made, lines = imported(query_exporter(dsn="!env DSN"))
    assert [target.name for target in made.targets] == ["one"]
    assert made.targets[0].queries == ["q"]
    assert lines == [
        "c.yml:3: databases.one.dsn: is in the variable DSN, which is not set here: set it, and import again",
        "c.yml:3: databases.one.dsn: is not known here: write host, user and database of [targets.one] into"
        " config.toml",
    ]


@pytest.mark.parametrize(
    ("metric", "remark"),
    [
        ("{ type: summary }", "metrics.m: was left out: what each run gave was"),
        ("{ type: histogram }", "metrics.m: was left out: what each run gave was"),
        ("{ type: counter, increment: true }", "metrics.m.increment: was left out:"),
        (
            "{ type: gauge, labels: [job] }",
            'label "job" is reserved; call it something else',
        ),
        ("{ type: gauge, unit: s }", "metrics.m.unit: is not known to this import"),
        ("gauge", "metrics.m: is not a table of keys, so nothing of it was taken"),
    ],
)
def test_a_metric_that_cannot_be_is_left(metric: str, remark: str) -> None:
    _, lines = imported(query_exporter(metric=metric))
    assert any(remark in line for line in lines), lines
    assert not any("metrics.m" in line and ": note: " in line for line in lines)


@pytest.mark.parametrize("said", ["'true'", "'Yes'", "1", "true"])
def test_a_counter_that_adds_up_is_left_however_that_is_written(said: str) -> None:
    metric = f"{{ type: counter, increment: {said} }}"
    made, lines = imported(query_exporter(metric=metric))
    assert made.queries == []
    assert "metrics.m.increment: was left out: it adds up" in lines[0]


def test_a_counter_that_says_that_it_adds_nothing_up_is_kept() -> None:
    metric = "{ type: counter, increment: 'false' }"
    made, lines = imported(query_exporter(metric=metric))
    assert [metric.name for metric in made.queries[0].metrics] == ["m_total"]
    assert lines == []


@pytest.mark.parametrize(
    ("timeout", "line"),
    [
        ("soon", '"soon" is no duration, so it was left out'),
        (
            "0",
            "is shorter than 0.1 s, so it was left out: a statement may run for 10 s",
        ),
    ],
)
def test_a_timeout_that_cannot_be_is_told(timeout: str, line: str) -> None:
    made, lines = imported(
        query_exporter(query=f"sql: SELECT 1 AS m\n    timeout: {timeout}")
    )
    assert lines == [f"c.yml:12: queries.q.timeout: {line}"]
    assert "timeout" not in made.queries[0].keys


def test_buckets_that_cannot_be_and_other_keys_beside_them_are_told() -> None:
    text = query_exporter() + (
        "builtin_metrics:\n  query_latency:\n    enabled: false\n"
        "    buckets: [1, '0.5', many, 0.0005, 0.0015]\n"
    )
    made, lines = imported(text)
    assert made.web == {"duration_buckets": ["2ms", "500ms", "1s"]}
    key = "builtin_metrics.query_latency"
    assert [line for line in lines if "note" not in line] == [
        f"c.yml:14: {key}.enabled: is not known to this import, so it was left out",
        f'c.yml:15: {key}.buckets[2]: "many" is no duration, so it was left out',
        f"c.yml:15: {key}.buckets[3]: bounds are to the millisecond, so it is 0s",
        f"c.yml:15: {key}.buckets[4]: bounds are to the millisecond, so it is 2ms",
    ]


def test_files_that_a_configuration_includes_are_followed_with_their_own_lines() -> (
    None
):
    text = query_exporter(query="sql: !file q.sql").replace(
        "  m: { type: gauge }", "  m: !include m.yml"
    )
    files = {"q.sql": "SELECT 2 AS m;\n", "m.yml": "type: gauge\nunit: s\n"}
    made, lines = imported(text, files=files)
    assert made.queries[0].sql == "SELECT 2 AS m"
    assert lines == ["m.yml:2: unit: is not known to this import, so it was left out"]


def test_what_only_other_databases_run_is_left_out() -> None:
    made, lines = imported(query_exporter(dsn="sqlite:///x"))
    assert (made.targets, made.queries) == ([], [])
    assert len(lines) == 2


def test_a_metric_whose_labels_cannot_tell_rows_apart_fails_without_the_others() -> (
    None
):
    text = query_exporter(
        metric="{ type: gauge }", query="sql: SELECT shop, 1 AS m, 2 AS of_shop FROM t"
    )
    text = text.replace(
        "queries:", "  of_shop: { type: gauge, labels: [shop] }\nqueries:"
    )
    made, lines = imported(text.replace("[m]", "[m, of_shop]"))
    found = {
        query.name: [metric.name for metric in query.metrics] for query in made.queries
    }
    assert found == {"q": ["of_shop"], "q_2": ["m"]}
    assert made.queries[0].sql == made.queries[1].sql
    assert made.targets[0].queries == ["q", "q_2"]
    assert lines == [
        "c.yml:5: metrics.m: note: has fewer labels than others of its query, so it is in one of its own, q_2: of"
        " several rows the last one was shown, here its run fails"
    ]


@pytest.mark.parametrize("labels", ["[shop]", "[plan]"])
def test_metrics_whose_labels_tell_as_much_stay_in_one_query(labels: str) -> None:
    text = query_exporter(
        metric="{ type: gauge, labels: [shop] }", query="sql: SELECT * FROM t"
    )
    text = text.replace(
        "queries:", f"  other: {{ type: gauge, labels: {labels} }}\nqueries:"
    )
    made, lines = imported(text.replace("[m]", "[m, other]"))
    assert [len(query.metrics) for query in made.queries] == [2]
    assert lines == []


def test_a_query_none_of_whose_metrics_was_taken_is_told_as_gone() -> None:
    made, lines = imported(query_exporter(metric="{ type: summary }"))
    assert made.queries == []
    assert lines[1:] == [
        "c.yml:7: queries.q: note: was left out, as none of its metrics was taken"
    ]


def test_a_statement_that_is_repeated_must_be_a_select() -> None:
    query = "sql: SHOW STATUS LIKE :a\n    parameters: [{ a: x }, { a: y }]"
    made, lines = imported(query_exporter(query=query))
    assert (made.queries[0].sql, made.queries[0].parameters) == (
        "SHOW STATUS LIKE :a",
        {"a": "x"},
    )
    assert lines == [
        "c.yml:12: queries.q.parameters: only the first set was taken: the statement is no SELECT, and is not"
        " repeated"
    ]


LABELLED = "{ type: gauge, labels: [shop] }"
SHOPS = "[{ name: eu, days: 3, unused: 1 }, { name: us, days: 7, unused: 1 }]"


def with_sets(sql: str, sets: str = SHOPS) -> str:
    query = f"sql: {sql}\n    parameters: {sets}"
    return query_exporter(metric=LABELLED, query=query)


@pytest.mark.parametrize(
    ("sql", "rest"),
    [
        (
            "SELECT COUNT(*) AS m, :name AS `shop` FROM t WHERE age > :days",
            "SELECT COUNT(*) AS m FROM t WHERE age > :days",
        ),
        (
            "SELECT :name AS shop, COUNT(*) AS m FROM t WHERE age > :days",
            "SELECT COUNT(*) AS m FROM t WHERE age > :days",
        ),
        (
            "SELECT MAX(age) AS m, :name AS shop, kind FROM t WHERE age > :days GROUP BY kind",
            "SELECT MAX(age) AS m, kind FROM t WHERE age > :days GROUP BY kind",
        ),
    ],
)
def test_sets_of_parameters_whose_name_is_a_label_are_items(
    sql: str, rest: str
) -> None:
    made, lines = imported(with_sets(sql))
    (query,) = made.queries
    assert (query.sql, query.parameters, lines) == (rest, {}, [])
    assert query.for_each == {
        "items": [{"name": "eu", "days": 3}, {"name": "us", "days": 7}],
        "name": "name",
        "label": "shop",
    }
    assert [metric.keys.get("labels") for metric in query.metrics] == [None]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) AS m, CONCAT(:name) AS shop FROM t WHERE age > :days",
        "SELECT m, shop FROM (SELECT COUNT(*) AS m, :name AS shop FROM t WHERE age > :days) AS x",
        "SELECT COUNT(*) AS m, 'eu' AS shop FROM t WHERE age > :days AND name = :name",
        "SELECT 1 AS m, :days AS shop, :name AS other FROM t",
        "SELECT COUNT(*) AS m, :name AS shop FROM t WHERE age > :days GROUP BY shop",
        "SELECT MAX(age) AS m, :name AS shop FROM t WHERE age > :days GROUP BY t.`Shop`",
        "SELECT :name AS shop, COUNT(*) AS m FROM t WHERE age > :days GROUP BY 1 ORDER BY 2",
        "SELECT 1 AS m, :name AS shop FROM t UNION SELECT 2, 'x' FROM t WHERE age > :days",
    ],
)
def test_sets_that_no_label_is_sure_to_name_are_repeated(sql: str) -> None:
    made, _ = imported(with_sets(sql))
    (query,) = made.queries
    assert (dict(query.for_each), query.sql.count("UNION ALL")) == ({}, 1)
    assert query.parameters.keys() >= {"days_1", "days_2"}


@pytest.mark.parametrize(
    "sets",
    [
        "[{ name: eu, days: 3 }, { name: eu, days: 7 }]",
        "[{ name: 1, days: 3 }, { name: 2, days: 7 }]",
        "[{ name: eu, days: 3 }, { name: '', days: 7 }]",
    ],
)
def test_a_value_that_names_no_set_of_its_own_makes_no_items(sets: str) -> None:
    sql = "SELECT COUNT(*) AS m, :name AS shop FROM t WHERE age > :days"
    made, _ = imported(with_sets(sql, sets))
    assert [dict(query.for_each) for query in made.queries] == [{}]


def test_more_sets_than_items_by_default_say_how_many_they_are() -> None:
    sets = [f"{{ name: n{number}, days: 1 }}" for number in range(101)]
    sql = "SELECT COUNT(*) AS m, :name AS shop FROM t WHERE age > :days"
    made, _ = imported(with_sets(sql, f"[{', '.join(sets)}]"))
    (query,) = made.queries
    assert query.for_each["max_items"] == 101


def test_a_query_that_jobs_share_runs_as_often_as_the_most_frequent_wants() -> None:
    first = justwatch("mysql://u@tcp(127.0.0.1)/d").replace("1m", "5m")
    second = justwatch("mysql://u@tcp(127.0.0.2)/d").partition("\n")[2]
    made, lines = imported(first + second.replace("name: one", "name: two"))
    (query,) = made.queries
    assert query.keys["interval"] == "1m"
    assert [list(target.queries) for target in made.targets] == [["q"], ["q"]]
    assert len(notes(lines)) == 1


def of_two_jobs(first: str, second: str) -> str:
    """Return two jobs with one query, each with its schedule."""
    one = justwatch("mysql://u@tcp(127.0.0.1)/d").replace("interval: 1m", first)
    two = justwatch("mysql://u@tcp(127.0.0.2)/d").replace("interval: 1m", second)
    return one + two.partition("\n")[2].replace("name: one", "name: two")


NIGHTLY = "cron_schedule: '0 3 * * *'"


@pytest.mark.parametrize(
    ("first", "second", "schedules"),
    [
        (NIGHTLY, "interval: 5m", [{"cron": "0 3 * * *"}, {"interval": "5m"}]),
        ("interval: 5m", NIGHTLY, [{"interval": "5m"}, {"cron": "0 3 * * *"}]),
        (
            NIGHTLY,
            "cron_schedule: '0 4 * * *'",
            [{"cron": "0 3 * * *"}, {"cron": "0 4 * * *"}],
        ),
    ],
)
def test_a_query_of_two_jobs_runs_by_the_crontab_of_each(
    first: str, second: str, schedules: list[dict[str, str]]
) -> None:
    made, lines = imported(of_two_jobs(first, second))
    (query,) = made.queries
    assert query.keys.keys() & {"interval", "cron"} == set()
    assert [target.own_schedules for target in made.targets] == [
        {"q": schedule} for schedule in schedules
    ]
    told = [line for line in lines if "at other times" in line]
    assert told == [
        "c.yml:11: jobs[1].queries[0]: note: query q is one for all jobs, which run it at other times: each has its"
        " own in [targets.NAME.queries.q]"
    ]


def test_a_crontab_that_all_jobs_of_a_query_have_is_in_its_file() -> None:
    made, _ = imported(of_two_jobs(NIGHTLY, NIGHTLY))
    (query,) = made.queries
    assert query.keys["cron"] == "0 3 * * *"
    assert [target.own_schedules for target in made.targets] == [{}, {}]


def test_a_job_without_a_target_says_nothing_of_when_a_query_runs() -> None:
    text = of_two_jobs(NIGHTLY, "interval: 5m").replace(
        "mysql://u@tcp(127.0.0.1)", "postgres://u@h"
    )
    made, _ = imported(text)
    (query,) = made.queries
    assert (query.keys["interval"], query.keys.get("cron")) == ("5m", None)


def test_one_connection_of_two_jobs_of_one_name_runs_a_query_at_both_times() -> None:
    text = of_two_jobs(NIGHTLY, "interval: 5m")
    made, _ = imported(text.replace("127.0.0.2", "127.0.0.1").replace("two", "one"))
    assert [(target.name, target.own_schedules) for target in made.targets] == [
        ("one", {"q": {"cron": "0 3 * * *"}}),
        ("one-2", {"q": {"interval": "5m"}}),
    ]


def test_queries_of_two_jobs_that_differ_cannot_share_a_metric() -> None:
    first = justwatch("mysql://u@tcp(127.0.0.1)/d")
    second = justwatch("mysql://u@tcp(127.0.0.2)/d", query=" + 1").partition("\n")[2]
    made, lines = imported(first + second.replace("name: one", "name: two"))
    assert len(made.queries) == 1
    (line,) = notes(lines)
    assert "metric sql_q of query q_2 was left out: query q gives it" in line


def test_targets_of_one_name_are_named_apart_unless_they_are_one() -> None:
    text = """\
jobs:
  - job_name: one
    collectors: [a]
    static_configs: [{ targets: { db: 'mysql://u:p@127.0.0.1/d', "d b": 'mysql://u:p@127.0.0.1/d' } }]
  - job_name: two
    collectors: [b]
    static_configs: [{ targets: { db: 'mysql://u:p@127.0.0.1/d' } }]
  - job_name: three
    collectors: [b]
    static_configs: [{ targets: { db: 'mysql://u:p@127.0.0.2/d', "d-b": 'mysql://u:p@127.0.0.1/d' } }]
collectors:
  - collector_name: a
    metrics: [{ metric_name: m, type: gauge, help: h, values: [n], query: SELECT 1 AS n }]
  - collector_name: b
    metrics: [{ metric_name: o, type: gauge, help: h, values: [n], query: SELECT 2 AS n }]
"""
    made, lines = imported(text)
    assert [(one.name, one.queries, one.password_file) for one in made.targets] == [
        ("db", ["m", "o"], "secrets/db"),
        ("d b", ["m"], "secrets/d-b"),
        ("db-2", ["o"], "secrets/db-2"),
        ("d-b", ["o"], "secrets/d-b-2"),
    ]
    (line,) = [line for line in lines if "already" in line]
    assert line.endswith('this one, and its label target, is "db-2"')


def test_a_collector_alone_has_a_target_to_be_filled_in() -> None:
    text = """\
collector_name: alone
metrics:
  - { metric_name: m, type: gauge, help: h, values: [n], query: SELECT 1 AS n }
"""
    made, lines = imported(text)
    assert [target.queries for target in made.targets] == [["m"]]
    assert any("[targets.main]" in line for line in lines)


def sql_exporter(top: str = "", value: str = "values: [n]") -> str:
    metric = (
        f"{{ metric_name: m, type: gauge, help: h, {value}, query: SELECT 1 AS n }}"
    )
    return f"""\
global: {{ {top} }}
target: {{ data_source_name: 'mysql://u@127.0.0.1/d', collectors: [a] }}
collectors:
  - collector_name: a
    metrics: [{metric}]
"""


@pytest.mark.parametrize(
    ("top", "keys", "found"),
    [
        ("max_connections: '7'", {"max_connections": 7}, []),
        ("max_connections: many", {}, ['"many" is no number from 0 to 999999, so']),
        ("max_connections: 0", {}, ["note: was no bound; here a target has one, 2"]),
        (
            "max_connections: 500",
            {"max_connections": 100},
            ["note: is 100 here, which is the most"],
        ),
    ],
)
def test_how_many_connections_there_may_be_is_carried_over_or_told(
    top: str, keys: dict[str, int], found: list[str]
) -> None:
    made, lines = imported(sql_exporter(top))
    kept = {"max_connections"} & made.targets[0].keys.keys()
    assert {key: made.targets[0].keys[key] for key in kept} == keys
    told = [line for line in lines if "max_connections: " in line]
    assert len(told) == len(found)
    assert "".join(found) in "".join(told)


@pytest.mark.parametrize(
    ("timeout", "line"),
    [
        ("soon", 'scrape_timeout: "soon" is no duration, so it was left out'),
        ("0s", "scrape_timeout: is shorter than 0.1 s, so it was left out"),
        ("2m", "scrape_timeout: note: is not shorter than the interval, so 48s"),
    ],
)
def test_a_scrape_timeout_that_cannot_be_is_told_where_it_stands(
    timeout: str, line: str
) -> None:
    _, lines = imported(sql_exporter(f"scrape_timeout: {timeout}"))
    assert [one for one in lines if line in one], lines


@pytest.mark.parametrize(
    ("said", "number"), [("'1.5'", 1.5), ("'3'", 3), ("3", 3), (".5", 0.5)]
)
def test_a_constant_may_be_a_text(said: str, number: float) -> None:
    made, lines = imported(sql_exporter(value=f"static_value: {said}"))
    assert made.queries[0].metrics[0].keys["constant"] == number
    assert not [line for line in lines if "static_value" in line]


@pytest.mark.parametrize("said", ["many", "true", ".inf"])
def test_a_constant_that_is_no_number_is_told_with_its_metric_gone(said: str) -> None:
    made, lines = imported(sql_exporter(value=f"static_value: {said}"))
    assert made.queries == []
    (line,) = [line for line in lines if "static_value" in line]
    assert line.endswith(f'"{said}" is no number, so metric m was left out')


def test_a_collector_that_is_not_there_is_left() -> None:
    text = "target: { data_source_name: 'mysql://u@h/d?tls=true', collectors: [c] }\n"
    _, lines = imported(text)
    assert lines == ['c.yml:1: target.collectors[0]: no collector "c" was found']


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\n", 2), ("a: &x [*x]\n", None), ("a: 2020-13-45\n", None)],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, line: int | None) -> None:
    with pytest.raises(DataError, match="no valid YAML") as raised:
        imported(text)
    assert raised.value.line == line
