"""One call of an operation, put together from the examples in the OpenAPI document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

PAGE_LENGTH: Final = 10
"""What the samples of lists ask for."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is called, where, and with what.

    `answers` is the name of what comes back: of each item for a list, None where nothing does.
    """

    server: str
    resource: str
    verb: str
    method: str
    template: str
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None
    idempotency_key: str | None
    answers: str | None
    is_list: bool

    @classmethod
    def of(cls, server: str, method: str, template: str, operation: Mapping[str, Any], answers: str | None) -> Self:
        """Return the call that shows an operation."""
        resource, _, verb = operation["operationId"].partition(".")
        examples = {name: each["schema"]["examples"][0] for name, each in _parameters(operation, "path").items()}
        takes = _parameters(operation, "query")
        headers = _parameters(operation, "header")
        key = headers.get("Idempotency-Key")
        body = operation.get("requestBody")
        return cls(
            server=server,
            resource=resource,
            verb=verb,
            method=method,
            template=template,
            path=examples,
            query={"limit": PAGE_LENGTH} if "limit" in takes else {},
            body=body["content"]["application/json"]["example"] if body else None,
            idempotency_key=key["schema"]["examples"][0] if key else None,
            answers=answers and _snake(answers),
            is_list="limit" in takes,
        )

    @property
    def url(self) -> str:
        """Return the address, with examples for what it names."""
        return self.server + re.sub(r"{(\w+)}", lambda found: self.path[found[1]], self.template)

    @property
    def arguments(self) -> Sequence[Any]:
        """Return what an SDK takes without a name: what the path names, and of an event its type and data."""
        return [*self.path.values(), *((self.body or {})[name] for name in self._unnamed)]

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return what an SDK takes by name."""
        body = self.body or {}
        return {**self.query, **{name: each for name, each in body.items() if name not in self._unnamed}}

    @property
    def _unnamed(self) -> Sequence[str]:
        return ("type", "data") if (self.resource, self.verb) == ("events", "publish") else ()


def _parameters(operation: Mapping[str, Any], place: str) -> dict[str, Mapping[str, Any]]:
    return {each["name"]: each for each in operation["parameters"] if each["in"] == place}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
