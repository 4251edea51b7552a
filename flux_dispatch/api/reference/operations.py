"""One operation as the page shows it: what it takes, what it answers, what can go wrong, and how it is called."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flux_dispatch.api.reference.fields import Field, field_of_parameter, fields_of, schema_name
from flux_dispatch.api.reference.samples import samples_of
from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.api.reference.schemas import Schemas
from flux_dispatch.web.samples import Sample

PLACES: Final = {"path": "Path", "query": "Query", "header": "Headers"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an operation takes in one place; `schema` names the schema that these fields are, if they are one."""

    title: str
    fields: Sequence[Field]
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes with one status: `schema` names it, of each item for a list; `example` is JSON, or empty."""

    status: str
    phrase: str
    schema: str | None
    is_list: bool
    example: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that tells something of this operation, beyond what any call may meet."""

    status: str
    code: str
    summary: str


@dataclass(frozen=True, slots=True)
class DescribedOperation:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    inputs: Sequence[Inputs]
    answers: Sequence[Answer]
    problems: Sequence[Problem]
    samples: Sequence[Sample]


class Operations:
    """Makes operations out of the document."""

    def __init__(self, document: Mapping[str, Any], schemas: Schemas) -> None:
        self._document = document
        self._schemas = schemas
        self.all: Sequence[tuple[str, str, Mapping[str, Any]]] = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        counted = Counter(code for _, _, operation in self.all for _, code in self._codes(operation))
        # what more than a third of all calls may meet is told once, for all of them
        self._usual = {code for code, times in counted.items() if times > len(self.all) / 3}

    def of(self, resource: str) -> Sequence[DescribedOperation]:
        """Return the operations of a resource, in the document's order."""
        return [self._described(*each) for each in self.all if each[2]["tags"] == [resource]]

    def _described(self, method: str, path: str, operation: Mapping[str, Any]) -> DescribedOperation:
        answers = list(self._answers(operation))
        returned = next((each.schema for each in answers if each.schema), None)
        call = Call.of(self._document["servers"][0]["url"], method, path, operation, returned)
        examples = self._document["components"]["examples"]
        return DescribedOperation(
            id=operation["operationId"],
            method=method,
            path=path,
            summary=operation["summary"],
            description=operation["description"].partition("\n\n")[0],
            scope=operation["x-scope"],
            inputs=list(self._inputs(operation)),
            answers=answers,
            problems=[
                Problem(status, code, examples[code]["summary"])
                for status, code in self._codes(operation)
                if code not in self._usual
            ],
            samples=samples_of(call),
        )

    def _inputs(self, operation: Mapping[str, Any]) -> Iterator[Inputs]:
        for place, title in PLACES.items():
            # whom a platform key acts for is told once, for all operations
            here = [each for each in operation["parameters"] if each["in"] == place and each["name"] != "Flux-Account"]
            if here:
                yield Inputs(title, [field_of_parameter(each) for each in here])
        if body := operation.get("requestBody"):
            name = schema_name(body["content"]["application/json"]["schema"]["$ref"])
            title = "Body" if body["required"] else "Body, which may be left out"
            yield Inputs(title, fields_of(self._schemas.tell(name), is_request=True), name)

    def _answers(self, operation: Mapping[str, Any]) -> Iterator[Answer]:
        seen: set[str] = set()
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                continue
            content = answer.get("content", {}).get("application/json", {"schema": {}})
            listed = content["schema"].get("properties", {}).get("data")
            reference = (listed["items"] if listed else content["schema"]).get("$ref")
            example = json.dumps(content["example"], indent=2, ensure_ascii=False) if "example" in content else ""
            yield Answer(
                status=status,
                phrase=HTTPStatus(int(status)).phrase,
                schema=reference and schema_name(reference),
                is_list=bool(listed),
                example="" if example in seen else example,
            )
            seen.add(example)

    def _codes(self, operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        components = self._document["components"]["responses"]
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                content = components[schema_name(answer["$ref"])]["content"]["application/json"]
                yield from ((status, code) for code in content["examples"])
