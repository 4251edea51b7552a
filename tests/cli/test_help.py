"""Help: at once, whole, with examples that can be typed; and what is written wrong is told what was meant."""

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from flux_dispatch.cli import main
from tests.support.command import Command

HEAVY = {
    *("pydantic", "sqlalchemy", "celery", "aiohttp", "asyncpg", "alembic", "redis", "httpx", "cryptography"),
    *("structlog", "rich.console", "kombu", "jinja2"),
}
MOST_SECONDS = 1.5
"""What it takes on two cores that others use, too; on a quiet machine it is a fifth of that."""


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *path, name)


EVERY = [pytest.param(path, command, id=" ".join(path) or "flux") for path, command in commands(get_command(main.app))]
SINGLE = [each for each in EVERY if not hasattr(each.values[1], "commands")]


@pytest.mark.parametrize("arguments", [("--help",), ("webhooks", "--help"), ("events", "publish", "-h")])
def test_help_is_there_at_once_and_loads_nothing_heavy(flux: Command, arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; sys.argv[1:] = sys.argv[1].split()\n"
        "from flux_dispatch.cli.main import run\n"
        "try: run()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    took = []
    for _ in range(3):
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-c", program, " ".join(arguments)],
            env=flux.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        took.append(time.monotonic() - began)
        assert HEAVY & set(ran.stderr.split()) == set()
    assert min(took) < MOST_SECONDS


def test_commands_stand_under_what_they_are_for(flux: Command) -> None:
    out = flux.done("--help").out
    places = [
        out.index(word) for word in ("Run it:", "\n  up ", "Manage:", "\n  webhooks ", "Develop:", "\n  trigger ")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_every_command_says_what_it_does_and_what_each_option_is(
    flux: Command, path: tuple[str, ...], command: Any
) -> None:
    out = flux.done(*path, "-h").out
    assert out.startswith("Usage: flux ")
    assert command.help.strip().partition("\n")[0].endswith(".")
    for param in command.params:
        assert param.hidden or (param.help and len(param.help) > 8), param.name
    assert max(map(len, out.splitlines())) < 110


@pytest.mark.parametrize(("path", "command"), SINGLE)
def test_every_command_has_examples_that_can_be_typed(path: tuple[str, ...], command: Any) -> None:
    lines = [line.strip() for line in command.epilog.strip().splitlines()]
    assert lines
    for line in lines:
        words = shlex.split(line.partition("flux ")[2].split(" < ")[0].split(" > ")[0].rstrip(")"))
        assert tuple(words[: len(path)]) == path, line
        command.make_context(" ".join(path), words[len(path) :])


def test_flux_alone_shows_the_help(flux: Command) -> None:
    assert "Usage: flux" in flux("").err + flux().out + flux().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("webhook", "list"), "Did you mean 'webhooks'?"),
        (("webhooks", "lst"), "Did you mean 'list'"),
        (("events", "list", "--tipe", "x"), "--type"),
        (("webhooks", "create"), "Missing argument 'URL'"),
        (("webhooks", "list", "--limit", "many"), "'--limit': It is a whole number."),
        (("webhooks", "list", "--limit", "0"), "'--limit': It is 1 at least."),
        (("up", "--port", "70000"), "'--port': It is 65535 at most."),
        (("deliveries", "list", "--status", "faild"), "'--status': 'faild' is not one of 'pending'"),
        (("--json", "migrate"), "does not take --json before its name"),
        (("--api-url", "http://x", "keys", "new-encryption-key"), "does not take --api-url"),
        (("events", "list", "more"), "unexpected extra argument"),
    ],
)
def test_what_is_written_wrong_is_told_what_was_meant(flux: Command, arguments: tuple[str, ...], words: str) -> None:
    assert words in flux.misused(*arguments)
