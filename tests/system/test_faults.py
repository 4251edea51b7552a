"""The quick part of the fault suite; `make faults` runs all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.__main__ import run
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.ground import Broker, Database, servers

QUICK = [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.is_quick]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Database]]:
    directory = tmp_path_factory.mktemp("faults")
    with servers(directory) as both:
        yield both


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_breaks_no_promise(fault: Fault, both: tuple[Broker, Database], tmp_path: Path) -> None:
    verdict = run(fault, *both, tmp_path / "run")
    assert verdict.wrong == []
    assert verdict.acknowledged > 0
    assert verdict.lost == 0
