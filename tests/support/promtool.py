"""Prometheus's own judge of metrics and rules; tests that need it are skipped where there is none."""

import os
import shutil
from typing import Final

import pytest

REQUIRED: Final = "FLUX_TEST_PROMTOOL"
"""The variable that makes a missing promtool a failure."""

HOW: Final = "no promtool is installed: apt install prometheus"


def promtool() -> str:
    """Return where it is."""
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get(REQUIRED):
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found
