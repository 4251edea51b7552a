"""Compiles a JSON Schema (draft 2020-12), and says where data does not meet it."""

import json
from typing import Any, Final

import jsonschema_rs

from flux_dispatch.domain.event_type import Mismatch
from flux_dispatch.domain.schema_size import measure_schema, unusable

MAX_PATTERN_BYTES: Final = 100_000
"""What one compiled pattern may weigh. Patterns are matched in linear time, so they have no lookaround."""

MAX_REASON_LENGTH: Final = 200

MAX_SAYS_LENGTH: Final = 100


class Compiled:
    """A schema that data is checked against.

    Raises:
        InvalidRequest: it cannot be used; `param` is schema.
    """

    __slots__ = ("_validator", "size", "text")

    def __init__(self, text: str) -> None:
        schema = json.loads(text)
        self.text = text
        self.size = measure_schema(schema)
        patterns = jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=MAX_PATTERN_BYTES)
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema, offline=True, pattern_options=patterns, mask="the value"
            )
        except ValueError as error:
            raise unusable(_why(error)) from None

    def is_met_by(self, data: dict[str, Any]) -> bool:
        """Say whether data meets the schema; it stops at the first error, and keeps none."""
        return self._validator.is_valid(data)

    def mismatch(self, data: dict[str, Any]) -> Mismatch | None:
        """Return the first place where data does not meet the schema; None when it does.

        Of a schema with `anyOf` or `oneOf` this may take gigabytes: the library collects all errors of all branches.
        """
        try:
            self._validator.validate(data)
        except jsonschema_rs.ValidationError as error:
            return Mismatch(tuple(error.instance_path), _rule(error), self._says(error))
        return None

    def _says(self, error: jsonschema_rs.ValidationError) -> str:
        """Return what the rule says. It stands in the schema, so no value of the data is in it."""
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            return f"{_cut(error.kind.property)} is missing"
        said: Any = json.loads(self.text)
        for step in error.schema_path:
            said = said[step]
        return f"the schema says {_cut(said)}"


def _rule(error: jsonschema_rs.ValidationError) -> str:
    keywords = [step for step in error.schema_path if isinstance(step, str)]
    return keywords[-1] if error.kind.name == "falseSchema" and keywords else error.kind.name


def _cut(value: Any) -> str:  # noqa: ANN401 - whatever a schema holds
    text = json.dumps(value)
    return text if len(text) <= MAX_SAYS_LENGTH else text[:MAX_SAYS_LENGTH] + "…"


def _why(error: ValueError) -> str:
    if isinstance(error, jsonschema_rs.ValidationError):
        if isinstance(error.instance, str) and 'a "regex"' in error.message:
            return (
                f"its pattern {error.instance[:60]!r} is not matched in linear time (that has no lookaround and no "
                f"backreference), or is too large; let maxLength say how long a text may be, not {{1,200}}"
            )
        place = "/".join(map(str, error.instance_path))
        return f"it is no JSON Schema of draft 2020-12, rule {error.kind.name} at #/{place[:MAX_REASON_LENGTH]}"
    return str(error).partition("\n")[0][:MAX_REASON_LENGTH].rstrip(".")
