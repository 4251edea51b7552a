"""What customers' endpoints do, and what happens to their webhooks."""

from typing import Any

from config.settings import Settings
from flux_dispatch.domain.ids import Prefix, public_id, uuid_hex
from flux_dispatch.domain.signing import secret_from, verify
from tests.faults.ground import Ground
from tests.receiver import HANG
from tests.waiting import eventually


def changed(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    old, new = ground.publisher.secrets[0], secret_from(bytes(range(24)))
    ground.publisher.secrets = [old, new]
    url = f"{ground.receiver.url}/elsewhere"
    ground.installation.rows("UPDATE webhooks SET url = $1, secrets = ARRAY[$2]", url, new)
    ground.note_end_of_fault()
    eventually(lambda: len(ground.receiver.at("/elsewhere")) >= 50, "deliveries go to the new URL")
    for request in ground.receiver.at("/elsewhere"):
        verify(request.body, request.headers["flux-signature"], new, now=request.at)


def disabled(ground: Ground) -> None:
    # as a receiver's 410 does it; the API cannot disable a webhook yet
    change = "UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone', updated_at = flux_now() WHERE id = $1"
    hook = _webhook_with_waiting_retries(ground)
    ground.installation.rows(change, uuid_hex(Prefix.WEBHOOK, hook))
    _canceled_with_reason(ground, hook, "webhook_disabled")


def deleted(ground: Ground) -> None:
    hook = _webhook_with_waiting_retries(ground)
    ground.installation.call("DELETE", f"/v1/webhooks/{hook}")
    _canceled_with_reason(ground, hook, "webhook_deleted")


def _webhook_with_waiting_retries(ground: Ground) -> str:
    ground.two_workers()
    calm = ground.receiver.answer
    ground.receiver.answer = lambda request: 500 if request.path == "/closing" else calm(request)
    hook = str(ground.webhook("/closing")["id"])
    waiting = "SELECT FROM deliveries WHERE webhook_id = $1 AND state = 'scheduled'"
    hex_ = uuid_hex(Prefix.WEBHOOK, hook)
    eventually(lambda: len(ground.installation.rows(waiting, hex_)) >= 20, "retries wait")
    return hook


def _canceled_with_reason(ground: Ground, hook: str, reason: str) -> None:
    """See that what waited is canceled, that the API says why, and that nothing is added any more."""
    ground.note_end_of_fault()
    del ground.hooks[hook]
    owed = "SELECT FROM deliveries WHERE webhook_id = $1 AND wake_at IS NOT NULL"
    hex_ = uuid_hex(Prefix.WEBHOOK, hook)
    eventually(lambda: not ground.installation.rows(owed, hex_), "nothing is owed to the webhook any more", 40)
    shown: list[dict[str, Any]] = ground.installation.call("GET", f"/v1/deliveries?webhook={hook}&status=canceled")[
        "data"
    ]
    assert shown, "nothing was canceled"
    assert {each["reason"] for each in shown} == {reason}
    ground.wait_for_arrivals(50)


def a_tenth_hangs(ground: Ground) -> None:
    ground.two_workers()
    calm = ground.receiver.answer
    ground.receiver.answer = lambda request: HANG if request.path == "/hang" else calm(request)
    for path in [*(f"/hook{number}" for number in range(8)), "/hang"]:
        ground.webhook(path)
    ground.wait_for_acknowledged(100)
    ground.publisher.stop()
    owed = (
        "SELECT FROM deliveries JOIN webhooks ON webhooks.id = webhook_id WHERE wake_at IS NOT NULL AND url NOT LIKE $1"
    )
    eventually(lambda: not ground.installation.rows(owed, "%/hang"), "the others are delivered meanwhile", 10)
    assert not ground.installation.is_drained(), "what hangs was given up before the others were delivered"


OVERDUE = """
    WITH hook AS (
        SELECT id, account_id FROM webhooks WHERE url LIKE '%/back'
    ), made AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT id, account_id, 'back.online', now(),
               convert_to(format('{"id":"%s","type":"back.online","created":"","data":{}}', id), 'UTF8')
        FROM (SELECT flux_new_id() AS id, account_id FROM hook, generate_series(1, 10000)) AS n
        RETURNING id
    ), owed AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, due_at, wake_at)
        SELECT made.id, hook.id, hook.account_id, 'scheduled', 1, now(), now() FROM made, hook
        RETURNING id
    )
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status)
    SELECT id, 1, 0, now() - interval '2 hours', 500 FROM owed
"""


def back_with_10_000_due(ground: Ground) -> None:
    ground.two_workers()
    ground.webhook("/back", "back.*")
    ground.receiver.work_seconds = lambda request: 0.02 if request.path == "/back" else 0
    ground.wait_for_arrivals(30)
    before = len(ground.publisher.acknowledged)
    ground.installation.rows(OVERDUE)
    made = ground.installation.rows("SELECT id FROM events WHERE type = 'back.online'")
    ground.own_events = {public_id(Prefix.EVENT, row["id"].hex) for row in made}
    eventually(lambda: len(ground.receiver.at("/back")) >= 10_000, "what was due is delivered", 60)
    places = 2 * Settings().endpoint_concurrency
    assert ground.receiver.most_open["/back"] <= places, f"{ground.receiver.most_open} were open at once"
    meanwhile = list(ground.publisher.acknowledged.values())[before:-50]
    arrived = {request.event for request in ground.receiver.at("/hook")}
    assert set(meanwhile) <= arrived, "the others had to wait for the endpoint that came back"
