from __future__ import annotations

import pytest

from monitor.notify.apprise.address import fault_of, parts_in, secrets_in


@pytest.mark.parametrize(
    "address",
    [
        "pover://USER@TOKEN",
        "rockets://monitor:aaa/bbb@chat.example.com:3000/%23alerts",
        "matrixs://monitor:s3cret@matrix.example.com/%21room%3Aexample.com",
        "splunk://ROUTE@KEY/{alert}",
        "signal://localhost:8080/14155550100/14155550123",
        "jsons://example.com/path?+X-Key=1&format=text",
        "https://hooks.example.com/services/a/b",
    ],
)
def test_one_address_of_a_service_is_allowed(address: str) -> None:
    assert fault_of(address) == ""


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("", "is not an address"),
        ("example.com", "is not an address"),
        ("json://a b", "is not an address"),
        ("json://a, json://b", "has several"),
        ("json://a\njson://b", "has several"),
        ("DBUS://", "dbus:// shows it on this machine alone"),
        ("mqtt://h/t", "mqtt:// is not sent to by HTTP"),
        ("mailto://u:p@example.com", 'mailto:// has a kind of its own: kind = "email"'),
        ("splunk://r@k", "splunk:// keeps incidents"),
        ("victorops://r@k/name", "victorops:// keeps incidents"),
        ("json://h/?retry=3", 'has "retry"'),
        ("json://h/?a=b&Verify=no", 'has "verify"'),
        ("json://h/?optional=", 'has "optional"'),
    ],
)
def test_any_other_is_refused_with_what_to_write(address: str, fault: str) -> None:
    assert fault_of(address).startswith(fault)


def test_what_could_be_a_key_is_hidden_and_words_and_hosts_are_not() -> None:
    address = "rockets://monitor:s3cretHook01/s3cretToken2@chat1.example.com:443/alerts?k=v%2F1"
    assert secrets_in(address) == [address, "s3cretHook01", "s3cretToken2"]
    assert {"monitor", "chat1.example.com", "alerts", "v/1"} < parts_in(address)
