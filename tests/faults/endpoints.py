"""What customers' endpoints do, and what happens to their webhooks."""

from typing import Any

from flux_webhooks import verify

from config.settings import Settings
from flux_dispatch.domain.ids import Prefix, format_id, parse_id
from flux_dispatch.domain.signing import encode_secret
from tests.faults.testbed import GRACE_SECONDS, LEASE_SECONDS, Testbed
from tests.support.server_in_thread import HANG
from tests.support.waiting import eventually


def changed(testbed: Testbed) -> None:
    testbed.two_workers()
    testbed.wait_for_arrivals(30)
    old, new = testbed.publisher.secrets[0], encode_secret(bytes(range(24)))
    testbed.publisher.secrets = [old, new]
    url = f"{testbed.receiver.url}/elsewhere"
    testbed.installation.rows(CHANGED, url, new)
    testbed.note_end_of_fault()
    eventually(lambda: len(testbed.receiver.at("/elsewhere")) >= 50, "deliveries go to the new URL")
    for request in testbed.receiver.at("/elsewhere"):
        verify(request.body, request.headers["flux-signature"], new, now=request.at)


def disabled(testbed: Testbed) -> None:
    # as a receiver's 410 does it; the API cannot disable a webhook yet
    change = "UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone', updated_at = flux_now() WHERE id = $1"
    hook = _webhook_with_waiting_retries(testbed)
    testbed.installation.rows(change, parse_id(Prefix.WEBHOOK, hook))
    _canceled_with_reason(testbed, hook, "webhook_disabled")


def deleted(testbed: Testbed) -> None:
    hook = _webhook_with_waiting_retries(testbed)
    testbed.installation.call("DELETE", f"/v1/webhooks/{hook}")
    _canceled_with_reason(testbed, hook, "webhook_deleted")


def _webhook_with_waiting_retries(testbed: Testbed) -> str:
    testbed.two_workers()
    calm = testbed.receiver.answer
    testbed.receiver.answer = lambda request: 500 if request.path == "/closing" else calm(request)
    hook = str(testbed.webhook("/closing")["id"])
    waiting = "SELECT FROM deliveries WHERE webhook_id = $1 AND state = 'scheduled'"
    hex_ = parse_id(Prefix.WEBHOOK, hook)
    eventually(lambda: len(testbed.installation.rows(waiting, hex_)) >= 20, "retries wait")
    return hook


def _canceled_with_reason(testbed: Testbed, hook: str, reason: str) -> None:
    """See that what waited is canceled, that the API says why, and that nothing is added any more."""
    testbed.note_end_of_fault()
    del testbed.hooks[hook]
    owed = "SELECT FROM deliveries WHERE webhook_id = $1 AND sweep_at IS NOT NULL"
    hex_ = parse_id(Prefix.WEBHOOK, hook)
    eventually(lambda: not testbed.installation.rows(owed, hex_), "nothing is owed to the webhook any more", 40)
    shown: list[dict[str, Any]] = testbed.installation.call("GET", f"/v1/deliveries?webhook={hook}&status=canceled")[
        "data"
    ]
    assert shown, "nothing was canceled"
    assert {each["reason"] for each in shown} == {reason}
    testbed.wait_for_arrivals(50)


def a_tenth_hangs(testbed: Testbed) -> None:
    testbed.two_workers()
    calm = testbed.receiver.answer
    testbed.receiver.answer = lambda request: HANG if request.path == "/hang" else calm(request)
    for path in [*(f"/hook{number}" for number in range(8)), "/hang"]:
        testbed.webhook(path)
    testbed.wait_for_acknowledged(100)
    testbed.publisher.stop()
    owed = (
        "SELECT FROM deliveries JOIN webhooks ON webhooks.id = webhook_id WHERE sweep_at IS NOT NULL "
        "AND url NOT LIKE $1"
    )
    eventually(lambda: not testbed.installation.rows(owed, "%/hang"), "the others are delivered meanwhile", 10)
    assert not testbed.installation.is_drained(), "what hangs was given up before the others were delivered"


MADE = """
    WITH hook AS (
        SELECT id, account_id FROM webhooks WHERE url LIKE '%' || $1
    ), made AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT id, account_id, $2, now(),
               convert_to(format('{"id":"%s","type":"%s","created":"","data":{}}', id, $2::text), 'UTF8')
        FROM (SELECT flux_new_id() AS id, account_id FROM hook, generate_series(1, $3::int)) AS n
        RETURNING id, account_id
    ), owed AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, due_at, sweep_at)
        SELECT made.id, hook.id, hook.account_id, CASE WHEN $4::int > 0 THEN 'scheduled' ELSE 'pending' END, $4::int,
               now(), flux_second(now())
        FROM made JOIN hook USING (account_id)
        RETURNING id
    ), counted AS (
        INSERT INTO webhook_statistics (webhook_id, bucket, attempts, delivered, given_up, latencies)
        SELECT id, date_bin('5 minutes', now() - interval '2 hours', '2000-01-01 00:00:00+00'), $3::int, 0, 0,
               ARRAY[$3::int] || array_fill(0, ARRAY[14])
        FROM hook WHERE $4::int > 0
    )
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error)
    SELECT id, 1, 0, now() - interval '2 hours', 500, 'http_status' FROM owed WHERE $4::int > 0
"""

CHANGED = """
    UPDATE webhooks SET url = $1, secrets = ARRAY[$2], sealed_secrets = NULL, secrets_expire_at = NULL
"""

ANOTHER_ACCOUNT = """
    WITH account AS (INSERT INTO accounts (name) VALUES ('another') RETURNING id)
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
    SELECT id, $1, ARRAY['none'], '', '{}', 'enabled', ARRAY[$2::text] FROM account
"""


def back_with_10_000_due(testbed: Testbed) -> None:
    testbed.two_workers()
    testbed.webhook("/back", "back.*")
    testbed.receiver.work_seconds = lambda request: 0.02 if request.path == "/back" else 0
    testbed.wait_for_arrivals(30)
    before = len(testbed.publisher.acknowledged)
    testbed.installation.rows(MADE, "/back", "back.online", 10_000, 1)
    _note_own_events(testbed, "back.online")
    eventually(lambda: len(testbed.receiver.at("/back")) >= 10_000, "what was due is delivered", 60)
    places = 2 * Settings().endpoint_concurrency
    assert testbed.receiver.most_open["/back"] <= places, f"{testbed.receiver.most_open} were open at once"
    meanwhile = list(testbed.publisher.acknowledged.values())[before:-50]
    arrived = {request.event for request in testbed.receiver.at("/hook")}
    assert set(meanwhile) <= arrived, "the others had to wait for the endpoint that came back"


def hangs_with_5_000_waiting(testbed: Testbed) -> None:
    testbed.two_workers()
    calm = testbed.receiver.answer
    testbed.receiver.answer = lambda request: HANG if request.path == "/jammed" else calm(request)
    testbed.webhook("/jammed", "jammed.*")
    testbed.installation.rows(MADE, "/jammed", "jammed.on", 5000, 0)
    _note_own_events(testbed, "jammed.on")
    parked = "SELECT FROM deliveries WHERE sweep_at = 'infinity'"
    eventually(lambda: len(testbed.installation.rows(parked)) > 4500, "what finds no place is parked", 40)
    before, posts = _versions(testbed), len(testbed.receiver.at("/jammed"))
    testbed.wait_for_arrivals(300)
    changed_rows = len(set(_versions(testbed)) - set(before))
    posts = len(testbed.receiver.at("/jammed")) - posts + 2 * Settings().endpoint_concurrency
    assert changed_rows <= 5 * posts, f"{changed_rows} rows were written for {posts} POSTs"
    testbed.receiver.answer = calm
    testbed.note_end_of_fault()


def _versions(testbed: Testbed) -> list[tuple[str, int]]:
    """Return each delivery that the hanging endpoint is owed with the transaction that wrote it last."""
    rows = testbed.installation.rows(
        "SELECT deliveries.id, deliveries.xmin::text::bigint AS version FROM deliveries "
        "JOIN webhooks ON webhooks.id = webhook_id WHERE url LIKE '%/jammed'"
    )
    return [(row["id"].hex, row["version"]) for row in rows]


def worker_killed_beside_a_backlog(testbed: Testbed) -> None:
    """What the dead worker held of one account is found though another has very much waiting."""
    first, _ = testbed.two_workers()
    secret = encode_secret(bytes(range(24)))
    testbed.publisher.secrets.append(secret)
    testbed.receiver.work_seconds = lambda request: 0.05 if request.path == "/many" else 0
    testbed.installation.rows(ANOTHER_ACCOUNT, f"{testbed.receiver.url}/many", secret)
    testbed.installation.rows(MADE, "/many", "many.waiting", 30_000, 0)
    _note_own_events(testbed, "many.waiting")
    testbed.wait_for_arrivals(500)
    first.kill()
    leased = (
        "SELECT lease_token FROM deliveries JOIN webhooks ON webhooks.id = webhook_id WHERE lease_token IS NOT NULL "
        "AND url LIKE $1"
    )
    held = {row["lease_token"] for row in testbed.installation.rows(leased, "%/hook")}
    testbed.note_end_of_fault()
    eventually(
        lambda: not held & {row["lease_token"] for row in testbed.installation.rows(leased, "%/hook")},
        "what the dead worker held is found as soon as its lease has ended",
        LEASE_SECONDS + GRACE_SECONDS,
    )
    assert not testbed.installation.is_drained(), "the backlog was gone before"
    testbed.receiver.work_seconds = lambda _: 0


def _note_own_events(testbed: Testbed, event_type: str) -> None:
    made = testbed.installation.rows("SELECT id FROM events WHERE type = $1", event_type)
    testbed.own_events |= {format_id(Prefix.EVENT, row["id"].hex) for row in made}
