"""What a newcomer may type next, as `flux up` prints it: with this command, and with curl."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

EXAMPLE_REQUESTS: Final = (
    ("/v1/webhooks", '{"url": "http://localhost:3000/webhooks/flux", "events": ["order.*"]}'),
    ("/v1/events", '{"type": "order.completed", "data": {"order": "ord_1002"}}'),
)
EXAMPLE_COMMANDS: Final = (
    "webhooks create http://localhost:3000/webhooks/flux --events 'order.*'",
    "trigger order.completed",
    "deliveries list --watch",
)


def commands(home: Path) -> Iterator[str]:
    """Yield command lines that work in another terminal, in the same directory."""
    for each in EXAMPLE_COMMANDS:
        yield _called(home, each)


def listening(home: Path) -> str:
    """Return the command line that shows what comes, for whoever has no server yet."""
    return _called(home, "listen")


def requests(api_url: str, key: str) -> Iterator[str]:
    """Yield the lines of requests with curl."""
    for path, body in EXAMPLE_REQUESTS:
        yield f"curl {api_url}{path} \\"
        yield f"  -H 'Authorization: Bearer {key}' \\"
        yield "  -H 'Content-Type: application/json' \\"
        yield f"  -d '{body}'"


def _called(home: Path, command: str) -> str:
    where = f"FLUX_HOME={shlex.quote(str(home))} " if os.environ.get("FLUX_HOME") else ""
    return f"{where}{_program()} {command}"


def _program() -> str:
    """Return how this command is called: by its name where the PATH leads to it, else by its path from here."""
    program = Path(sys.argv[0] if Path(sys.argv[0]).name == "flux" else Path(sys.executable).with_name("flux"))
    found = shutil.which("flux")
    if found and Path(found).resolve() == program.resolve():
        return "flux"
    path = program.absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
