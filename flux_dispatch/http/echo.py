"""What a receiver says back of what it was told: what is sealed in a webhook shall not lie plain beside its attempts.

Receivers print requests into their error pages. What they spell otherwise than HTTP or JSON does is not found.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.signing import SECRET_PREFIX

MIN_LENGTH: Final = 6
"""What is shorter is no secret, and stands in many an answer that tells nothing of it."""


def without_secrets(text: str, claim: Claim) -> str:
    """Return an answer's text without the values of the webhook's own headers, and without its signing secrets.

    In their place stands whose value it was.
    """
    if len(text) < MIN_LENGTH:
        return text
    spellings = _spellings(claim.secrets, tuple(claim.headers.items()))
    found = {each: name for each, name in spellings if each in text}
    if not found:
        return text
    in_order = sorted(found, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, in_order)), lambda match: f"[left out: {found[match[0]]}]", text)


@lru_cache(maxsize=4096)
def _spellings(secrets: tuple[str, ...], headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return what is secret, as HTTP and as JSON write it, each with the name of what it belongs to."""
    found: list[tuple[str, str]] = []
    for secret in secrets:
        found += _written(secret.removeprefix(SECRET_PREFIX), "signing secret")
    for name, value in headers:
        found += _written(value, name)
        # of `Bearer …` and its like, what comes after the scheme is what receivers quote
        found += _written(value.partition(" ")[2], name)
    return tuple(found)


def _written(value: str, name: str) -> Iterator[tuple[str, str]]:
    if len(value) < MIN_LENGTH:
        return
    yield value, name
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    if quoted != value:
        yield quoted, name
    if "/" in value:
        yield quoted.replace("/", "\\/"), name
