"""An account's schemas take its own room only; what was not used for long goes first."""

import json

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.schema.compile import Compiled
from workers.kept_schemas import MAX_PARTS, MAX_PARTS_OF_ACCOUNT, KeptSchemas

LARGE = Compiled(json.dumps({"required": [f"p{n}" for n in range(950)]}))
SMALL = Compiled("{}")


def account(number: int) -> AccountId:
    return AccountId(f"acct_{number:032x}")


def test_another_version_is_not_what_is_kept() -> None:
    kept = KeptSchemas()
    kept.keep(account(1), "a", 1, SMALL)
    assert kept.get(account(1), "a", 1) is SMALL
    assert kept.get(account(1), "a", 2) is None
    assert kept.get(account(2), "a", 1) is None
    kept.keep(account(1), "a", 2, LARGE)
    assert kept.get(account(1), "a", 2) is LARGE


def test_one_account_cannot_take_the_room_of_all() -> None:
    kept = KeptSchemas()
    kept.keep(account(1), "a", 1, SMALL)
    for n in range(1000):
        kept.keep(account(2), f"t{n}", 1, LARGE)
    assert kept.get(account(1), "a", 1) is SMALL
    assert kept.get(account(2), "t999", 1) is LARGE
    assert kept.get(account(2), "t0", 1) is None
    assert kept._parts <= MAX_PARTS_OF_ACCOUNT + SMALL.size.parts


def test_of_many_accounts_those_stay_that_were_used_last() -> None:
    kept = KeptSchemas()
    for number in range(200):
        kept.keep(account(number), "a", 1, LARGE)
        assert kept.get(account(0), "a", 1) is LARGE
    assert kept.get(account(1), "a", 1) is None
    assert kept.get(account(199), "a", 1) is LARGE
    assert kept._parts == sum(each.parts for each in kept._accounts.values()) <= MAX_PARTS
