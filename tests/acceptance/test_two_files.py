"""Adding a query with a metric and an alert of its own takes two files and no Python."""

from __future__ import annotations

from pathlib import Path

from monitor.demo.mariadb import PrivateMariaDB
from tests.acceptance.configs import only_ours, two_files, webhook, write_config
from tests.acceptance.program import Hook, running, wait_until


def test_a_query_with_its_own_metric_and_alert_needs_exactly_two_files(
    mariadb: PrivateMariaDB, schema: str, folder: Path, hook: Hook
) -> None:
    with mariadb.connect(schema) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE articles (id INT PRIMARY KEY AUTO_INCREMENT, lang VARCHAR(8), stuck INT)"
        )
        cursor.execute(
            "INSERT INTO articles (lang, stuck) VALUES ('de', 1), ('de', 1), ('en', 0)"
        )
    config = only_ours(write_config(folder, mariadb, schema, extra=webhook(hook.url)))
    two_files(
        folder,
        "articles",
        sql="""-- How many articles are stuck, by language
            SELECT lang AS lang, SUM(stuck) AS stuck FROM articles GROUP BY lang""",
        toml="""
            summary = "Articles that are stuck"
            interval = "2s"
            timeout = "1900ms"
            needs = ["articles.stuck"]
            [metrics.articles_stuck]
            help = "Articles that are stuck"
            labels = ["lang"]
            value = "stuck"
            [evidence]
            sql = "SELECT id AS article_id FROM articles WHERE stuck = 1 AND lang = :lang LIMIT 10"
            [rules.ArticlesStuck]
            metric = "articles_stuck"
            above = 1
            severity = "warning"
            summary = "{value} {lang} articles are stuck on {target}"
            runbook = "articles-stuck"
            """,
    )
    assert sorted(path.name for path in (folder / "queries").iterdir()) == [
        "articles.sql",
        "articles.toml",
    ]
    with running(config) as daemon:
        hook.wait_for("firing", "ArticlesStuck")
        stuck = {
            'articles_stuck{lang="de",target="main"}': 2.0,
            'articles_stuck{lang="en",target="main"}': 0.0,
        }
        wait_until(lambda: daemon.series("articles_stuck") == stuck, why="its series")
        fired = daemon.wait_for("alert.fired", alertname="ArticlesStuck")
        assert fired["labels"] == {
            "alertname": "ArticlesStuck",
            "lang": "de",
            "severity": "warning",
            "target": "main",
        }
        assert fired["annotations"]["summary"] == "2 de articles are stuck on main"
        assert fired["evidence"] == [{"article_id": 1}, {"article_id": 2}]
        with mariadb.connect(schema) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE articles SET stuck = 0")
        hook.wait_for("resolved", "ArticlesStuck")
    assert hook.alerts() == [("firing", "ArticlesStuck"), ("resolved", "ArticlesStuck")]
