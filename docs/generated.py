# ruff: noqa: INP001 - a script, not a package
"""Draws what the docs show of the code and its measurements: states, advice, settings, the newest benchmark.

python docs/generated.py           writes those parts anew
python docs/generated.py --check   says which are out of date, and exits 1 if any is
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from benchmarks.results import adversary_as_markdown, as_markdown, costs_as_markdown, newest
from config.settings import PREFIX, Settings
from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.delivery import OPEN, TRANSITIONS, State
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import Phase

DOCS: Final = Path(__file__).parent

_KINDS: Final = {
    "home": "path",
    "database_url": "URL",
    "redis_url": "URL",
    "api_url": "URL",
    "retry_delays": "numbers, comma-separated",
    "encryption_keys": "keys, comma-separated",
    "allow_networks": "CIDRs, comma-separated",
    "deny_networks": "CIDRs, comma-separated",
}
_KIND_OF_TYPE: Final = {int: "whole number", float: "number", bool: "true or false"}
_STATUSES: Final = (302, 400, 401, 403, 404, 405, 410, 413, 429, 500)
_COMPARISONS: Final[Mapping[type, tuple[str, str]]] = {Gt: ("gt", "above"), Ge: ("ge", "from"), Le: ("le", "to")}


def draw_states() -> str:
    """Return the table of transitions as a Mermaid diagram."""
    arrows = [f"    {state} --> {to}: {by}" for (state, by), to in TRANSITIONS.items()]
    ends = [f"    {state} --> [*]" for state in State if state not in OPEN]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> pending: accept", *arrows, *ends, "```"])


def describe_states() -> str:
    """Return one row for each state, with the moves that lead out of it."""
    rows = [f"| `{state}` | {'open' if state in OPEN else 'final'} | {_ways_out(state)} |" for state in State]
    return "\n".join(["| state | | left by |", "| --- | --- | --- |", *rows])


def list_advice() -> str:
    """Return one row for each way in which an attempt fails, with the sentence that goes with it."""
    answered = ErrorClass.HTTP_STATUS
    rows = [
        *((f"{answered} {status}", advise(answered, status)) for status in _STATUSES),
        *((f"{ErrorClass.TIMEOUT} in {phase}", advise(ErrorClass.TIMEOUT, None, phase)) for phase in Phase),
        *((f"{error}", advise(error)) for error in ErrorClass if error is not answered),
    ]
    return "\n".join(["| error | `advice` |", "| --- | --- |", *(f"| {name} | {said} |" for name, said in rows)])


def list_settings() -> str:
    """Return one row for each setting: its variable, kind, default and meaning."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_kind(name, field)} | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | kind | default | meaning |", "| --- | --- | --- | --- |", *rows])


DEPENDENCIES: Final[Mapping[tuple[str, str], Callable[[], str]]] = {
    ("api.md", "advice"): list_advice,
    ("architecture.md", "states"): draw_states,
    ("architecture.md", "ways out"): describe_states,
    ("configuration.md", "settings"): list_settings,
    ("performance.md", "results"): lambda: as_markdown(newest()),
    ("performance.md", "adversary"): lambda: adversary_as_markdown(newest("adversary")),
    ("performance.md", "costs"): lambda: costs_as_markdown(newest()),
}


def renewed(text: str, part: str, content: str) -> str:
    """Return the text with what stands between the two marks of this part replaced.

    Raises:
        LookupError: the marks are not there.
    """
    opening, closing = f"<!-- generated: {part} -->", f"<!-- end: {part} -->"
    pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
    if pattern.search(text) is None:
        message = f"{opening} … {closing} is missing"
        raise LookupError(message)
    return pattern.sub(lambda _: f"{opening}\n{content}\n{closing}", text)


def main(arguments: list[str]) -> int:
    """Write, or check, every part; return the exit code."""
    outdated = []
    for (name, part), draw in DEPENDENCIES.items():
        path = DOCS / name
        before = path.read_text(encoding="utf-8")
        after = renewed(before, part, draw())
        if after != before:
            outdated.append(f"{name}: {part}")
            if "--check" not in arguments:
                path.write_text(after, encoding="utf-8")
    if "--check" in arguments and outdated:
        sys.stderr.write("Out of date, run python docs/generated.py: " + ", ".join(outdated) + "\n")
        return 1
    return 0


def _ways_out(state: State) -> str:
    return ", ".join(f"{by} → `{to}`" for (source, by), to in TRANSITIONS.items() if source is state) or "nothing"


def _kind(name: str, field: FieldInfo) -> str:
    if name in _KINDS:
        return _KINDS[name]
    choices: tuple[Any, ...] = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(f"`{choice}`" for choice in choices)
    kind = next((said for each, said in _KIND_OF_TYPE.items() if field.annotation is each), "text")
    bounds = [f"{word} {getattr(rule, attribute)}" for rule in field.metadata for attribute, word in _bound(rule)]
    return " ".join([kind, *bounds])


def _bound(rule: object) -> list[tuple[str, str]]:
    return [names for kind, names in _COMPARISONS.items() if isinstance(rule, kind)]


def _default(field: FieldInfo) -> str:
    match field.default:
        case None | ():
            return "not set"
        case bool() as truth:
            return f"`{str(truth).lower()}`"
        case tuple() as several:
            return "`" + ",".join(f"{each:g}" for each in several) + "`"
        case value:
            return f"`{value}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
