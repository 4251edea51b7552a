"""System tests get an installation: they start the processes that they need."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation

# what tests interrupt heeds it, though the tests themselves were started behind a shell's `&`
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def installation(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with Installation(database_url, redis_url, tmp_path) as installation:
        yield installation
