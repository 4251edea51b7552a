"""What happens while people are told of failures: workers die at each step, channels hang and refuse, servers break."""

import signal
import time
from typing import Final

from config.celeryconfig import QUEUES
from flux_dispatch.domain.alert_channel import OF_WEBHOOKS, AlertKind
from tests.faults.channels import Channel, from_alert_webhook, from_mail, from_own_events
from tests.faults.testbed import Testbed
from tests.support.mailbox import Mailbox
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

SOON: Final = {
    "FLUX_ALERT_GATHER_SECONDS": "0.5",
    "FLUX_ALERT_SPACING_SECONDS": "0",
    "FLUX_ALERT_WINDOWS": "1",
    "FLUX_ALERT_FAILING_SECONDS": "2",
}
STEPS: Final = (
    "alerts_counted",
    "alerts_committed",
    "notification_composed",
    "notification_claimed",
    "notification_settled",
)
DEAF: Final = ("--queues", ",".join(queue for queue in QUEUES if queue != "control"))
"""A worker that is started so gets no message about a failure."""
OWN: Final = "/own"
"""Where events of our own go."""


def killed_at_each_step(testbed: Testbed) -> None:
    """One failure goes through the hands of workers that die one after the other, each a step later."""
    _begin(testbed)
    # no other message may be on its way when one of them dies
    _by_mail(testbed, AlertKind.DELIVERY_FAILED)
    _webhook_is_gone(testbed, 1)
    first, *others = STEPS
    _start_and_die(testbed, first)
    # that the webhook was disabled is told without a message; this worker shall not count the failure, too
    _start_and_die(testbed, "health_checked", *DEAF)
    for step in others:
        _start_and_die(testbed, step)
    testbed.installation.start_worker()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(20)


def killed_when_a_mail_was_taken(testbed: Testbed) -> None:
    """The server has taken the mail, and nobody knows: it comes again, the same under the same id."""
    _begin(testbed)
    mailbox = _by_mail(testbed)
    _webhook_is_gone(testbed, 1)
    _start_and_die(testbed, "notification_sent")
    assert len(mailbox.mails) == 1, f"{len(mailbox.mails)} mails had come when the worker died"
    testbed.installation.start_worker()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(20)


def mail_server_hangs(testbed: Testbed) -> None:
    """Who is told in another way is told meanwhile, and deliveries are in time."""
    _begin(testbed)
    mailbox, receiver = _by_mail(testbed), _by_alert_webhook(testbed)
    mailbox.hangs = True
    _calm_workers(testbed)
    _webhook_is_gone(testbed, 1)
    eventually(lambda: mailbox.hanging, "the mail server hangs", 30)
    eventually(lambda: receiver.answered, "another channel is told meanwhile", 30)
    _webhook_fails_and_recovers(testbed)
    eventually(lambda: testbed.installation.rows(_NOT_TAKEN), "the mail server is given up for now", 30)
    assert mailbox.mails == []
    mailbox.let_go()
    testbed.note_end_of_fault()
    _end_delays(testbed)
    testbed.wait_for_arrivals(20)


def channel_answers_500(testbed: Testbed) -> None:
    """What it refused comes when it is well again, and what happened meanwhile in one message after that."""
    _begin(testbed)
    receiver = _by_alert_webhook(testbed)
    receiver.answer = lambda _: 500
    _calm_workers(testbed)
    _webhook_is_gone(testbed, 1)
    eventually(lambda: testbed.installation.rows(_NOT_TAKEN), "the channel refuses a message", 30)
    _webhook_is_gone(testbed, 2)
    _webhook_fails_and_recovers(testbed)
    receiver.answer = lambda _: 200
    testbed.note_end_of_fault()
    _end_delays(testbed)
    testbed.wait_for_arrivals(20)


def redis_emptied(testbed: Testbed) -> None:
    """What tells workers of failures is lost, thrice: the sweeper finds them in the database."""
    _begin(testbed)
    _by_mail(testbed)
    deaf = testbed.installation.start("worker", "worker", *DEAF)
    eventually(lambda: deaf.logged("ready."), "the worker is ready")
    for number in range(3):
        _webhook_is_gone(testbed, number)
        eventually(lambda: testbed.broker.do("LLEN", "control"), "a message tells of a failure")
        testbed.broker.do("FLUSHALL")
    testbed.installation.start_worker()
    testbed.note_end_of_fault()
    testbed.wait_until_messages_bring_deliveries()


def postgres_killed_while_a_mail_is_sent(testbed: Testbed) -> None:
    """The server takes the mail while nobody can write that down: it comes again, the same under the same id."""
    _begin(testbed)
    mailbox = _by_mail(testbed)
    mailbox.hangs = True
    worker = testbed.installation.start_worker()
    _webhook_is_gone(testbed, 1)
    eventually(lambda: mailbox.hanging, "the mail server has the mail", 30)
    testbed.database.kill()
    mailbox.let_go()
    eventually(lambda: worker.logged("notification.not_settled"), "that it was taken cannot be written down")
    testbed.database.revive()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(20)
    _end_leases(testbed)


def _begin(testbed: Testbed) -> None:
    """Have alerts told soon, endpoints that are gone, and one that is told of failures by events of our own."""
    testbed.installation.settings |= SOON
    calm = testbed.receiver.answer
    testbed.receiver.answer = lambda request: 410 if request.path.startswith("/gone") else calm(request)
    testbed.webhook(OWN, "flux.*")
    testbed.channels.append(Channel("the webhook for flux.*", lambda: from_own_events(testbed.receiver, OWN)))


def _by_mail(testbed: Testbed, *kinds: AlertKind) -> Mailbox:
    mailbox = testbed.kept.enter_context(Mailbox())
    asked = frozenset(kinds or OF_WEBHOOKS)
    testbed.channels.append(Channel("the mail server", lambda: from_mail(mailbox), asked))
    _create_channel(testbed, mailbox.url(), asked)
    return mailbox


def _by_alert_webhook(testbed: Testbed) -> Receiver:
    receiver = testbed.kept.enter_context(Receiver())
    testbed.channels.append(Channel("the alert webhook", lambda: from_alert_webhook(receiver)))
    _create_channel(testbed, receiver.url.replace("http://", "json://"), frozenset(OF_WEBHOOKS))
    return receiver


def _create_channel(testbed: Testbed, url: str, kinds: frozenset[AlertKind]) -> None:
    testbed.installation.call("POST", "/v1/alert-channels", {"url": url, "kinds": sorted(kinds)})


def _calm_workers(testbed: Testbed) -> None:
    """Start workers, and have the checker see that no delivery is late from now on."""
    testbed.two_workers()
    testbed.wait_until_messages_bring_deliveries()
    testbed.calm_since = time.time()


def _webhook_is_gone(testbed: Testbed, number: int) -> None:
    """Have a webhook answer 410: its deliveries fail at once, and it is disabled, once."""
    testbed.webhook(f"/gone{number}", "order.completed")


def _webhook_fails_and_recovers(testbed: Testbed) -> None:
    calm = testbed.receiver.answer
    testbed.receiver.answer = lambda request: 500 if request.path == "/unwell" else calm(request)
    testbed.webhook("/unwell", "order.completed")
    changed = "SELECT FROM health_changes JOIN webhooks ON id = webhook_id WHERE url LIKE '%/unwell' AND health = $1"
    eventually(lambda: testbed.installation.rows(changed, "failing"), "the webhook is said to fail", 30)
    testbed.receiver.answer = calm
    eventually(lambda: testbed.installation.rows(changed, "recovered"), "the webhook is seen to recover", 30)


def _start_and_die(testbed: Testbed, failpoint: str, *arguments: str) -> None:
    # some die before they are ready
    doomed = testbed.installation.start("worker", "worker", *arguments, FAILPOINT=failpoint)
    assert doomed.process.wait(60) == -signal.SIGKILL, failpoint
    _end_leases(testbed)


def _end_leases(testbed: Testbed) -> None:
    """Have it a minute later for all that nobody holds any more; who is alive must hold nothing."""
    testbed.installation.rows("UPDATE alerts SET enqueued_at = enqueued_at - interval '1 minute' WHERE sent_at IS NULL")
    testbed.installation.rows("UPDATE notifications SET due_at = now() WHERE lease_token IS NOT NULL")


def _end_delays(testbed: Testbed) -> None:
    """Have what was not taken tried again at once."""
    testbed.installation.rows("UPDATE notifications SET due_at = now() WHERE due_at > now() AND lease_token IS NULL")


_NOT_TAKEN: Final = "SELECT FROM notifications WHERE error IS NOT NULL AND lease_token IS NULL"
