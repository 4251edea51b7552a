"""The walk for newcomers works as it stands there: each of its commands, and each answer that it shows."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flux_dispatch.cli.embedded import free_port
from tests.support.newcomer import Up, running
from tests.support.page import Shell, Step, steps_of
from tests.support.surroundings import Surroundings
from tests.support.tree import read
from tests.support.waiting import eventually

PAGE = "docs/getting-started.md"
LOOKING_SECONDS = 30
"""For how long a reader looks again until it is as shown; a recovery waits for its last six seconds."""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """What `make up` starts, where the reader is."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with running(tmp_path / ".flux") as up:
        yield up.ready()


def differences(shell: Shell, step: Step) -> list[str]:
    """Run a step; return what is not as the page shows it, though the reader looks again where that changes nothing."""
    found: list[str] = []

    def is_over() -> bool:
        found[:] = step.differences(shell.run(step.commands))
        return not found or not step.may_be_repeated

    with suppress(AssertionError):  # what it waits for is told better by what was found
        eventually(is_over, "it is as shown", LOOKING_SECONDS)
    return found


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("up")
def test_a_newcomer_sees_what_the_page_shows(tmp_path: Path) -> None:
    page = read(PAGE).replace("3000", str(free_port()))
    steps = steps_of(page)
    assert len(steps) > 20
    environment = Surroundings().variables({"PATH": os.environ["PATH"]})
    with Shell(tmp_path, environment) as shell:
        for step in steps:
            assert differences(shell, step) == [], f"after:\n{step.commands}"
