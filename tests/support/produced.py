"""At the end of a whole run: everything that the OpenAPI document says of answers must have been answered to a test."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = "FLUX_TEST_PRODUCED"
"""The variable that names where each process of the run says what its tests produced."""

NEVER: Final = {
    # aiohttp answers it for an address without such a method, which is no operation
    "error method_not_allowed",
    # of what was just made
    "ApiKeyWithKey.last_used_at",
    "WebhookWithSecret.disabled_reason",
    "NewListenSession.ended",
    "NewListenSession.ended_reason",
    # answered by the tunnel, whose addresses are no operations
    *("error listen_session_ended", "error listen_session_in_use", "error listener_not_connected"),
    *("error local_server_failed", "error local_server_timeout", "error upgrade_required"),
}


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder, in the process that the others descend from."""
    if FOLDER not in os.environ:
        folder = Path(config.rootpath, ".pytest_cache", f"produced-{os.getpid()}")
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[FOLDER] = str(folder)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Say what this process produced; and in the first process, after all others, fail if something is missing."""
    folder = Path(os.environ[FOLDER])
    if module := sys.modules.get("tests.support.described"):
        (folder / f"{os.getpid()}.json").write_text(json.dumps(sorted(module.PRODUCED)))
    if hasattr(session.config, "workerinput"):
        return
    produced = set(_all_of(folder))
    if not _is_whole(session.config) or session.exitstatus != pytest.ExitCode.OK:
        return
    if missing := _described() - NEVER - produced:
        listed = "\n  ".join(sorted(missing))
        session.config.get_terminal_writer().line(f"\nThe OpenAPI document says what no test produced:\n  {listed}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _described() -> set[str]:
    from tests.support.described import described

    return described()


def _is_whole(config: pytest.Config) -> bool:
    chosen = (
        config.option.keyword or config.option.markexpr or config.option.deselect or getattr(config.option, "lf", False)
    )
    return config.args in (config.getini("testpaths"), ["tests/api"]) and not chosen


def _all_of(folder: Path) -> Iterator[str]:
    for each in folder.glob("*.json"):
        yield from json.loads(each.read_text())
        each.unlink()
    folder.rmdir()
