from __future__ import annotations

import base64

import pytest

from monitor.secrets.redaction import (
    Secrets,
    in_address,
    in_header,
    in_headers,
    masked,
    parts_of,
)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Authorization",
            "Proxy-Authorization",
            "X-Auth",
            "Cookie",
            "X-Api-Key",
            "apikey",
            "X-Token",
        ),
        *(
            "X-Signature",
            "X-Secret-Of-Ours",
            "x-password",
            "X-Credentials",
            "X-Session-Id",
            "X-JWT",
        ),
    ],
)
def test_a_header_whose_name_says_so_is_secret(name: str) -> None:
    assert in_headers({name: "tokens"}) == ["tokens"]


@pytest.mark.parametrize(
    "name",
    [
        "X-Team",
        "Accept",
        "Content-Type",
        "Idempotency-Key",
        "X-Author",
        "X-Tokens",
        "User-Agent",
    ],
)
def test_any_other_header_is_none(name: str) -> None:
    assert in_headers({name: "tokens"}) == []


def test_of_a_header_the_credentials_are_secret_without_their_scheme_too() -> None:
    assert in_header("Bearer s3cret-one") == ["Bearer s3cret-one", "s3cret-one"]
    assert in_header("s3cret-one") == ["s3cret-one"]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("https://hc-ping.com/5e0f8a34-aaaa", ["5e0f8a34-aaaa"]),
        ("https://hooks.slack.com/services/T0SECRET1/B0SECRET2/abcDEFghijkl", None),
        ("https://h/alerts/tokens_remaining?team=token-monitor", []),
        ("https://h/alerts?token=word&day=2026-11-22", ["word"]),
        ("https://me:pass%2Fword@h/alerts", ["pass%2Fword", "pass/word"]),
        ("https://[h/one", []),
    ],
)
def test_of_a_secret_address_what_is_no_mere_word_is_secret_alone_too(
    address: str, parts: list[str] | None
) -> None:
    expected = (
        {"T0SECRET1", "B0SECRET2", "abcDEFghijkl"} if parts is None else set(parts)
    )
    assert set(in_address(address)) - {""} == {address, *expected}


def test_any_part_of_an_address_may_be_what_a_far_end_echoes() -> None:
    assert parts_of("https://me:pw@h/one/two%2F2?a=b&c") == {
        *(
            "/one/two%2F2?a=b&c",
            "/one/two/2?a=b&c",
            "me:pw",
            "me",
            "pw",
            "one",
            "two%2F2",
            "two/2",
        ),
        *("a=b&c", "b"),
    }


def test_an_answer_is_shown_without_what_was_sent_in_any_encoding() -> None:
    secret = 'a/"b+c'
    encoded = (
        secret,
        "a%2F%22b%2Bc",
        base64.b64encode(secret.encode()).decode(),
        'a/\\"b+c',
        "a/&quot;b+c",
    )
    assert masked(" ".join(encoded), [secret]) == " ".join(["<secret>"] * 5)
    assert (
        masked("abc pw one-part", ["pw", ""], parts=["one-part", "abc"])
        == "abc pw <secret>"
    )


def test_what_stands_in_place_of_a_secret_is_not_hidden_again() -> None:
    assert (
        Secrets().put("a", ["secret", "other-one"]).hide("secret other-one")
        == "<secret> <secret>"
    )


def test_too_short_a_secret_is_not_looked_for_everywhere() -> None:
    assert Secrets().put("a", ["", "pw", "token"]).hide("a token, pw") == "a token, pw"


def test_of_a_place_only_the_last_two_values_are_kept() -> None:
    secrets = Secrets().put("other", ["of-another-place"])
    for number in range(1000):
        secrets = secrets.put("a file", [f"secret-no-{number:04}"])
    secrets = secrets.put("a file", ["secret-no-0999"])  # read again, and not rotated
    assert secrets.hide("secret-no-0999 secret-no-0998") == "<secret> <secret>"
    assert secrets.hide("secret-no-0997 of-another-place") == "secret-no-0997 <secret>"
    text = "a text of the log"
    assert secrets.hide(text) is text
    assert "secret-no" not in repr(secrets)
