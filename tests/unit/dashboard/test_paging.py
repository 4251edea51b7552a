"""The address of a page of a list keeps its filters, and what it begins behind is checked."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from flux_dispatch.dashboard.paging import newest, older, page_at
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import Prefix
from flux_dispatch.store.pages import Page

A, B = "a" * 32, "b" * 32
ORDER = (Prefix.EVENT, Prefix.DELIVERY)


def asked(query: str) -> web.Request:
    return make_mocked_request("GET", f"/dashboard/acct/webhooks{query}")


@pytest.mark.parametrize(
    ("query", "after"),
    [("", None), ("?status=failed", None), (f"?after=evt_{A},dlv_{B}", (A, B)), (f"?after=evt_{A}%2Cdlv_{B}", (A, B))],
)
def test_a_page_is_asked_for_with_one_row_more(query: str, after: tuple[str, ...] | None) -> None:
    assert page_at(asked(query), ORDER) == Page(51, after)
    assert page_at(asked(query), ORDER, rows=7).limit == 8


@pytest.mark.parametrize(
    "after",
    ["", ",", f"evt_{A}", f"evt_{A},", f"dlv_{A},evt_{B}", f"evt_{A},dlv_{B},dlv_{B}", "evt_x,dlv_y", "%00,%FF"],
)
def test_what_no_list_has_is_refused(after: str) -> None:
    with pytest.raises(InvalidRequest):
        page_at(asked(f"?after={after}"), ORDER)


def test_there_is_an_older_page_where_a_row_too_many_was_found() -> None:
    request = asked("?status=failed&search=a%26b+c&done=webhook_deleted&empty=")
    assert older(request, 50, [f"evt_{A}"]) == ""
    assert older(request, 51, [f"evt_{A}", f"dlv_{B}"]) == (
        f"/dashboard/acct/webhooks?status=failed&search=a%26b+c&after=evt_{A},dlv_{B}"
    )
    assert older(request, 8, ["x"], rows=7)


def test_from_a_further_page_one_gets_back_to_the_first() -> None:
    assert newest(asked("?status=failed")) == ""
    assert newest(asked(f"?status=failed&after=evt_{A},dlv_{B}")) == "/dashboard/acct/webhooks?status=failed"
    assert newest(asked(f"?after=evt_{A},dlv_{B}")) == "/dashboard/acct/webhooks"
