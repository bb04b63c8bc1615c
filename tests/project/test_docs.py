"""The documentation against the code, in both directions; its example of a query on a real server."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import click
import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from starlette.routing import Route

from monitor.alerting.configured import empty_snapshot
from monitor.cli import commands
from monitor.config import load, schema
from monitor.config.queries import derived_schemas
from monitor.config.queries import schema as query_schema
from monitor.config.queries.parameters import BUILT_IN
from monitor.config.queries.rule_texts import TEXT_NAMES
from monitor.config.receivers import ReceiverSchema
from monitor.config.toml.validation import Schema
from monitor.demo.incidents import INCIDENTS
from monitor.demo.mariadb import PrivateMariaDB
from monitor.demo.tokens import create_tables, populate
from monitor.model.alerts import Change
from monitor.model.deploys import DeployChange
from monitor.model.errors import Reason
from monitor.model.schedules import Every
from monitor.model.settings import Config, Job, Rule, Scalar
from monitor.model.silences import SilenceChange
from monitor.model.walks import WHOLE_TABLE, Sweep
from monitor.notify.alertmanager.settings import DEFAULT_RESEND_DELAY
from monitor.notify.kinds import KINDS
from monitor.storage import State
from monitor.telemetry.counters import Telemetry
from monitor.telemetry.exposition import Exposition, declared_metrics
from monitor.timing.durations import format_duration
from monitor.web.routes import application
from monitor.web.views import Views
from tests.acceptance.configs import webhook, write_config
from tests.acceptance.program import Hook, run_command, running

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN_QUERY = re.compile(r"token-monitor query ([a-z][a-z_]+)")
_EVENT = re.compile(r"[a-z]+\.(?:[a-z]+ed|lost|read|withheld)")


def prose(page: Path) -> str:
    """Read a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def sections(page: Path) -> dict[str, str]:
    """Return each section's text by its heading; one that has deeper headings ends at the first of them."""
    parts = re.split(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str, *, header: str | None = None) -> list[list[str]]:
    """Return the cells of the tables in a text, those whose first head is `header` if that is given."""
    found: list[list[str]] = []
    head = ""
    for before, line in zip(["", *text.splitlines()], text.splitlines(), strict=False):
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not before.startswith("|"):
            head = cells[0]
        elif not set(line) <= set("|-: ") and header in (None, head):
            found.append(cells)
    return found


def codes(text: str) -> list[str]:
    return _CODE.findall(text)


def first_codes(text: str, *, header: str | None = None) -> list[str]:
    """Return what stands in backquotes in the first column of the tables."""
    return [code for cells in rows(text, header=header) for code in codes(cells[0])]


def slugs(page: Path) -> set[str]:
    """Make the anchors of a page's headings as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def strings(folder: Path) -> Iterator[str]:
    """Yield every string of the code below a folder."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("docs") / "config.toml"
    path.write_text(
        '[targets.main]\nunix_socket = "/s"\nuser = "u"\ndatabase = "app"\n'
        '[contract]\napp_sql = ["app"]\n',
        encoding="utf-8",
    )
    return load(path, {}, KINDS)


def rules_of(config: Config) -> list[Rule]:
    return [
        *(rule for job in config.jobs for rule in job.query.rules),
        *config.own_rules,
    ]


# configuration.md

HEADINGS: dict[str, type[Schema]] = {
    "Top of config.toml": schema.RootSchema,
    "`[targets.NAME]`": schema.TargetSchema,
    "`tls` of a target": schema.TlsSchema,
    "`[targets_defaults]`": schema.TargetsDefaultsSchema,
    "`[http_sd]`": schema.HttpSdSchema,
    "`[receivers.NAME]`": ReceiverSchema,
    **{f"Kind `{name}`": kind.schema for name, kind in KINDS.items()},
    "`[contract]`": schema.ContractSchema,
    "`[web]`": schema.WebSchema,
    "`[state]`": schema.StateSchema,
    "`[heartbeat]`": schema.HeartbeatSchema,
    "`[load]`": schema.LoadSchema,
    "`[log]`": schema.LogSchema,
    "`[deploys]`": schema.DeploysSchema,
    "`[maintenance.NAME]`": schema.MaintenanceSchema,
    "`[derived.NAME]`": derived_schemas.DerivedSchema,
    "`inputs` of a derived value": derived_schemas.DerivedInputSchema,
    "Top of NAME.toml": query_schema.QuerySchema,
    "`[metrics.NAME]`": query_schema.MetricSchema,
    "`[metrics.NAME]`, a stateset": query_schema.StatesetSchema,
    "`[metrics.NAME]`, an info": query_schema.InfoSchema,
    "`[metrics.NAME]`, a histogram": query_schema.HistogramSchema,
    "`[evidence]`": query_schema.EvidenceSchema,
    "`[schema]`": query_schema.MissingColumnsSchema,
    "`[application]`": query_schema.ApplicationColumnsSchema,
    "`[cursor]`": query_schema.CursorSchema,
    "`[sweep]`": query_schema.SweepSchema,
    "`[ledger]`": query_schema.LedgerSchema,
    "`[for_each]`": query_schema.ForEachSchema,
    "`[rules.NAME]`": query_schema.RuleSchema,
    "`baseline` of a rule": query_schema.BaselineSchema,
    "`change` of a rule": query_schema.ChangeSchema,
    "`slo` of a rule": query_schema.SloSchema,
}


def shapes_in(module: ModuleType) -> set[type[Schema]]:
    return {
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Schema)
    } - {Schema}


def test_every_table_of_the_files_has_a_section() -> None:
    # A shape of the program's own file, which no user writes, and what several shapes have.
    own = {
        query_schema.OwnMetricSchema,
        query_schema.SeriesSchema,
        query_schema.MetricOfTypeSchema,
    }
    receivers = {ReceiverSchema, *(kind.schema for kind in KINDS.values())}
    found = shapes_in(schema) | shapes_in(query_schema) | receivers
    found |= shapes_in(derived_schemas)
    assert found == {*HEADINGS.values(), *own}


def own_fields(heading: str) -> dict[str, FieldInfo]:
    """Return the fields of a table by their keys; those that all receivers have are documented once."""
    shape = HEADINGS[heading]
    is_kind = shape in [kind.schema for kind in KINDS.values()]
    common = ReceiverSchema.model_fields if is_kind else {}
    if shape in (
        query_schema.StatesetSchema,
        query_schema.InfoSchema,
        query_schema.HistogramSchema,
    ):
        common = query_schema.MetricOfTypeSchema.model_fields
    if shape is schema.TargetsDefaultsSchema:
        said_again = ("user", "database", "host", "unix_socket")
        fields = schema.TargetSchema.model_fields
        common = {
            name: field for name, field in fields.items() if name not in said_again
        }
    return {
        field.alias or name: field
        for name, field in shape.model_fields.items()
        if name not in common
    }


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_key_of_the_files_is_documented_and_no_other(heading: str) -> None:
    documented = first_codes(sections(DOCS / "configuration.md")[heading], header="key")
    assert sorted(documented) == sorted(own_fields(heading))


@pytest.mark.parametrize("heading", HEADINGS)
def test_defaults_and_allowed_words_are_as_documented(heading: str) -> None:
    table = {
        codes(cells[0])[0]: cells
        for cells in rows(sections(DOCS / "configuration.md")[heading], header="key")
    }
    for key, field in own_fields(heading).items():
        cells = table[key]
        if isinstance(field.default, bool | int | str):
            assert cells[1] == f"`{json.dumps(field.default)}`", cells
        if field.is_required() or field.default is PydanticUndefined:
            assert "required" in cells[1], cells
        for word in getattr(field.annotation, "__args__", ()):
            if isinstance(word, str):
                assert f"`{word}`" in "".join(cells), f"{word} of {cells[0]}"


def test_defaults_that_are_durations_are_as_documented(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "one.sql").write_text("SELECT 1 AS one", encoding="utf-8")
    (tmp_path / "q" / "one.toml").write_text('summary = "One"\n', encoding="utf-8")
    path.write_text(
        'query_dirs = ["q"]\nshipped_queries = false\n[targets.t]\nhost = "127.0.0.1"\nuser = "u"\n'
        'database = "d"\n[receivers.r]\nkind = "webhook"\nurl = "http://127.0.0.1/"\n',
        encoding="utf-8",
    )
    found = load(path, {}, KINDS)
    query, receiver = found.jobs[0].query, found.receivers[0]
    assert isinstance(query.schedule, Every)
    defaults = {
        ("Top of NAME.toml", "interval"): query.schedule.interval,
        ("Top of NAME.toml", "timeout"): query.timeout,
        ("`[receivers.NAME]`", "timeout"): receiver.timeout,
        ("`[receivers.NAME]`", "repeat_interval"): receiver.repeat_interval,
        ("Kind `alertmanager`", "resend_delay"): DEFAULT_RESEND_DELAY,
        ("`[state]`", "retention"): found.state.retention,
    }
    page = sections(DOCS / "configuration.md")
    for (heading, key), value in defaults.items():
        cells = next(cells for cells in rows(page[heading]) if cells[0] == f"`{key}`")
        assert cells[1] == f'`"{format_duration(value)}"`', key
    listen = next(cells for cells in rows(page["`[web]`"]) if cells[0] == "`listen`")
    assert listen[1] == f'`"{found.web.host}:{found.web.port}"`'


def test_the_names_in_texts_are_documented() -> None:
    documented = first_codes(
        sections(DOCS / "configuration.md")["Names in texts"], header="name"
    )
    assert sorted(documented) == sorted(f"{{{name}}}" for name in TEXT_NAMES)


def test_the_environment_is_documented() -> None:
    known = {
        text
        for text in strings(ROOT / "monitor")
        if re.fullmatch(r"TOKEN_MONITOR_[A-Z_]+", text)
    }
    assert known == {
        code
        for code in codes(prose(DOCS / "configuration.md"))
        if code.startswith("TOKEN_MONITOR_")
    }


# queries.md


def jobs_of(config: Config) -> dict[str, Job]:
    return {job.query.name: job for job in config.jobs}


def test_every_shipped_query_has_a_section_and_no_other(config: Config) -> None:
    headings = [
        heading.strip("`")
        for heading in sections(DOCS / "queries.md")
        if heading.startswith("`")
    ]
    assert sorted(headings) == sorted(jobs_of(config))


def test_every_section_of_a_query_says_its_times_metrics_rules_and_parameters(
    config: Config,
) -> None:
    page = sections(DOCS / "queries.md")
    for name, job in jobs_of(config).items():
        text = page[f"`{name}`"]
        query = job.query
        assert isinstance(query.schedule, Every)
        every = f"Every {format_duration(query.schedule.interval)}"
        if isinstance(query.walk, Sweep):
            every = f"A cycle every {format_duration(query.walk.cycle)} at least"
        every += f", timeout {format_duration(query.timeout)}"
        assert every in text, f"{name}: {every}"
        assert "Cost: " in text, name
        reported = {
            line.partition(":")[0].strip("- "): line
            for line in text.splitlines()
            if line.startswith("- ")
        }
        assert codes(reported["Metrics"]) == [
            metric.name for metric in query.metrics if metric.exported
        ], name
        rules = [
            code
            for code in codes(reported["Rules"].partition(".")[0])
            if code[0].isupper()
        ]
        assert rules == [rule.name for rule in query.rules], name
        parameters = next(
            (
                codes(line)
                for start, line in reported.items()
                if start.startswith("Parameters")
            ),
            [],
        )
        settings = {
            key: shown(value)
            for key, value in query.parameters.items()
            if not is_name(query.source, key) and key not in {*WHOLE_TABLE, *BUILT_IN}
        }
        line = next(
            (
                line
                for start, line in reported.items()
                if start.startswith("Parameters")
            ),
            "",
        )
        assert [code for code in parameters if code in query.parameters] == list(
            settings
        ), name
        for key, value in settings.items():
            assert f"`{key}` = {value}" in line, f"{name}: {key} = {value}"


def is_name(source: Path, key: str) -> bool:
    """Return whether a parameter stands for the name of a table or column: such are reported once, for all."""
    return (
        key == "needs"
        or f"`{key}`"
        in sections(DOCS / "queries.md")["What all have in common"]
        .partition("**Several active")[0]
        .partition("**Other names.**")[2]
    )


def shown(value: Scalar) -> str:
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def test_the_parameters_that_are_names_are_those_that_are_documented_for_all(
    config: Config,
) -> None:
    text = sections(DOCS / "queries.md")["What all have in common"]
    reported = text.partition("**Other names.**")[2].partition(", to be set in")[0]
    names = {
        key
        for job in config.jobs
        for key, value in job.query.parameters.items()
        if isinstance(value, str) and re.fullmatch(r"[a-z_]+", value) and key != "needs"
    }
    assert set(codes(reported)) - {"action"} == names


# metrics.md


def test_every_domain_metric_is_documented_with_its_labels_and_no_other(
    config: Config,
) -> None:
    found = {
        metric.name: (metric.kind, list(metric.label_names), job.query.name)
        for job in config.jobs
        for metric in job.query.metrics
        if metric.exported
    }
    table = rows(sections(DOCS / "metrics.md")["Domain metrics"], header="metric")
    documented = {
        codes(row[0])[0]: (row[1], codes(row[2]), codes(row[3])[0]) for row in table
    }
    assert documented == found


def process_names(config: Config) -> set[str]:
    telemetry = Telemetry("0")
    exposition = Exposition(
        telemetry, lambda: empty_snapshot(config), lambda: datetime.now(UTC)
    )
    text = exposition.scrape().body.decode()
    return set(
        re.findall(r"^# TYPE ((?:process|python)_\w+) ", text, flags=re.MULTILINE)
    )


def test_every_metric_of_our_own_is_documented_as_it_is_declared_and_no_other(
    config: Config,
) -> None:
    table = rows(sections(DOCS / "metrics.md")["The monitor's own"], header="metric")
    documented = {codes(row[0])[0]: (row[1], set(codes(row[2]))) for row in table}
    ours = {
        name: facts
        for name, facts in documented.items()
        if name.startswith("token_monitor_")
    }
    declared = {one.name: (one.kind, set(one.labels)) for one in declared_metrics()}
    assert ours == declared
    assert documented.keys() - ours.keys() == process_names(config)


# alerts.md and runbooks


def test_every_rule_is_documented_as_it_is_and_no_other(config: Config) -> None:
    found = {
        rule.name: (
            str(rule.severity),
            format_duration(rule.hold),
            f"[{rule.runbook}](runbooks/{rule.runbook}.md)",
        )
        for rule in rules_of(config)
    }
    table = rows(sections(DOCS / "alerts.md")["The shipped rules"], header="alert")
    assert {codes(row[0])[0]: (row[1], row[2], row[5]) for row in table} == found


def test_every_rule_has_a_runbook_that_is_about_it_and_no_runbook_is_idle(
    config: Config,
) -> None:
    runbooks = {
        path.stem: path.read_text(encoding="utf-8")
        for path in (DOCS / "runbooks").glob("*.md")
    }
    named = {rule.runbook: rule.name for rule in rules_of(config)}
    assert set(named) == set(runbooks) - {"README"}
    for slug, name in named.items():
        assert name in runbooks[slug].partition("\n")[0], slug


def test_each_query_that_a_runbook_has_somebody_run_is_one_that_is_shipped(
    config: Config,
) -> None:
    shipped = {job.query.name for job in config.jobs}
    named = {
        (page.name, name)
        for page in (DOCS / "runbooks").glob("*.md")
        for name in _RUN_QUERY.findall(page.read_text(encoding="utf-8"))
    }
    assert named, "no runbook runs a query"
    assert {one for one in named if one[1] not in shipped} == set()


# logs.md


def events() -> set[str]:
    found = {text for text in strings(ROOT / "monitor") if _EVENT.fullmatch(text)}
    found |= {f"deploy.{change}" for change in DeployChange}
    found |= {f"silence.{change}" for change in SilenceChange}
    return found | {f"alert.{change}" for change in Change}


def event_rows() -> dict[str, set[str]]:
    page = sections(DOCS / "logs.md")
    table = {
        codes(row[0])[0]: set(codes(row[3]))
        for row in rows(page["Log events"], header="event")
    }
    alert = set(codes(page["Fields of an alert"]))
    return {
        event: reported | (alert if event.startswith("alert.") else set())
        for event, reported in table.items()
    }


def test_every_log_event_is_documented_and_no_other() -> None:
    assert set(event_rows()) == events()


# commands.md


def test_every_command_and_option_is_documented_and_no_other() -> None:
    page = sections(DOCS / "commands.md")
    common = set(first_codes(page["Commands"], header="option"))
    names = commands.list_commands(click.Context(commands))
    assert [heading.strip("`") for heading in page if heading.startswith("`")] == names
    for name in names:
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        options = {
            next(o for o in one.opts if o.startswith("--"))
            for one in command.params
            if isinstance(one, click.Option)
        }
        text = page[f"`{name}`"]
        assert set(first_codes(text, header="option")) - common == options - common, (
            name
        )
        said = re.search(
            r"^Of the common options it takes (.+?)(?: only|\.)",
            text,
            flags=re.MULTILINE,
        )
        assert common & options == (set(codes(said[1])) if said else common), name


def test_the_choices_and_defaults_of_options_are_documented() -> None:
    page = sections(DOCS / "commands.md")
    for name in commands.list_commands(click.Context(commands)):
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        table = {
            row[0].strip("`"): row
            for text in ("Commands", f"`{name}`")
            for row in rows(page[text])
        }
        for one in command.params:
            if isinstance(one, click.Option) and isinstance(one.type, click.Choice):
                row = table[one.opts[0]]
                assert set(one.type.choices) <= set(codes(row[2])), (
                    f"{name} {one.opts[0]}"
                )


def test_the_readme_names_every_incident_of_the_demo() -> None:
    assert set(INCIDENTS) - {"missing-column"} <= set(codes(prose(README)))


# http.md


def test_every_route_is_documented_with_its_method_and_no_other(config: Config) -> None:
    views = Views(
        snapshot=lambda: empty_snapshot(config),
        now=lambda: datetime.now(UTC),
        config=lambda: config,
        exposition=Exposition(
            Telemetry("0"), lambda: empty_snapshot(config), lambda: datetime.now(UTC)
        ),
        history=lambda limit: (),
        past=State(),
        sql=lambda job: "",
        check_health=lambda: (True, ""),
        check_readiness=lambda: (True, ""),
        reload=lambda: None,
        evaluated_at=lambda: datetime.now(UTC),
    )
    found = {
        f"{method} {re.sub('{([a-z]+)(:path)?}', lambda name: name[1].upper(), route.path)}"
        for route in application(views).routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert set(first_codes(sections(DOCS / "http.md")["HTTP"], header="path")) == found


# operations.md


def test_every_reason_is_documented_and_no_other() -> None:
    text = sections(DOCS / "operations.md")["Troubleshooting by reason"]
    assert first_codes(text, header="reason") == [reason.value for reason in Reason]


# architecture.md


def test_every_room_is_in_the_architecture_and_no_other() -> None:
    there = {
        path.stem
        for path in (ROOT / "monitor").iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    }
    reported = first_codes(
        sections(DOCS / "architecture.md")["The rooms"], header="room"
    )
    assert sorted(name.rstrip("/") for name in reported) == sorted(there - {"__init__"})


# all pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), link
        assert goal.is_relative_to(ROOT), link
        assert not anchor or anchor in slugs(goal), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_line_of_a_table_has_all_cells(page: Path) -> None:
    """A cell too few is shown as an empty one, a cell too many not at all."""
    for head, *lines in tables_in(page):
        assert [line for line in lines if _cells(line) != _cells(head)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_has_two_lines_in_one_table(page: Path) -> None:
    """Two people who write of one thing leave two lines, of which a merge makes no conflict."""
    for _, _, *lines in tables_in(page):
        names = Counter(line.split("|")[1].strip() for line in lines)
        assert [
            name for name, times in names.items() if times > 1 and name != "–"
        ] == []


def tables_in(page: Path) -> Iterator[list[str]]:
    """List the lines of each table: its head, what lies below that, and the rest."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE):
        yield table.splitlines()


def _cells(line: str) -> int:
    """Count the cells of a line; what stands in code is no border."""
    return re.sub(r"`[^`]*`|\\\|", "", line).count("|") - 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    for code in codes(prose(page)):
        if re.fullmatch(
            r"(?:docs|deploy|scripts|tests|monitor|requirements|queries|\.ci)/[\w./-]*",
            code,
        ):
            assert "NAME" in code or (ROOT / code).exists(), code


def test_each_of_the_twelve_changes_touches_four_files_at_most() -> None:
    table = rows(sections(ROOT / "CONTRIBUTING.md")["Twelve changes"], header="change")
    assert len(table) == 12
    for change, files, tells in table:
        assert codes(files), f"{change}: no file"
        assert all(code.startswith("monitor/") for code in codes(files)), change
        assert len(codes(files)) <= 4, f"{change}: {len(codes(files))} files"
        assert tells, f"{change}: what tells?"


def test_every_page_can_be_found_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [README]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(prose(page)))
        waiting += [
            (page.parent / link).resolve()
            for link in links
            if link and "://" not in link
        ]
    assert reached == set(PAGES)


def test_decisions_are_numbered_and_have_three_parts() -> None:
    files = sorted((DOCS / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in files]
    assert len(set(numbers)) == len(numbers)
    for number, path in zip(numbers, files, strict=True):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. "), path.name
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, flags=re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequence",
        ]


def test_no_tracked_file_is_a_link_that_leads_out_of_the_repository() -> None:
    listed = [ROOT, *tracked()]
    links = [path for path in listed if path.is_symlink()]
    left_in_git = subprocess.run(
        ["git", "ls-files", "--stage"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert len(listed) > 100
    assert links == []
    assert [line for line in left_in_git if line.startswith("120000")] == []


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [
        ROOT / name
        for name in done.stdout.decode().split("\0")
        if name and (ROOT / name).is_file()
    ]


def test_no_file_names_a_package_index_or_a_place_of_this_machine() -> None:
    # In pieces, so that this file is not one of them.
    words = (
        "pypi" + r"\.(?:org|io|python)",
        "python" + "hosted",
        "index" + "-url",
        "trusted" + "-host",
        "/simple" + r"/?\s",
        "/work" + "/(?:main|shared)",
        "/home" + "/[a-z]",
        r"(?<![\w.~])/root" + "/",
    )
    pattern = re.compile("|".join(words))
    found = []
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


# The examples: of the installation, and of a query of one's own


def blocks(page: Path, language: str) -> Iterator[str]:
    for kind, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == language:
            yield text


def block(language: str, start: str) -> str:
    """Return a block of the installation's page."""
    found = blocks(DOCS / "install.md", language)
    return next(text for text in found if text.startswith(start))


def files_of_the_example(page: Path) -> dict[str, str]:
    """Return the example's files by their paths, which their first lines say."""
    found = {}
    for language, mark in (("sql", "-- "), ("toml", "# ")):
        for text in blocks(page, language):
            first = text.partition("\n")[0].removeprefix(mark)
            if first.startswith("my-queries/"):
                found[first] = text
    return found


@pytest.fixture
def app(mariadb: PrivateMariaDB, schema: str) -> str:
    with mariadb.connect(schema) as connection:
        create_tables(connection, schema)
        populate(connection, now=datetime.now(UTC))
    return schema


@pytest.fixture(params=[README, DOCS / "queries.md"], ids=["short", "whole"])
def example(request: pytest.FixtureRequest) -> Path:
    """Return the page with the example: in a few lines, or with all that there is."""
    assert isinstance(request.param, Path)
    return request.param


@pytest.fixture
def with_example(tmp_path: Path, example: Path) -> Callable[[str], Path]:
    """Write the example's files, and a config.toml that has them."""

    def write(config: str) -> Path:
        for name, text in files_of_the_example(example).items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        path = tmp_path / "config.toml"
        path.write_text('query_dirs = ["my-queries"]\n' + config, encoding="utf-8")
        return path

    return write


def test_the_installations_configuration_is_valid_and_gives_what_it_shows(
    tmp_path: Path, with_example: Callable[[str], Path]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(block("toml", "# config.toml"), encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "main").write_text("a long password")
    (tmp_path / "secrets" / "main").chmod(0o600)
    done = run_command("validate", "--config", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    # What it has counted grows with each query and rule, and is not on the page.
    said = "config.toml: ok:"
    assert done.stdout.startswith(said)
    assert f"`{said}`" in (DOCS / "install.md").read_text(encoding="utf-8")
    path = with_example(
        block("toml", "# config.toml") + block("toml", "[receivers.chat]")
    )
    assert run_command("validate", "--config", str(path)).returncode == 0


def test_the_installations_account_may_read_and_nothing_else(
    mariadb: PrivateMariaDB, app: str, tmp_path: Path
) -> None:
    user = f"tm_{app}"
    statements = (
        block("sql", "CREATE USER")
        .replace("app.*", f"{app}.*")
        .replace("token_monitor", user)
    )
    with mariadb.connect() as connection, connection.cursor() as cursor:
        for statement in (
            statements.replace("10.0.0.%", "localhost").strip().split(";\n")
        ):
            cursor.execute(statement.rstrip(";"))
    (tmp_path / "password").write_text("change me\n", encoding="utf-8")
    try:
        path = write_config(
            tmp_path,
            mariadb,
            app,
            target={"user": user, "password_file": str(tmp_path / "password")},
        )
        done = run_command("validate", "--connect", "--config", str(path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout
        assert run_command("check", "--schema", "--config", str(path)).returncode == 0
    finally:
        with mariadb.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER '{user}'@localhost")


def test_the_query_of_the_example_runs_alerts_and_all_that_is_seen_of_it_is_documented(
    mariadb: PrivateMariaDB,
    app: str,
    tmp_path: Path,
    example: Path,
    with_example: Callable[[str], Path],
    hook: Hook,
    config: Config,
) -> None:
    plain = write_config(tmp_path, mariadb, app, extra=webhook(hook.url)).read_text(
        encoding="utf-8"
    )
    path = with_example(plain + '\n[rules.SubscribersDeactivated]\nfor = "0s"\n')
    arguments = ("deactivated_subscribers", "--config", str(path))
    healthy = run_command("check", *arguments)
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    with mariadb.connect(app) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.id, s.plan_type FROM users u JOIN user_subscriptions s ON s.user_id = u.id"
            " WHERE s.is_active = 1 ORDER BY u.id LIMIT 1"
        )
        ((user, plan),) = cursor.fetchall()
        cursor.execute(
            "UPDATE users SET is_active = 0, updated_at = UTC_TIMESTAMP() - INTERVAL 8 DAY WHERE id = %s",
            (user,),
        )
    assert run_command("check", *arguments).returncode == 1
    assert (
        f'token_subscribers_deactivated{{plan="{plan}"}} 1'
        in run_command("query", *arguments).stdout
    )
    with running(path) as daemon:
        hook.wait_for("firing", "SubscribersDeactivated")
        fired = daemon.wait_for("alert.fired", alertname="SubscribersDeactivated")
        assert (
            fired["annotations"]["summary"]
            == f"1 deactivated users on main still pay for {plan}"
        )
        evidence = [] if example == README else [{"user_id": user}]
        assert fired["evidence"] == evidence
        # What is only there with an application's source is not here.
        here = [job for job in config.jobs if job.query.contract is None]
        for name in {job.query.name for job in here}:
            daemon.wait_for("run.finished", query=name)
        exposed = re.findall(
            r"^# TYPE (\w+) ", daemon.get("/metrics")[1], flags=re.MULTILINE
        )
    page = sections(DOCS / "metrics.md")
    documented = first_codes(
        page["Domain metrics"] + page["The monitor's own"], header="metric"
    )
    assert set(exposed) - set(documented) == {"token_subscribers_deactivated"}
    _check_fields(daemon.events)


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.close()


def _check_fields(seen: Iterable[dict[str, object]]) -> None:
    reported = event_rows()
    for event in seen:
        fields = set(event) - {"timestamp", "level", "event"}
        assert fields <= reported[str(event["event"])], (
            f"{event['event']}: {fields - reported[str(event['event'])]}"
        )


def test_every_update_that_is_shown_has_its_risks_and_a_count_before_it(
    config: Config,
) -> None:
    texts = {
        page.name: page.read_text(encoding="utf-8")
        for page in (DOCS / "runbooks").glob("*.md")
    }
    for job in config.jobs:
        texts[job.query.name] = job.query.statement.text
        texts.update(
            {
                rule.name: "\n".join(rule.annotations.values())
                for rule in job.query.rules
            }
        )
    shown = {
        name: text
        for name, text in texts.items()
        if re.search(r"^UPDATE ", text, re.MULTILINE)
    }
    assert {"column-missing.md", "uninitialized-balances.md", "missing_columns"} <= set(
        shown
    )
    for name, text in shown.items():
        before = text[: re.search(r"^UPDATE ", text, re.MULTILINE).start()]  # type: ignore[union-attr] # it is there
        assert re.search(r"would_be_filled", before), name
        assert re.search(r"First, before any SQL|Before you run this", before), name
