"""Checks data against the schema of its type before it is written in the outbox, in the words of the API."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema_rs

from flux_webhooks._publication import PublicationRefused

Validator = Any
Mismatch = Any

MAX_WORK = 20_000_000
"""Bytes of a schema times bytes of data that are checked here: some tens of milliseconds. What is more, the workers of
Flux Dispatch check, in a process that may take long."""

MAX_PATTERN_BYTES = 100_000
MAX_SAID = 100


def check_schema(schema: str, event_type: str, data: str) -> None:
    """Return if the data, as JSON, meets the schema, or is not to be checked here.

    Raises:
        PublicationRefused: schema_mismatch, where it does not; `param` is the place.
    """
    if len(schema) * len(data) > MAX_WORK:
        return
    try:
        validator = _compiled(schema)
    except ValueError:  # of a later release of the library than this one
        return
    value = json.loads(data)
    if validator.is_valid(value):
        return
    path, rule, says = "data", "schema", "where it does not, took too long to find"
    if "anyOf" not in schema and "oneOf" not in schema:  # of these the library collects all errors of all branches
        path, rule, says = _first_mismatch(validator, schema, value)
    message = f"{path} does not meet the schema of {event_type}, rule {rule}: {says}."
    raise PublicationRefused("schema_mismatch", path, message)


def _first_mismatch(validator: Validator, schema: str, value: dict[str, Any]) -> tuple[str, str, str]:
    error = next(iter(validator.iter_errors(value)))
    steps = (f"[{each}]" if isinstance(each, int) else f".{each[:60]}" for each in error.instance_path)
    keywords = [step for step in error.schema_path if isinstance(step, str)]
    rule = keywords[-1] if error.kind.name == "falseSchema" and keywords else error.kind.name
    return "data" + "".join(steps), rule, _says(error, schema)


def _says(error: Mismatch, schema: str) -> str:
    """Return what the rule says, which stands in the schema."""
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
        return f"{_cut(error.kind.property)} is missing"
    said: Any = json.loads(schema)
    for step in error.schema_path:
        said = said[step]
    return f"the schema says {_cut(said)}"


def _cut(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_SAID else text[:MAX_SAID] + "…"


@lru_cache(maxsize=64)
def _compiled(schema: str) -> Validator:
    patterns = jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=MAX_PATTERN_BYTES)
    return jsonschema_rs.Draft202012Validator(json.loads(schema), offline=True, pattern_options=patterns)
