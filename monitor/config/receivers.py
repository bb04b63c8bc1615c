"""`[receivers.NAME]` to receivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, assert_never, get_args
from urllib.parse import urlsplit

from monitor.config.labels import EMPTY_LABEL, label_fault
from monitor.config.mail import read_mail
from monitor.config.schema import (
    AlertmanagerShape,
    EmailShape,
    PagerdutyShape,
    ReceiverShape,
    SlackShape,
    WebhookShape,
)
from monitor.config.toml.document import Section
from monitor.config.toml.problems import Problems
from monitor.config.toml.text_files import refuse_irregular
from monitor.config.toml.validation import try_validate, validate
from monitor.model.body_template import BodyTemplate, is_json
from monitor.model.hosts import is_loopback
from monitor.model.settings import (
    PasswordSource,
    Receiver,
    ReceiverKind,
    Severity,
    labels_of,
)

_DEFAULT_TIMEOUT: Final = timedelta(seconds=10)
_MOST_CHARACTERS_OF_A_TEMPLATE: Final = 100_000

_Complete = Callable[[Receiver, Section, Path, Problems], Receiver | None]
"""Adds to a receiver what its kind has of its own; None where the shape of that has a problem."""


def read_receiver(
    name: str, section: Section, base: Path, problems: Problems
) -> Receiver | None:
    """Check one receiver; None where it has a problem."""
    before = len(problems)
    common = try_validate(ReceiverShape, _only(section, ReceiverShape), problems)
    if common is None:
        return None
    own = _without_strangers(common.kind, section, problems)
    for label, value in common.match.items():
        fault = label_fault(label)
        if fault is not None and "reserved" not in fault:
            problems.add(section.origin("match", label), fault)
        elif not value:
            problems.add(section.origin("match", label), EMPTY_LABEL)
    receiver = Receiver(
        name=name,
        kind=common.kind,
        min_severity=Severity(common.min_severity),
        match=labels_of(common.match),
        send_resolved=common.send_resolved,
        watchdog=common.watchdog,
        timeout=_DEFAULT_TIMEOUT if common.timeout is None else common.timeout,
    )
    if common.repeat_interval is not None:
        receiver = replace(receiver, repeat_interval=common.repeat_interval)
    complete = _complete_of(common.kind)(receiver, own, base, problems)
    return complete if len(problems) == before else None


def _without_strangers(
    kind: ReceiverKind, section: Section, problems: Problems
) -> Section:
    """Tell of keys that only other kinds have, and leave them out."""
    owners: dict[str, list[str]] = {}
    for other in sorted(KINDS):
        for key in _keys(_shape_of(other)):
            owners.setdefault(key, []).append(f'"{other}"')
    for key in section.data.keys() & owners.keys():
        if f'"{kind}"' not in owners[key]:
            of = f"kind{'s' if len(owners[key]) > 1 else ''} {', '.join(owners[key])}"
            problems.add(
                section.origin(key), f'belongs to {of}, this receiver is "{kind}"'
            )
            section = section.without(key)
    if kind == "alertmanager" and "repeat_interval" in section.data:
        message = 'an Alertmanager repeats by itself; it is sent what fires every "resend_delay"'
        problems.add(section.origin("repeat_interval"), message)
    return section


def _only(section: Section, shape: type[ReceiverShape]) -> Section:
    for key in section.data.keys() - set(_keys(shape)):
        section = section.without(key)
    return section


def _keys(shape: type[ReceiverShape]) -> list[str]:
    return [field.alias or name for name, field in shape.model_fields.items()]


def _alertmanager(
    receiver: Receiver, section: Section, base: Path, problems: Problems
) -> Receiver | None:
    # What all kinds have was told already; the same problem is kept once.
    shape = validate(AlertmanagerShape, section, problems)
    if not section.data.get("urls"):
        problems.add(
            section.origin("urls"),
            'is required for kind "alertmanager": at least one URL',
        )
    if shape is None:
        return None
    receiver = replace(receiver, urls=tuple(shape.urls or ()))
    return (
        receiver
        if shape.resend_delay is None
        else replace(receiver, resend_delay=shape.resend_delay)
    )


def _webhook(
    receiver: Receiver, section: Section, base: Path, problems: Problems
) -> Receiver | None:
    shape = validate(WebhookShape, section, problems)
    _require_one_url(section, problems)
    _refuse_two(section, "hmac_secret_file", "hmac_secret_env", problems)
    if shape is None:
        return None
    _check_headers(shape, section, problems)
    content_type = shape.content_type or "application/json"
    text = _template(shape, section, base, problems)
    if text is not None:
        _check_template(text, content_type, section, problems)
    elif "content_type" in section.data and "template_file" not in section.data:
        problems.add(
            section.origin("content_type"),
            'goes with "template" or "template_file" only',
        )
    return replace(
        _addressed(receiver, shape, base),
        headers=dict(shape.headers),
        header_files={
            header: base / path for header, path in shape.header_files.items()
        },
        hmac_secret=_source(shape.hmac_secret_file, shape.hmac_secret_env, base),
        template=text,
        content_type=content_type,
    )


def _slack(
    receiver: Receiver, section: Section, base: Path, problems: Problems
) -> Receiver | None:
    shape = validate(SlackShape, section, problems)
    _require_one_url(section, problems)
    return None if shape is None else _addressed(receiver, shape, base)


def _pagerduty(
    receiver: Receiver, section: Section, base: Path, problems: Problems
) -> Receiver | None:
    shape = validate(PagerdutyShape, section, problems)
    keys = ("routing_key_file", "routing_key_env")
    if not any(key in section.data for key in (*keys, "routing_key")):
        problems.add(
            section.origin(), f'give exactly one of "{keys[0]}" and "{keys[1]}"'
        )
    _refuse_two(section, *keys, problems)
    if shape is None:
        return None
    url = urlsplit(shape.url)
    if url.scheme != "https" and not is_loopback(url.hostname or ""):
        message = "the routing key is not sent without TLS beyond this machine; give https://…"
        problems.add(section.origin("url"), message)
    key = _source(shape.routing_key_file, shape.routing_key_env, base)
    return replace(receiver, urls=(shape.url,), routing_key=key)


def _email(
    receiver: Receiver, section: Section, base: Path, problems: Problems
) -> Receiver | None:
    shape = validate(EmailShape, section, problems)
    _refuse_two(section, "password_file", "password_env", problems)
    if shape is None:
        return None
    password = _source(shape.password_file, shape.password_env, base)
    return replace(receiver, mail=read_mail(shape, password, section, base, problems))


def _require_one_url(section: Section, problems: Problems) -> None:
    if ("url" in section.data) == ("url_file" in section.data):
        problems.add(section.origin(), 'give exactly one of "url" and "url_file"')


def _refuse_two(section: Section, first: str, second: str, problems: Problems) -> None:
    if first in section.data and second in section.data:
        problems.add(section.origin(second), f'give either "{first}" or "{second}"')


def _addressed(
    receiver: Receiver, shape: WebhookShape | SlackShape, base: Path
) -> Receiver:
    return replace(
        receiver,
        urls=() if shape.url is None else (shape.url,),
        url_file=None if shape.url_file is None else base / shape.url_file,
    )


def _source(
    file: str | None, variable: str | None, base: Path
) -> PasswordSource | None:
    if file is None and variable is None:
        return None
    return PasswordSource(None if file is None else base / file, variable)


_OURS = frozenset(
    {"content-length", "transfer-encoding", "connection", "host", "idempotency-key"}
)
"""Headers without which no request is whole, or that say what it is."""


def _check_headers(shape: WebhookShape, section: Section, problems: Problems) -> None:
    for key, headers in (
        ("headers", shape.headers),
        ("header_files", shape.header_files),
    ):
        for name in headers:
            if (
                not name.isascii()
                or not name.replace("-", "").replace("_", "").isalnum()
            ):
                problems.add(
                    section.origin(key, name), "is not the name of an HTTP header"
                )
            elif name.lower() in _OURS:
                problems.add(section.origin(key, name), "is set by the monitor itself")
    for name, value in shape.headers.items():
        if not value.isprintable() or not value.isascii():
            problems.add(
                section.origin("headers", name),
                "has characters that an HTTP header cannot have",
            )
    given = {name.lower() for name in shape.headers}
    for name in shape.header_files:
        if name.lower() in given:
            problems.add(
                section.origin("header_files", name), 'is given in "headers" too'
            )


def _template(
    shape: WebhookShape, section: Section, base: Path, problems: Problems
) -> str | None:
    _refuse_two(section, "template", "template_file", problems)
    if shape.template_file is None:
        return shape.template
    origin = section.origin("template_file")
    try:
        refuse_irregular(base / shape.template_file)
        with (base / shape.template_file).open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS_OF_A_TEMPLATE + 1)
    except OSError as error:
        problems.add(
            origin, f'"{shape.template_file}" cannot be read: {error.strerror or error}'
        )
    except UnicodeDecodeError:
        problems.add(origin, f'"{shape.template_file}" is not UTF-8 text')
    else:
        if len(text) <= _MOST_CHARACTERS_OF_A_TEMPLATE:
            return text
        most = f"{_MOST_CHARACTERS_OF_A_TEMPLATE:,}"
        problems.add(
            origin, f'"{shape.template_file}" is too long; allowed: {most} characters'
        )
    return None


def _check_template(
    text: str, content_type: str, section: Section, problems: Problems
) -> None:
    key = "template" if "template" in section.data else "template_file"
    try:
        BodyTemplate(text, is_json=is_json(content_type)).check()
    except ValueError as error:
        problems.add(section.origin(key), f"the template: {error}")


KINDS: Final[tuple[ReceiverKind, ...]] = get_args(ReceiverKind)


def _shape_of(kind: ReceiverKind) -> type[ReceiverShape]:
    match kind:
        case "alertmanager":
            return AlertmanagerShape
        case "email":
            return EmailShape
        case "pagerduty":
            return PagerdutyShape
        case "slack":
            return SlackShape
        case "webhook":
            return WebhookShape
        case _:
            assert_never(kind)


def _complete_of(kind: ReceiverKind) -> _Complete:
    match kind:
        case "alertmanager":
            return _alertmanager
        case "email":
            return _email
        case "pagerduty":
            return _pagerduty
        case "slack":
            return _slack
        case "webhook":
            return _webhook
        case _:
            assert_never(kind)
