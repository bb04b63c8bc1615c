"""`silence`: hold notices of alerts back for a while, end that, or list what is held back."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import click
import orjson

from monitor.cli import FAILED, OK
from monitor.cli.asking_daemon import (
    answer_of,
    refusal,
    with_password_options,
    write,
)
from monitor.cli.daemon_client import DaemonRequest, web_of
from monitor.cli.options import CommonOptions, format_option, with_common_options
from monitor.cli.output import echo, table
from monitor.model.errors import MonitorError
from monitor.model.label_matchers import (
    LabelMatcher,
    MatchOperator,
    matcher_text,
    matcher_to_json,
    parse_matcher,
)
from monitor.model.process_settings import Web
from monitor.timing.durations import parse_duration

_PATH: Final = "/api/v2/silences"
_DEFAULT: Final = "1h"
"""As amtool's."""


@click.command("silence")
@click.argument("action", type=click.Choice(["add", "list", "end"]))
@click.argument("words", nargs=-1)
@click.option(
    "--for", "length", help=f"Of add: how long, such as 2h. Default: {_DEFAULT}."
)
@click.option("--until", help="Of add: until when, such as 2026-11-22T16:00:00Z.")
@click.option("--comment", help="Of add: why; the page shows it.")
@click.option("--by", help="Of add: who says so, where that is not the user alone.")
@click.option("--expired", is_flag=True, help="Of list: also those that are over.")
@with_password_options
@format_option
@with_common_options
def command(
    action: str,
    words: tuple[str, ...],
    length: str | None,
    until: str | None,
    comment: str | None,
    by: str | None,
    expired: bool,
    headers: Mapping[str, str],
    form: str,
    common: CommonOptions,
) -> int:
    """Hold notices of the alerts back that all matchers fit (`add`), end that (`end ID`), or list it.

    Alerts are judged as ever, and shown; what still fires at the end is told then. Exit codes: 0, 1 when the
    daemon did not answer or refused.

    \b
    token-monitor silence add alertname=TokenBalancesLow plan=~"pro|max" --for 2h --comment "import runs"
    token-monitor silence list
    token-monitor silence end 6f0c1b0e-6d1c-4c4e-9a53-0f1f0f3f2d11
    """
    web = web_of(common.config_path)
    of_add = {"--for": length, "--until": until, "--comment": comment, "--by": by}
    if action == "add":
        _refuse(action, {"--expired": expired})
        body = _silence(words, length, until)
        body.update(comment=comment or "", createdBy=by or "")
        return _add(web, body, headers)
    _refuse(action, of_add)
    if action == "end":
        _refuse(action, {"--expired": expired})
        return _end(web, words, headers)
    return _list(web, words, headers, form=form, expired=expired)


def _refuse(action: str, options: Mapping[str, object]) -> None:
    """Refuse options that mean nothing here, rather than leave them out silently."""
    for name, value in options.items():
        if value:
            raise click.UsageError(f"{name} means nothing with {action}")


def _silence(
    words: Sequence[str], length: str | None, until: str | None
) -> dict[str, Any]:
    """Return the silence that is asked for, as the API takes it; UsageError."""
    if not words:
        raise click.UsageError("give matchers, such as alertname=TokenBalancesLow")
    if length and until:
        raise click.UsageError("give either --for or --until")
    matchers = [matcher_to_json(one) for one in _matchers(words)]
    ends_at = until or _from_now(length or _DEFAULT)
    return {"matchers": matchers, "endsAt": ends_at}


def _matchers(words: Sequence[str]) -> list[LabelMatcher]:
    # As amtool: a first word alone is the alert's name.
    named = [f"alertname={words[0]}"] if words[0].isidentifier() else [words[0]]
    try:
        return [parse_matcher(word) for word in (*named, *words[1:])]
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _from_now(length: str) -> str:
    try:
        parsed = parse_duration(length)
        if not timedelta(0) < parsed:
            raise click.UsageError("--for: is to be above 0s")
        return (datetime.now(UTC) + parsed).isoformat()
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--for: {error}") from None


def _add(web: Web, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    answer = write(web, "POST", _PATH, body, headers)
    if answer.status != http.client.OK:
        click.echo(refusal(answer), err=True)
        return FAILED
    echo(str(orjson.loads(answer.text)["silenceID"]))
    return OK


def _end(web: Web, ids: Sequence[str], headers: Mapping[str, str]) -> int:
    if not ids:
        raise click.UsageError("give the ids of what is to end; silence list has them")
    code = OK
    for id_ in ids:
        answer = write(
            web, "DELETE", f"/api/v2/silence/{quote(id_, safe='')}", None, headers
        )
        if answer.status != http.client.OK:
            click.echo(f"{id_}: {refusal(answer)}", err=True)
            code = FAILED
    return code


def _list(
    web: Web,
    words: Sequence[str],
    headers: Mapping[str, str],
    *,
    form: str,
    expired: bool,
) -> int:
    if words:
        raise click.UsageError("list takes no matchers")
    answer = answer_of(web, DaemonRequest("GET", _PATH, headers=headers))
    if answer.status != http.client.OK:
        click.echo(refusal(answer), err=True)
        return FAILED
    found = [
        one
        for one in _silences(answer.text)
        if expired or one["status"]["state"] != "expired"
    ]
    if form == "json":
        echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return OK
    header = ("ID", "STATE", "MATCHERS", "SINCE", "UNTIL", "BY", "COMMENT")
    echo(table([_row(one) for one in found], header) if found else "no silences")
    return OK


def _silences(text: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MonitorError(f"the answer cannot be read: {error}") from None
    return found


def _row(silence: Mapping[str, Any]) -> tuple[str, ...]:
    matchers = [_matcher_text(one) for one in silence["matchers"]]
    return (
        silence["id"],
        silence["status"]["state"],
        " ".join(matchers),
        silence["startsAt"],
        silence["endsAt"],
        silence["createdBy"],
        silence["comment"],
    )


def _matcher_text(matcher: Mapping[str, Any]) -> str:
    operator = MatchOperator.of(
        is_regex=matcher["isRegex"], is_positive=matcher["isEqual"]
    )
    return matcher_text(matcher["name"], operator, matcher["value"])
