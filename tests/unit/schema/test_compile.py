"""A schema that could take long to check, or asks elsewhere, is not compiled."""

import json
from typing import Any

import pytest

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event_type import Mismatch
from flux_dispatch.schema.compile import Compiled

DOUBLING = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(15)} | {"d15": {"type": "object"}},
}
CHAIN = {"$defs": {f"d{n}": {"$ref": f"#/$defs/d{n - 1}"} for n in range(1, 500)} | {"d0": {}}, "$ref": "#/$defs/d499"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "must be https://json-schema.org/draft/2020-12"),
        ({"$ref": "#"}, "names itself"),
        ({"properties": {"child": {"$ref": "#"}}}, "names itself"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "names itself"),
        ({"$ref": "http://169.254.169.254/"}, "leads out of it"),
        ({"$ref": "file:///etc/passwd"}, "leads out of it"),
        ({"$ref": "#price"}, "leads out of it"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"items": {"$id": "http://other/", "$ref": "#/x"}}, "only its root may have an"),
        ({"$dynamicRef": "#x"}, "uses"),
        (DOUBLING, "parts"),
        (CHAIN, "levels deep"),
        (json.loads('{"not":' * 70 + "{}" + "}" * 70), "levels deep"),
        ({"pattern": "(a"}, "linear time"),
        ({"pattern": "(?=a)"}, "linear time"),
        ({"pattern": r"(a)\1"}, "linear time"),
        ({"pattern": "(a{1000}){1000}"}, "linear time"),
        ({"pattern": "^.{1,200}$"}, "maxLength"),
        ({"patternProperties": {f"^{n}": {} for n in range(50)}}, "parts"),
        ({"properties": {f"p{n}": {"type": "string"} for n in range(500)}}, "parts"),
        ({"minimum": "many"}, "rule type at #/minimum"),
    ],
)
def test_what_cannot_be_used_is_refused(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        Compiled(json.dumps(schema))
    assert (caught.value.code, caught.value.param) == ("invalid_schema", "schema")


def test_definitions_and_a_property_of_that_name_are_understood() -> None:
    price = {"type": "number"}
    schema = {
        "$id": "https://example.com/x",
        "$defs": {"price": price, "a/b": {"$ref": "#/$defs/price"}},
        "properties": {"$ref": {"type": "string"}, "price": {"$ref": "#/$defs/a~1b"}},
    }
    checked = Compiled(json.dumps(schema))
    assert checked.mismatch({"price": 1, "$ref": "x"}) is None
    found = checked.mismatch({"price": "x"})
    assert found == Mismatch(("price",), "type", 'the schema says "number"')


@pytest.mark.parametrize(
    ("schema", "rule", "says"),
    [
        ({"properties": {"pin": {"type": "integer"}}}, "type", 'the schema says "integer"'),
        ({"properties": {"pin": {"enum": ["a", "b"]}}}, "enum", 'the schema says ["a", "b"]'),
        ({"properties": {"pin": {"pattern": "^x"}}}, "pattern", 'the schema says "^x"'),
        ({"properties": {"pin": {"const": "x" * 200}}}, "const", f'the schema says "{"x" * 99}…'),
        ({"required": ["name"]}, "required", '"name" is missing'),
        ({"additionalProperties": False}, "additionalProperties", "the schema says false"),
        ({"unevaluatedProperties": False}, "unevaluatedProperties", "the schema says false"),
        ({"propertyNames": {"maxLength": 1}}, "propertyNames", "the schema says 1"),
        ({"not": {}}, "not", "the schema says {}"),
        ({"anyOf": [{"required": ["a"]}]}, "anyOf", 'the schema says [{"required": ["a"]}]'),
    ],
)
def test_no_value_of_the_data_is_told(schema: dict[str, Any], rule: str, says: str) -> None:
    found = Compiled(json.dumps(schema)).mismatch({"pin": "secret-4711"})
    assert found is not None
    assert (found.rule, found.says) == (rule, says)
    assert "4711" not in str(found)
