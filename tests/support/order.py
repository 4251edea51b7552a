"""Which files of tests a run begins with: those that take longest, lest one process is left with them at the end."""

from typing import Final

import pytest

FIRST: Final = (
    "tests/system/test_refusals.py",
    "tests/api/test_schemathesis.py",
    "tests/system/test_faults.py",
    "tests/browser/test_dashboard_pages.py",
    "tests/store/test_query_plans.py",
    "tests/system/test_sdk_in_empty_environments.py",
    "tests/store/test_list_plans.py",
    "tests/system/test_whole_run.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first; all others stay in their order."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(FIRST)))
