"""The dashboard that is shipped for Grafana is read by Grafana's own library, which knows all that it names."""

import json
import typing
from collections.abc import Iterator
from typing import Any, Final

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from pydantic import ConfigDict, TypeAdapter, ValidationError

from tests.support.tree import read

SHIPPED: Final[dict[str, Any]] = json.loads(read("deploy/grafana/flux-dispatch.json"))
CONFIG: Final = ConfigDict(arbitrary_types_allowed=True)


def test_grafana_knows_all_that_the_dashboard_names() -> None:
    assert list(unknown_to_grafana(SHIPPED)) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"refresh_every": "30s"}, ".refresh_every"),
        ({"panels": [{"type": "timeseries", "options": {"legends": {}}}]}, ".panels[0].options.legends"),
        ({"panels": [{"type": "timeseries", "fieldConfig": {"defaults": {"custom": {"drawStyle": "dots"}}}}]}, "dots"),
        ({"panels": [{"type": "stat", "gridPos": {"w": "wide"}}]}, "wide"),
    ],
)
def test_what_grafana_does_not_know_is_found(wrong: dict[str, Any], says: str) -> None:
    assert any(says in each for each in unknown_to_grafana(wrong))


def unknown_to_grafana(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield what Grafana's library drops as it reads this, and what is not of the type that it gives."""
    plugins.register_default_plugins()
    known = Dashboard.from_json(dashboard)
    yield from dropped(dashboard, json.loads(JSONEncoder().encode(known)), "")
    yield from mistyped(known)


def dropped(given: Any, kept: Any, place: str) -> Iterator[str]:
    match given:
        case dict():
            for name, value in given.items():
                if name in kept:
                    yield from dropped(value, kept[name], f"{place}.{name}")
                else:
                    yield f"{place}.{name}"
        case list():
            assert len(given) == len(kept)
            for number, (value, other) in enumerate(zip(given, kept, strict=True)):
                yield from dropped(value, other, f"{place}[{number}]")
        case _ if given != kept:
            yield f"{place} is {kept!r}"


def mistyped(known: Any) -> Iterator[str]:
    if isinstance(known, list | tuple):
        for each in known:
            yield from mistyped(each)
    elif isinstance(known, dict):
        yield from mistyped(list(known.values()))
    elif hasattr(known, "from_json"):
        for name, hint in typing.get_type_hints(type(known)).items():
            value = getattr(known, name)
            try:
                TypeAdapter(hint, config=CONFIG).validate_python(value)
            except ValidationError:
                yield f"{type(known).__name__}.{name} is {value!r}, not {hint}"
            yield from mistyped(value)
