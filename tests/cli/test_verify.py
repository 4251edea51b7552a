"""`flux verify`: says yes, or what is wrong."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable

import pytest

from tests.support.command import Command

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":"evt_1","type":"order.completed","created":"2026-01-15T10:30:00Z","data":{"order":7}}'


def signed(body: bytes = BODY, age: float = 0, secret: str = SECRET) -> str:
    at = int(time.time() - age)
    return f"t={at},v1={hmac.digest(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hex()}"


@pytest.mark.parametrize("form", ["flux-signature: {}", "Flux-Signature:{}", "{}"])
def test_what_is_signed_is_valid(flux: Command, form: str) -> None:
    ran = flux.done("verify", "--secret", SECRET, "--header", form.format(signed()), stdin=BODY)
    assert re.fullmatch(r"valid: order.completed evt_1, signed \d s ago\n", ran.out)


def test_headers_are_pasted_as_they_came_and_one_secret_of_several_fits(flux: Command) -> None:
    pasted = ("--header", "content-type: application/json", "--header", f"flux-signature: {signed()}")
    other = SECRET.replace("M", "N")
    ran = flux.done("verify", "--secret", other, "--secret", SECRET, *pasted, "--json", stdin=BODY)
    assert json.loads(ran.out) == {"valid": True, "event": json.loads(BODY)}


@pytest.mark.parametrize(
    ("header", "body", "words"),
    [
        (lambda: "flux-signature: ", BODY, "missing_header: "),
        (lambda: "webhook-id: evt_1", BODY, "Give it as --header 'flux-signature: t="),
        (lambda: "t=1,v2=x", BODY, "malformed: "),
        (lambda: signed(b"other"), BODY, "no_match: "),
        (signed, b"", "The body is empty"),
        (signed, BODY + b"\n", "It fits without the line break at the end"),
        (signed, json.dumps(json.loads(BODY), indent=2).encode(), "something has parsed this body"),
        (lambda: signed(age=4000), BODY, "too_old: "),
        (lambda: signed(age=4000), BODY, "signed 1 h ago; --tolerance"),
        (lambda: signed(age=-4000), BODY, "1 h ahead of this clock"),
    ],
)
def test_what_is_not_says_why(flux: Command, header: Callable[[], str], body: bytes, words: str) -> None:
    assert words in flux.refused("verify", "--secret", SECRET, "--header", header(), stdin=body)


def test_a_secret_that_is_none_is_said(flux: Command) -> None:
    assert "bad_secret: " in flux.refused("verify", "--secret", "sesame", "--header", signed(), stdin=BODY)
    assert "--secret or --webhook" in flux.misused("verify", "--header", signed())
    ran = flux("verify", "--secret", SECRET, "--header", "t=1,v1=" + "0" * 64, "--json", stdin=BODY)
    assert (ran.status, json.loads(ran.out)["code"]) == (1, "no_match")


def test_an_old_one_is_looked_at_with_more_tolerance(flux: Command) -> None:
    old = signed(age=4000)
    assert flux.done("verify", "--secret", SECRET, "--header", old, "--tolerance", "5000", stdin=BODY)


def test_the_api_is_asked_for_the_secret_of_a_webhook(fresh: Command) -> None:
    made = fresh.done("webhooks", "create", "https://example.com/").fields
    header = signed(secret=made["secret"])
    assert fresh.done("verify", "--webhook", made["id"], "--header", header, stdin=BODY).out.startswith("valid")
    assert "`flux webhooks list`" in fresh.refused(
        "verify", "--webhook", "wh_" + "0" * 32, "--header", header, stdin=BODY
    )
