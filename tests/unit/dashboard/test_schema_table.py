"""A JSON Schema is told as a table where it can be, and says where it asks for more."""

import json
from typing import Any

import pytest

from flux_dispatch.dashboard.schema_table import Property, SchemaTable, schema_table


def table(**schema: Any) -> SchemaTable:
    return schema_table(json.dumps(schema))


def only(**part: Any) -> Property:
    (row,) = table(properties={"it": part}).rows
    return row


def test_rows_stand_behind_the_part_that_they_are_in() -> None:
    found = table(
        required=["order"],
        properties={
            "order": {"type": "string", "description": "Ours."},
            "items": {"type": "array", "items": {"required": ["sku"], "properties": {"sku": {"type": "string"}}}},
            "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    )
    assert [(each.within, each.name, each.depth, each.type, each.is_required) for each in found.rows] == [
        ("", "order", 0, "string", True),
        ("", "items", 0, "array of object", False),
        ("items[].", "sku", 1, "string", True),
        ("", "labels", 0, "object", False),
        ("labels.", "*", 1, "integer", False),
    ]
    assert found.rows[0].description == "Ours."
    assert found.is_whole


@pytest.mark.parametrize(
    ("part", "type_", "limits"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 9}, "string", ["1 to 9 characters"]),
        ({"type": "string", "minLength": 3, "maxLength": 3}, "string", ["3 characters"]),
        ({"type": "integer", "minimum": 0}, "integer", ["at least 0"]),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1.5}, "number", ["at most 1.5", "more than 0"]),
        ({"type": "number", "exclusiveMaximum": 7, "multipleOf": 0.5}, "number", ["less than 7", "a multiple of 0.5"]),
        ({"type": ["string", "null"], "format": "date"}, "string or null", ["format date"]),
        ({"enum": ["a", 1, None]}, "string or integer or null", ['one of "a", 1, null']),
        ({"enum": list(range(15))}, "integer", ["one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more"]),
        ({"const": True}, "boolean", ["always true"]),
        ({"type": "string", "pattern": "a" * 200}, "string", ["matches " + "a" * 120 + "…"]),
        ({"type": "array", "uniqueItems": True, "maxItems": 2}, "array", ["at most 2 items", "no item twice"]),
        (
            {"type": "array", "items": {"type": "array", "items": {"maxLength": 1}}},
            "array of array",
            ["each of each at most 1 character"],
        ),
        (
            {"type": "object", "minProperties": 1, "additionalProperties": False},
            "object",
            ["at least 1 property", "no other properties"],
        ),
        ({"default": 5, "deprecated": True}, "any", ["if left out: 5", "deprecated"]),
        ({"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]}, "string or null", ["at most 5 characters"]),
        ({}, "any", []),
    ],
)
def test_types_and_limits_are_in_words(part: dict[str, Any], type_: str, limits: list[str]) -> None:
    row = only(**part)
    assert (row.type, list(row.limits), row.is_whole) == (type_, limits, True)


@pytest.mark.parametrize(
    "part",
    [
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "null"}], "maxLength": 2},
        {"not": {"type": "string"}},
        {"patternProperties": {"^x": {}}},
        {"type": "array", "items": {"if": {}, "then": {}}},
        {"type": "array", "prefixItems": [{}]},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "elsewhere.json"},
        {"$ref": "#/$defs/short", "maxLength": 3},
    ],
)
def test_what_a_row_cannot_tell_is_said_to_be_more(part: dict[str, Any]) -> None:
    found = table(**{"$defs": {"short": {"maxLength": 5}}}, properties={"it": part, "plain": {"type": "string"}})
    assert [each.is_whole for each in found.rows] == [False, True]
    assert not found.is_whole


def test_what_the_whole_asks_for_is_told_or_said_to_be_more() -> None:
    assert list(table(type="object", maxProperties=3).limits) == ["at most 3 properties"]
    assert table(type="object", properties={}).is_whole
    assert not table(properties={"a": {}}, dependentRequired={"a": ["b"]}).is_whole
    assert not schema_table('{"properties": {"never": false}}').is_whole
    assert schema_table('{"properties": {"any": true}}').is_whole


def test_what_is_named_elsewhere_stands_in_its_place() -> None:
    definitions = {"a/b~c %": {"type": "object", "title": "Money.", "properties": {"cents": {"type": "integer"}}}}
    named = {"$ref": "#/$defs/a~1b~0c%20%25"}
    found = table(
        **{"$defs": definitions}, properties={"price": {**named, "description": "What it costs."}, "tax": named}
    )
    assert [(each.within, each.name, each.description) for each in found.rows] == [
        ("", "price", "What it costs."),
        ("price.", "cents", ""),
        ("", "tax", "Money."),
        ("tax.", "cents", ""),
    ]
    assert found.is_whole
    root = table(**{"$defs": {"all": {"properties": {"a": {"type": "string"}}}}, "$ref": "#/$defs/all"})
    assert [each.name for each in root.rows] == ["a"]
