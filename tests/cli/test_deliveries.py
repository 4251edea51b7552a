"""`flux deliveries` and `flux alerts`: whether it arrived, why not, and what to do."""

import json
import re

from tests.cli.conftest import Shop
from tests.support.command import Command


def test_the_filters_are_those_of_the_api(flux: Command, shop: Shop) -> None:
    failed = flux.done("deliveries", "list", "--status", "failed", "--webhook", shop.found.fails, "--limit", "4")
    assert [row[1] for row in failed.rows] == ["failed"] * 4
    of_event = flux.done("deliveries", "list", "--event", shop.found.event)
    assert [row[0] for row in of_event.rows] == [shop.found.retrying]
    as_json = flux.done("deliveries", "list", "--outcome", "http_status", "--limit", "1", "--json")
    assert json.loads(as_json.out)["object"] == "delivery"
    assert flux.done("deliveries", "list", "--outcome", "tls_error").out == ""
    assert "--outcome" in flux.misused("deliveries", "list", "--outcome", "bad_luck")


def test_one_shows_each_attempt(flux: Command, shop: Shop) -> None:
    ran = flux.done("deliveries", "show", shop.found.retrying)
    attempts = [row for row in ran.rows if row[0] == "attempt"]
    assert [row[1] for row in attempts] == ["1", "2", "3"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", attempts[0][2])
    assert ran.fields["attempts_made"] == "3"
    assert len(json.loads(flux.done("deliveries", "show", shop.found.retrying, "--json").out)["attempts"]) == 3


def test_one_that_waits_is_due_at_once(fresh: Command) -> None:
    fresh.done("webhooks", "create", "https://example.com/")
    event = fresh.done("trigger", "order.completed").fields["id"]
    [delivery] = [row[0] for row in fresh.done("deliveries", "list", "--event", event).rows]
    retried = fresh.done("deliveries", "retry", delivery)
    assert retried.fields["id"] == delivery
    assert f"flux deliveries show {delivery}" in retried.err


def test_what_cannot_be_retried_says_why(flux: Command) -> None:
    [delivered] = [row[0] for row in flux.done("deliveries", "list", "--status", "delivered", "--limit", "1").rows]
    assert "Send it once more with `flux events resend evt_" in flux.refused("deliveries", "retry", delivered)
    nothing = "dlv_" + "0" * 32
    assert flux.refused("deliveries", "show", nothing) == (
        f"flux: There is no {nothing}. `flux deliveries list` shows what there is."
    )


def test_alerts_are_listed_looked_at_and_acknowledged(flux: Command, shop: Shop) -> None:
    listed = flux.done("alerts", "list", "--open", "--webhook", shop.found.fails, "--limit", "2")
    alert = listed.rows[0][0]
    assert listed.rows[0][4] == "no"
    ran = flux.done("alerts", "show", alert)
    assert ran.fields["id"] == alert
    assert [row for row in ran.rows if row[0] == "attempt"]
    seen = flux.done("alerts", "acknowledge", alert)
    assert seen.fields["acknowledged"]
    assert "flux deliveries retry dlv_" in seen.err
    assert json.loads(flux.done("alerts", "acknowledge", alert, "--json").out)["acknowledged"]
    assert alert in {row[0] for row in flux.done("alerts", "list", "--acknowledged").rows}
    assert "`flux alerts list`" in flux.refused("alerts", "show", "alrt_" + "0" * 32)
