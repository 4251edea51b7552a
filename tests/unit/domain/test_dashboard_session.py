"""What a session lets somebody do, by how they signed in."""

from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.api_key import ApiKey, Scope
from flux_dispatch.domain.dashboard_session import DashboardSession, SignedInBy, by_link
from flux_dispatch.domain.ids import AccountId, ApiKeyId, DashboardSessionId
from flux_dispatch.domain.secret_token import digest

NOW = datetime(2026, 1, 15, tzinfo=UTC)
ACCOUNT = cast(AccountId, "acct_" + "0" * 32)


def session(account: AccountId | None, signed_in_by: SignedInBy, scopes: frozenset[Scope]) -> DashboardSession:
    return DashboardSession(cast(DashboardSessionId, "dsess_" + "0" * 32), account, scopes, signed_in_by, NOW, NOW)


def test_a_customer_s_link_lets_them_do_what_is_theirs_and_no_more() -> None:
    customer = session(ACCOUNT, *by_link(ACCOUNT))
    assert customer.signed_in_by == "portal_link"
    assert not customer.is_operator
    theirs = {"read", "webhooks:write", "events:write", "audit_log:read"}
    assert {scope for scope in Scope if customer.may(scope)} == theirs


def test_a_link_of_nobody_s_makes_an_operator_who_may_do_everything() -> None:
    operator = session(None, *by_link(None))
    assert operator.signed_in_by == "operator_link"
    assert operator.is_operator
    assert all(operator.may(scope) for scope in Scope)


@given(st.frozensets(st.sampled_from(Scope)), st.sampled_from(Scope))
def test_a_session_may_do_what_a_key_of_the_same_scopes_may(scopes: frozenset[Scope], scope: Scope) -> None:
    key = ApiKey(cast(ApiKeyId, "key_" + "0" * 32), None, tuple(scopes), "0000", NOW, None)
    assert session(None, SignedInBy.API_KEY, scopes).may(scope) == key.may(scope) == bool(scopes & {scope, "admin"})


@pytest.mark.parametrize("text", ["", "é\0", "\udcff"])
def test_whatever_comes_as_a_token_has_a_digest(text: str) -> None:
    assert len(digest(text)) == 32
