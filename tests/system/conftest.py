"""System tests get an installation: they start the parts that they need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.installation import Installation


@pytest.fixture
def installation(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with Installation(database_url, redis_url, tmp_path) as installation:
        yield installation
