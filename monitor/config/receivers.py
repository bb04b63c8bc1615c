"""`[receivers.NAME]` to receivers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from monitor.catalog.document import Section
from monitor.catalog.problems import Problems
from monitor.catalog.shapes import label_fault, validate
from monitor.config.shapes import ReceiverShape
from monitor.model.settings import Receiver, Severity, labels_of

_NOT_YET = ("slack", "pagerduty", "email")
_DEFAULT_TIMEOUT = timedelta(seconds=10)
_DEFAULT_RESEND_DELAY = timedelta(minutes=1)
_KEYS_OF_KIND = {
    "urls": "alertmanager",
    "resend_delay": "alertmanager",
    "url": "webhook",
    "url_file": "webhook",
    "headers": "webhook",
}


def read_receiver(name: str, section: Section, base: Path, problems: Problems) -> Receiver | None:
    """Check one receiver; None where it has a problem."""
    before = len(problems)
    kind = section.data.get("kind")
    if kind in _NOT_YET:
        message = f'kind "{kind}" is not available in this version; available: alertmanager, webhook'
        problems.add(section.origin("kind"), message)
        return None
    shape = validate(ReceiverShape, section, problems)
    if shape is None:
        return None
    _check_keys(shape.kind, section, problems)
    _check_headers(shape, section, problems)
    for label in shape.match:
        fault = label_fault(label)
        if fault is not None and "reserved" not in fault:
            problems.add(section.origin("match", label), fault)
    if len(problems) > before:
        return None
    return Receiver(
        name=name,
        kind=shape.kind,
        urls=tuple(shape.urls or ([shape.url] if shape.url else [])),
        url_file=base / shape.url_file if shape.url_file else None,
        headers=dict(shape.headers),
        min_severity=Severity(shape.min_severity),
        match=labels_of(shape.match),
        send_resolved=shape.send_resolved,
        watchdog=shape.watchdog,
        timeout=_DEFAULT_TIMEOUT if shape.timeout is None else shape.timeout,
        resend_delay=_DEFAULT_RESEND_DELAY if shape.resend_delay is None else shape.resend_delay,
    )


def _check_keys(kind: str, section: Section, problems: Problems) -> None:
    for key, owner in _KEYS_OF_KIND.items():
        if key in section.data and owner != kind:
            problems.add(section.origin(key), f'belongs to kind "{owner}", this receiver is "{kind}"')
    if kind == "alertmanager" and not section.data.get("urls"):
        problems.add(section.origin("urls"), 'is required for kind "alertmanager": at least one URL')
    if kind == "webhook" and ("url" in section.data) == ("url_file" in section.data):
        problems.add(section.origin(), 'give exactly one of "url" and "url_file"')


def _check_headers(shape: ReceiverShape, section: Section, problems: Problems) -> None:
    for name, value in shape.headers.items():
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            problems.add(section.origin("headers", name), "is not the name of an HTTP header")
        elif not value.isprintable() or not value.isascii():
            problems.add(section.origin("headers", name), "has characters that an HTTP header cannot have")
