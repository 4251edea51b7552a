"""Event types out of files: JSON, JSON lines, schemas that are named after their type, and folders of all that."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.input.json_input import lines_of, parse_json, read_standard_input, read_text

FIELDS: Final = ("name", "description", "group", "example", "schema")
_OF_ANSWERS: Final = {"id", "object", "default", "created", "updated", "archived_at"}
"""What the API says besides; it is not ours to give."""

_SCHEMA_WORDS: Final = ("$schema", "properties", "required", "additionalProperties", "allOf", "anyOf", "oneOf", "$defs")
_SUFFIXES: Final = (".json", ".jsonl", ".ndjson")
_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class WantedType:
    """An event type as a file has it: what it gives of the fields, and where it stands."""

    name: str
    given: dict[str, Any]
    place: str


def read_catalogue(source: str) -> list[WantedType]:
    """Return the event types of a file, a folder, or standard input (-), in order.

    Raises:
        CliError: there is none, or one of them cannot be; the message names the place.
    """
    wanted = list(
        _from_text(read_standard_input("FILE"), "standard input", None) if source == "-" else _from_path(Path(source))
    )
    if not wanted:
        raise CliError(f"{source} holds no event type. It may hold what `flux event-types list --json` prints.")
    places = dict[str, str]()
    for each in wanted:
        if each.name in places:
            raise CliError(f"{each.name} is there twice: in {places[each.name]} and in {each.place}. Keep one of them.")
        places[each.name] = each.place
    return wanted


def _from_path(path: Path) -> Iterator[WantedType]:
    if not path.exists():
        raise CliError(f"There is no {path}.")
    if not path.is_dir():
        yield from _from_text(read_text(path, "FILE"), str(path), path)
        return
    for file in sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file()):
        yield from _from_text(read_text(file, "FILE"), str(file), file)


def _from_text(text: str, place: str, file: Path | None) -> Iterator[WantedType]:
    for value, where in _values(text, place, is_lines=file is not None and file.suffix in {".jsonl", ".ndjson"}):
        if not isinstance(value, dict):
            raise CliError(f'{where} is no object; an event type is one, like {{"name": "order.completed"}}.')
        yield _schema(value, where, file) if "name" not in value and _is_schema(value) else _described(value, where)


def _values(text: str, place: str, *, is_lines: bool) -> Iterable[tuple[Any, str]]:
    lines = [(number, line) for number, line in enumerate(lines_of(text), 1) if line.strip()]
    if is_lines or (len(lines) > 1 and all(_is_object_line(line) for _, line in lines)):
        return [(parse_json(line, f"{place}, line {number}"), f"{place}, line {number}") for number, line in lines]
    value = parse_json(text, place)
    if isinstance(value, dict) and value.get("object") == "list":
        value = value.get("data")
    if isinstance(value, list):
        return [(each, f"{place}, number {number}") for number, each in enumerate(value, 1)]
    return [(value, place)]


def _is_object_line(line: str) -> bool:
    return line.strip().startswith("{") and line.strip().endswith("}")


def _is_schema(value: dict[str, Any]) -> bool:
    return any(word in value for word in _SCHEMA_WORDS) or value.get("type") == "object"


def _schema(schema: dict[str, Any], place: str, file: Path | None) -> WantedType:
    """Return the type of a file that is its schema: the name is the file's, the rest is what the schema says."""
    name = file.stem.removesuffix(".schema") if file else ""
    if not _TYPE.fullmatch(name):
        raise CliError(f"{place} is a schema, and its file is not called like a type: name it order.completed.json.")
    described = schema.get("description") or schema.get("title") or ""
    examples = schema.get("examples")
    example = examples[0] if isinstance(examples, list) and examples and isinstance(examples[0], dict) else None
    given = {"description": str(described)[:500] or None, "example": example, "schema": schema}
    return WantedType(name, {key: value for key, value in given.items() if value is not None}, place)


def _described(value: dict[str, Any], place: str) -> WantedType:
    unknown = next((each for each in value if each not in FIELDS and each not in _OF_ANSWERS), None)
    if unknown is not None:
        raise CliError(f"{place}: {unknown[:60]!r} is no field of an event type. There are: {', '.join(FIELDS)}.")
    name = value.get("name")
    if not isinstance(name, str) or not _TYPE.fullmatch(name):
        raise CliError(f'{place}: a "name" like order.completed is needed.')
    kinds = {"description": str, "group": str, "example": dict, "schema": dict}
    for field, kind in kinds.items():
        if value.get(field) is not None and not isinstance(value[field], kind):
            raise CliError(f"{place}: {field} of {name} is to be {'text' if kind is str else 'an object'}.")
    return WantedType(name, {field: value[field] for field in kinds if value.get(field) is not None}, place)
