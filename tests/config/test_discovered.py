"""Targets of lists: what a file may hold, what becomes of it, what is refused and where that is said."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.sources import AskInDirectory, FaultsOf, Groups
from monitor.config.target_lists import read_answer
from monitor.model.discovery import HttpSdSettings
from monitor.model.errors import ConfigError, Problem
from monitor.model.settings import Config
from monitor.model.targets import PasswordSource, Target
from tests.config.folder import TARGET, Folder

LISTED = 'targets_file = "targets/*.yml"\n'
DEFAULTS = '[targets_defaults]\nuser = "watcher"\ndatabase = "app"\n'
ONE = "- targets: [db1.example.com]\n"


def write(folder: Folder, text: str, name: str = "one.yml") -> None:
    """Write a list of targets."""
    path = folder.path / "targets" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def load(folder: Folder, defaults: str = DEFAULTS, head: str = LISTED) -> Config:
    """Load a configuration whose targets are all in files."""
    return folder.load(head + defaults)


def targets_of(config: Config) -> dict[str, Target]:
    """Return the targets by their names."""
    return {target.name: target for target in config.targets}


def problems_of(folder: Folder, defaults: str = DEFAULTS) -> list[str]:
    """Return why such a configuration cannot be loaded."""
    return folder.problems(LISTED + defaults)


def test_each_address_is_a_target_with_what_the_defaults_and_its_labels_say(
    folder: Folder,
) -> None:
    folder.query("own", 'summary = "s"')
    write(
        folder,
        """
- targets: ["db1.example.com:3307", "10.0.0.2", "[2001:db8::1]:3308"]
  labels: {region: eu, empty: ""}
- targets: ["127.0.0.1:3309"]
  labels:
    __name__: shop
    __user__: other
    __database__: shop
    __meta_kubernetes_pod: ignored
    __scheme__: ignored
""",
    )
    defaults = DEFAULTS + (
        'port = 3310\npassword_env = "P"\nmax_connections = 3\n'
        'labels = { region = "us", team = "db" }\nqueries = ["own"]\n'
    )
    config = load(folder, defaults)
    found = targets_of(config)
    assert {
        name: (one.host, one.port, one.user, one.database, one.tls.mode)
        for name, one in found.items()
    } == {
        "db1.example.com:3307": (
            *("db1.example.com", 3307, "watcher", "app", "verify_identity"),
        ),
        "10.0.0.2": ("10.0.0.2", 3310, "watcher", "app", "verify_identity"),
        "[2001:db8::1]:3308": (
            *("2001:db8::1", 3308, "watcher", "app", "verify_identity"),
        ),
        "shop": ("127.0.0.1", 3309, "other", "shop", "disabled"),
    }
    assert found["10.0.0.2"].labels == {"region": "eu", "team": "db"}
    assert found["shop"].labels == {"region": "us", "team": "db"}
    assert all(one.password == PasswordSource(env="P") for one in config.targets)
    assert all(one.max_connections == 3 for one in config.targets)
    assert [job.query.name for job in config.jobs] == ["own"] * 4


def test_tables_and_files_of_both_kinds_are_watched_together(folder: Folder) -> None:
    folder.query("own", 'summary = "s"')
    write(folder, ONE, "b.yaml")
    write(folder, json.dumps([{"targets": ["db2:1"]}], indent="\t"), "a.json")
    config = folder.load(f'targets_file = "targets/*"\n{DEFAULTS}{TARGET}')
    assert list(targets_of(config)) == ["main", "db2:1", "db1.example.com"]
    assert config.targets_files is not None
    assert [path.name for path in config.targets_files.marks] == ["a.json", "b.yaml"]
    assert all(config.targets_files.marks.values())


def test_a_password_is_a_file_of_one_folder_by_the_name_that_a_label_says(
    folder: Folder,
) -> None:
    write(folder, ONE + "  labels: {__secret__: main}\n")
    config = load(folder, DEFAULTS + 'secrets_directory = "secrets"\n')
    assert config.targets[0].password == PasswordSource(
        file=folder.path / "secrets" / "main"
    )


@pytest.mark.parametrize(
    "name", ["../main", "/etc/shadow", "a/b", ".hidden", "..", "a b"]
)
def test_a_list_cannot_name_any_other_file_to_be_sent_as_a_password(
    folder: Folder, name: str
) -> None:
    write(folder, ONE + f"  labels: {{__secret__: '{name}'}}\n")
    assert problems_of(folder, DEFAULTS + 'secrets_directory = "s"\n') == [
        "targets/one.yml:2: [0].labels.__secret__: is not the name of a secret;"
        " allowed: letters, digits and ._-"
    ]


@pytest.mark.parametrize(
    ("defaults", "labels", "problem"),
    [
        (
            'secrets_directory = "s"',
            "{}",
            "1: [0]: no secret; give the label __secret__, a file in secrets_directory",
        ),
        (
            "",
            "{__secret__: a}",
            '2: [0].labels.__secret__: takes "secrets_directory" in [targets_defaults]',
        ),
        (
            "",
            "{__usr__: a}",
            '2: [0].labels.__usr__: unknown label of the monitor; did you mean "__user__"?',
        ),
        (
            "",
            "{__user__: ' a'}",
            "2: [0].labels.__user__: is empty, or has blanks around it or characters that"
            " are not printed",
        ),
        (
            "",
            "{job: a}",
            '2: [0].labels.job: label "job" is reserved; call it something else, such as "own_job"',
        ),
        (
            "",
            "{query: a}",
            '2: [0].labels.query: label "query" is reserved for alerts about the monitor itself',
        ),
        (
            "",
            "{a-b: c}",
            '2: [0].labels.a-b: "a-b" is not a label name; allowed: letters, digits and _,'
            " no digit first",
        ),
        (
            "",
            "{shard: 1}",
            "2: [0].labels.shard: 1 is an integer; allowed: text, in quotes",
        ),
        ("", "[a]", "2: [0].labels: found a list; allowed: label names and values"),
        ("", r'{a: "\ud800"}', "2: [0].labels.a: is not UTF-8 text"),
    ],
)
def test_labels_that_cannot_be_are_refused_where_they_stand(
    folder: Folder, defaults: str, labels: str, problem: str
) -> None:
    write(folder, ONE + f"  labels: {labels}\n")
    assert problems_of(folder, DEFAULTS + defaults + "\n") == [
        f"targets/one.yml:{problem}"
    ]


@pytest.mark.parametrize(
    "address",
    [
        "user:hunter2@db1:3306",
        "mysql://user:hunter2@db1/app",
        "db1:port",
        "db1:99999",
        "::1",
        "db1:0",
        "",
        " db1",
        "/run/s.sock",
    ],
)
def test_an_address_that_is_none_is_refused_and_no_password_in_it_repeated(
    folder: Folder, address: str
) -> None:
    write(folder, f"- targets: ['{address}']\n")
    (problem,) = problems_of(folder)
    assert problem.startswith("targets/one.yml:1: [0].targets[0]: ")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": is empty; allowed: a list of targets and labels"),
        ("a: b", ": is not a list; allowed: a list of targets and labels"),
        ("- a", ':1: [0]: "a" is a string; allowed: targets and labels'),
        ("- target: [a]", ':1: [0].target: unknown key; did you mean "targets"?'),
        (
            "- targets: a",
            ':1: [0].targets: "a" is a string; allowed: a list of "host:port"',
        ),
        ("- targets: [1]", ':1: [0].targets[0]: allowed: "host:port", in quotes'),
        (
            "- targets: [a\n",
            ":2: no valid YAML: expected ',' or ']', but got '<stream end>'",
        ),
    ],
)
def test_a_file_of_another_shape_is_refused(
    folder: Folder, text: str, problem: str
) -> None:
    write(folder, text)
    assert problems_of(folder) == [f"targets/one.yml{problem}"]


def test_json_says_its_line_too_and_another_kind_of_file_is_none(
    folder: Folder,
) -> None:
    write(folder, '[\n{"targets": ["a"],}]', "a.json")
    write(folder, "", "b.toml")
    assert folder.problems(f'targets_file = "targets/*"\n{DEFAULTS}') == [
        "targets/a.json:2: no valid JSON: Illegal trailing comma before end of object"
        if "trailing" in _json_fault()
        else f"targets/a.json:2: no valid JSON: {_json_fault()}",
        "targets/b.toml: is no list of targets by its name; allowed: .json, .yml, .yaml",
    ]


def _json_fault() -> str:
    """Return what this Python says of a comma too many."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads('{"a": 1,}')
    return caught.value.msg


def test_no_file_and_no_target_in_any_is_never_taken_for_nothing_to_watch(
    folder: Folder,
) -> None:
    assert problems_of(folder) == [
        'config.toml:3: targets_file: no file fits "targets/*.yml"'
    ]
    write(folder, "[]")
    write(folder, "- targets: []", "two.yml")
    assert problems_of(folder) == [
        'config.toml:3: targets_file: no file that fits "targets/*.yml" names a target'
    ]
    write(folder, ONE, "two.yml")
    assert list(targets_of(load(folder))) == ["db1.example.com"]


def test_two_targets_of_one_name_are_refused(folder: Folder) -> None:
    named = "  labels: {__name__: main}\n"
    write(folder, ONE + named)
    write(folder, "- targets: [a, b]\n" + named, "two.yml")
    assert folder.problems(LISTED + DEFAULTS + TARGET) == [
        'targets/one.yml:1: [0].targets[0]: there is a target "main" already, in'
        " config.toml:8; give another __name__",
        'targets/two.yml:1: [0].targets[0]: there is a target "main" already, in'
        " config.toml:8; give another __name__",
        'targets/two.yml:1: [0].targets[1]: there is a target "main" already, in'
        " config.toml:8; give another __name__",
    ]


def test_without_an_account_every_problem_says_where_to_give_it(
    folder: Folder,
) -> None:
    write(folder, ONE)
    assert problems_of(folder, "") == [
        'targets/one.yml:1: [0]: no database; give "database" in [targets_defaults] or the'
        " label __database__",
        'targets/one.yml:1: [0]: no user; give "user" in [targets_defaults] or the label'
        " __user__",
    ]


def test_a_label_that_a_query_has_is_refused_in_the_list(folder: Folder) -> None:
    folder.query(
        "own",
        'summary = "s"\n[metrics.m]\nhelp = "h"\nlabels = ["plan"]\nvalue = "x"\n',
        "SELECT 1 AS x, 'p' AS plan",
    )
    write(folder, ONE + "  labels:\n    plan: pro\n")
    assert problems_of(folder) == [
        'targets/one.yml:3: [0].labels.plan: query "own" has a label of this name'
    ]


def test_addresses_and_literal_passwords_do_not_belong_into_the_defaults(
    folder: Folder,
) -> None:
    write(folder, ONE)
    found = problems_of(
        folder, DEFAULTS + 'host = "h"\nunix_socket = "/s"\npassword = "hunter2"\n'
    )
    assert [problem.partition(": ")[2].partition(":")[0] for problem in found] == [
        *("targets_defaults.host", "targets_defaults.unix_socket"),
        "targets_defaults.password",
    ]
    assert "hunter2" not in "".join(found)


# Shards


def test_each_target_is_on_as_many_shards_as_there_are_replicas_and_jobs_go_with_it(
    folder: Folder,
) -> None:
    folder.query("own", 'summary = "s"')
    write(folder, f"- targets: {[f'db{n}' for n in range(50)]}")
    watched: list[str] = []
    for index in range(3):
        config = load(folder, head=f'shard = "{index}/3"\nreplicas = 2\n{LISTED}')
        names = [target.name for target in config.targets]
        assert config.elsewhere == {f"db{n}" for n in range(50)} - set(names)
        assert [job.target.name for job in config.jobs] == names
        assert (config.shard and str(config.shard), config.replicas) == (
            f"{index}/3",
            2,
        )
        watched += names
    assert sorted(watched) == sorted([f"db{n}" for n in range(50)] * 2)


def test_a_shard_may_have_nothing_to_watch_and_refuses_what_the_others_refuse(
    folder: Folder,
) -> None:
    folder.query("own", 'summary = "s"')
    head = 'shard = "{}/2"\n'
    heartbeat = '[heartbeat]\nurl = "http://h/"\nqueries = ["own"]\n'
    idle = [
        folder.load(head.format(index) + TARGET + heartbeat).targets == ()
        for index in range(2)
    ]
    assert sorted(idle) == [False, True]
    bad = TARGET + "port = 0\n"
    assert folder.problems(head.format(0) + bad) == folder.problems(
        head.format(1) + bad
    )


@pytest.mark.parametrize(
    ("file", "environ", "shard"),
    [
        ("1/3", {}, "1/3"),
        ("auto/3", {"HOSTNAME": "token-monitor-2"}, "2/3"),
        ("0/3", {"TOKEN_MONITOR_SHARD": "2/4"}, "2/4"),
        (None, {"TOKEN_MONITOR_SHARD": "auto/4", "HOSTNAME": "m-0"}, "0/4"),
        (None, {"HOSTNAME": "m-0"}, "None"),
    ],
)
def test_the_environment_says_which_shard_a_pod_is(
    folder: Folder, file: str | None, environ: dict[str, str], shard: str
) -> None:
    text = "" if file is None else f'shard = "{file}"\n'
    assert str(folder.load(text + TARGET, ask=None, **environ).shard) == shard


@pytest.mark.parametrize(
    ("shard", "replicas", "problem"),
    [
        (
            "3/3",
            1,
            "shard: there is no shard 3/3: shards are counted from 0, so the last one of 3 is 2",
        ),
        (
            "0/0",
            1,
            "shard: there is no shard 0/0: shards are counted from 0, so the last one of 0 is -1",
        ),
        (
            "first",
            1,
            'shard: "first" is not a shard; allowed: "0/3" for the first of three, or "auto/3"',
        ),
        (
            "auto/3",
            1,
            'shard: "auto/3" takes a number at the end of the variable HOSTNAME, such as'
            " monitor-2; or set TOKEN_MONITOR_SHARD",
        ),
        ("0/2", 3, "replicas: 3 is more than the 2 shards that there are"),
    ],
)
def test_a_shard_that_cannot_be_is_refused(
    folder: Folder, shard: str, replicas: int, problem: str
) -> None:
    (found,) = folder.problems(f'shard = "{shard}"\nreplicas = {replicas}\n{TARGET}')
    assert found.partition(": ")[2] == problem


# http_sd


HTTP_SD = '[http_sd]\nurl = "http://sd.example.com/"\n'


def test_what_an_address_names_is_watched_too_and_without_asking_there_is_nothing_of_it(
    folder: Folder,
) -> None:
    folder.query("own", 'summary = "s"')
    asked: list[tuple[Path, HttpSdSettings]] = []

    def ask(directory: Path, settings: HttpSdSettings, _faults_of: FaultsOf) -> Groups:
        asked.append((directory, settings))
        return read_answer('[{"targets": ["db9"], "labels": {"region": "eu"}}]')

    config = folder.load(HTTP_SD + DEFAULTS, ask=ask)
    assert list(targets_of(config)) == ["db9"]
    assert asked == [(folder.path / "state", config.http_sd)]
    assert folder.load(HTTP_SD + DEFAULTS).targets == ()


def test_why_it_could_not_be_asked_is_a_problem_that_may_pass(folder: Folder) -> None:
    def ask(_: Path, _settings: HttpSdSettings, _faults_of: FaultsOf) -> Groups:
        raise ConfigError((Problem("http_sd", "no answer", may_pass=True),))

    with pytest.raises(ConfigError) as caught:
        folder.load(HTTP_SD + DEFAULTS + TARGET, ask=ask)
    assert str(caught.value) == "http_sd: no answer"
    assert caught.value.may_pass


def test_who_asks_can_tell_what_is_wrong_with_a_list_before_it_is_taken(
    folder: Folder,
) -> None:
    """As where a list is bad and one of before is at hand."""

    def ask(_: Path, _settings: HttpSdSettings, faults_of: FaultsOf) -> Groups:
        for bad in (
            '[{"targets": ["db8"]}, {"targets": [":x"]}]',
            '[{"targets": ["one"]}]',
        ):
            faults.extend(map(str, faults_of(read_answer(bad))))
        good = read_answer('[{"targets": ["db9"]}]')
        assert faults_of(good) == ()
        return good

    faults: list[str] = []
    config = folder.load(HTTP_SD + DEFAULTS + TARGET.replace("main", "one"), ask=ask)
    assert list(targets_of(config)) == ["one", "db9"]
    assert len(faults) == 2
    assert "[1].targets[0]" in faults[0]
    assert 'there is a target "one" already' in faults[1]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("<html>", "http_sd:1: no valid JSON: Expecting value"),
        ("{}", "http_sd: is not a list; allowed: a list of targets and labels"),
        ("[]", "http_sd: the answer names no target"),
        ('[{"targets": []}]', "http_sd: the answer names no target"),
        (
            '[{"targets": [1]}]',
            'http_sd: [0].targets[0]: allowed: "host:port", in quotes',
        ),
        ("[" * 100_000, "http_sd: no valid JSON that can be read"),
    ],
)
def test_an_answer_that_is_no_list_of_targets_is_refused(
    answer: str, problem: str
) -> None:
    with pytest.raises(ConfigError, match="http_sd") as caught:
        read_answer(answer)
    assert str(caught.value).splitlines() == [problem]


_WORDS = st.sampled_from(
    [
        *("targets", "labels", "__name__", "__user__", "__secret__", "region"),
        *(
            "db1",
            "db1:3306",
            "[::1]:1",
            "user:hunter2@db1",
            "@",
            ":",
            "\ud800",
            "é",
            "",
        ),
    ]
)
_LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _WORDS, st.text()
)


def _nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(
        inner, st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)
    )


_ANYTHING = _nested(_nested(_LEAF))
_LIKELY = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "targets": st.lists(st.one_of(_WORDS, _ANYTHING), max_size=3),
            "labels": st.dictionaries(_WORDS, st.one_of(_WORDS, _ANYTHING), max_size=3),
        },
    ),
    max_size=3,
)


@given(st.one_of(_ANYTHING, _LIKELY))
def test_whatever_an_address_answers_gives_targets_or_problems_and_nothing_else(
    answer: object,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        folder = Folder(Path(directory))
        text = json.dumps(answer)

        told_before: list[tuple[Problem, ...]] = []

        def ask(_: Path, _settings: HttpSdSettings, faults_of: FaultsOf) -> Groups:
            groups = read_answer(text)
            told_before.append(faults_of(groups))
            return groups

        config, said = loaded(folder, ask)
    for faults in told_before:
        assert "\n".join(map(str, faults)) == said
    # What may be a password in an address is never repeated; the names of labels are.
    assert not re.search(r"targets\[\d+\]: .*hunter2", said)
    assert bool(said) is (config is None)
    if config is not None:
        assert config.targets
        for target in config.targets:
            assert target.name.encode()
            assert target.host
            assert all(value.encode() for value in target.labels.values())


def loaded(folder: Folder, ask: AskInDirectory) -> tuple[Config | None, str]:
    """Return the configuration, or what is wrong with it."""
    try:
        return folder.load(HTTP_SD + DEFAULTS, ask=ask), ""
    except ConfigError as error:
        return None, str(error)
