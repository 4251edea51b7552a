"""Whether anybody else was there just now, whoever came in between."""

import pytest

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.company import COMPANY_SECONDS, Company

FLOOD, SMALL, OTHER = AccountId("acct_flood"), AccountId("acct_small"), AccountId("acct_other")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.mark.usefixtures("clock")
def test_nobody_is_there_at_first_and_nobody_is_company_to_himself() -> None:
    company = Company()
    assert not company.is_beside(FLOOD)
    company.note(FLOOD)
    company.note(FLOOD)
    assert not company.is_beside(FLOOD)
    assert company.is_beside(SMALL)


def test_who_was_there_is_company_for_a_while(clock: list[float]) -> None:
    company = Company()
    company.note(SMALL)
    assert company.is_beside(FLOOD)
    clock[0] += COMPANY_SECONDS
    assert not company.is_beside(FLOOD)


def test_who_was_there_before_counts_by_his_own_time(clock: list[float]) -> None:
    company = Company()
    company.note(SMALL)
    company.note(OTHER)
    clock[0] += COMPANY_SECONDS / 2
    company.note(FLOOD)
    company.note(FLOOD)
    assert company.is_beside(FLOOD)
    clock[0] += COMPANY_SECONDS / 2
    assert not company.is_beside(FLOOD)
    assert company.is_beside(SMALL)
