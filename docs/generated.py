# ruff: noqa: INP001 - a script, not a package
"""Draws what the docs show of the code and its measurements: states, advice, settings, commands, the newest benchmark.

python docs/generated.py           writes those parts anew
python docs/generated.py --check   says which are out of date, and exits 1 if any is
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from benchmarks.results import adversary_as_markdown, as_markdown, costs_as_markdown, newest
from config.settings import PREFIX, Settings
from flux_dispatch.cli.commands.reference import list_commands, list_shared_options
from flux_dispatch.cli.main import app
from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.audit_action import ACTIONS
from flux_dispatch.domain.delivery import OPEN, TRANSITIONS, State
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import Phase
from workers.metrics.catalogue import OF_API, OF_EACH, OF_INSTALLATION, OF_WORKERS, Metric

DOCS: Final = Path(__file__).parent
RULES: Final = DOCS.parent / "deploy" / "prometheus" / "rules.yml"

_KINDS: Final = {
    "home": "path",
    "database_url": "URL",
    "redis_url": "URL",
    "api_url": "URL",
    "retry_delays": "numbers, comma-separated",
    "flower_url": "URL",
    "trace_url": "URL",
    "flower_oauth_provider": "`google`, `github`, `gitlab` or `okta`",
    "flower_oauth_emails": "addresses, comma-separated",
    "flower_oauth_url": "URL",
    "flower_db": "path",
    "portal_frame_origins": "origins, comma-separated",
    "encryption_keys": "keys, comma-separated",
    "allow_networks": "CIDRs, comma-separated",
    "deny_networks": "CIDRs, comma-separated",
    "trusted_proxies": "CIDRs, comma-separated",
    "alert_urls": "URLs",
    "alert_kinds": "words, comma-separated",
    "alert_windows": "numbers, comma-separated",
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
    """Return one row for each setting, group by group: its variable, kind, default and meaning."""
    # as pydantic takes their fields: those of the last base first
    return "\n\n".join(_group(each) for each in reversed(Settings.__bases__) if issubclass(each, BaseModel))


def list_metrics() -> str:
    """Return one row for each metric: its name, kind, labels and meaning, by who tells it."""
    return "\n\n".join(
        "\n".join(
            [f"**{who}**", "", "| metric | kind | labels | meaning |", "| --- | --- | --- | --- |", *map(_metric, of)]
        )
        for who, of in (
            ("Of every process", OF_EACH),
            ("Of workers", OF_WORKERS),
            ("Of API processes", OF_API),
            ("Of the whole installation, told by API processes", OF_INSTALLATION),
        )
    )


def list_rules() -> str:
    """Return one row for each of Prometheus's rules: what it says, how grave it is, and its runbook."""
    rules = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    rows = [
        f"| [{rule['alert']}](runbooks/{rule['annotations']['runbook_url'].rpartition('/')[2]}) "
        f"| {rule['labels']['severity']} | {rule['annotations']['summary']} |"
        for rule in rules
        if "alert" in rule
    ]
    return "\n".join(["| rule | severity | it says |", "| --- | --- | --- |", *rows])


def list_actions() -> str:
    """Return one row for each action of the audit log."""
    rows = [f"| `{action}` | {words.meaning} |" for action, words in ACTIONS.items()]
    return "\n".join(["| action | what was done |", "| --- | --- |", *rows])


DEPENDENCIES: Final[Mapping[tuple[str, str], Callable[[], str]]] = {
    ("api.md", "advice"): list_advice,
    ("architecture.md", "states"): draw_states,
    ("architecture.md", "ways out"): describe_states,
    ("audit-log.md", "actions"): list_actions,
    ("cli.md", "commands"): lambda: list_commands(app),
    ("cli.md", "shared options"): lambda: list_shared_options(app),
    ("configuration.md", "settings"): list_settings,
    ("monitoring.md", "metrics"): list_metrics,
    ("monitoring.md", "rules"): list_rules,
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


def _metric(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |"


def _group(settings: type[BaseModel]) -> str:
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_kind(name, field)} | {_default(field)} | {field.description} |"
        for name, field in settings.model_fields.items()
    ]
    title = f"**{str(settings.__doc__).rstrip('.')}**"
    return "\n".join([title, "", "| variable | kind | default | meaning |", "| --- | --- | --- | --- |", *rows])


def _kind(name: str, field: FieldInfo) -> str:
    if name in _KINDS:
        return _KINDS[name]
    choices: tuple[Any, ...] = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(f"`{choice}`" for choice in choices)
    # of what may be left out, like `int | None`, what it is where it is given
    kind = next((said for each, said in _KIND_OF_TYPE.items() if each in {field.annotation, *choices}), "text")
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
            return "`" + ",".join(each if isinstance(each, str) else f"{each:g}" for each in several) + "`"
        case value:
            return f"`{value}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
