"""Mail that arrives at a real server: what it says, that a copy is known, and what is said when it does not arrive."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from flux_dispatch.channels.apart import Rules
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.notification import Digest
from tests.channels.conftest import ACCOUNT, AT, LOOPBACK, failed, notification, sender_with
from tests.support.mailbox import PASSWORD, USER, Mailbox, html_of, text_of
from tests.support.waiting import eventually_async


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


async def test_a_mail_says_it_in_one_line_and_reads_well_in_text_and_html(
    allowed: ChannelSender, mailbox: Mailbox
) -> None:
    assert await allowed.send(notification(mailbox.url(), failed(1205))) is None
    (mail,) = mailbox.mails
    assert mail["subject"] == "order.completed to https://example.com/hooks failed after 5 attempts (+1,204 more)"
    assert mail["from"] == "Webhooks <alerts@flux.example>"
    assert mail["to"] == "ops@example.com"
    assert mail["auto-submitted"] == "auto-generated"
    link = f"https://flux.example/dashboard/{ACCOUNT}/deliveries/dlv_{5:032x}"
    text = text_of(mail)
    assert link in text.splitlines()
    assert "1,205 deliveries failed from 15 Jan 2026 10:30 to 10:40 UTC." in text
    assert "Your endpoint answered 500. Look into its log." in text
    assert f'href="{link}"' in html_of(mail)
    assert "http://" not in html_of(mail).replace("https://", "")


async def test_the_same_message_twice_is_the_same_mail_under_one_id(allowed: ChannelSender, mailbox: Mailbox) -> None:
    for _ in range(2):
        assert await allowed.send(notification(mailbox.url())) is None
    one, other = mailbox.mails
    assert one["message-id"] == other["message-id"] == f"<ntf_{2:032x}@flux.example>"
    assert one["date"] == other["date"]
    assert text_of(one) == text_of(other)


async def test_what_customers_write_is_escaped(allowed: ChannelSender, mailbox: Mailbox) -> None:
    odd = "https://example.com/<script>alert(1)</script>?a=\"b\"&c='d'\r\nBcc: evil@example.com"
    assert await allowed.send(notification(mailbox.url(), failed(1, odd))) is None
    (mail,) = mailbox.mails
    assert "<script>" not in html_of(mail)
    assert "&lt;script&gt;" in html_of(mail)
    assert mail["bcc"] is None
    assert "\n" not in mail["subject"]


async def test_several_things_are_one_mail_that_counts_them(allowed: ChannelSender, mailbox: Mailbox) -> None:
    def changed(kind: AlertKind, number: int, **detail: str) -> Digest:
        subject, since = f"wh_{number:032x}", {"since": "2026-01-15T10:00:00Z"}
        return Digest(kind, subject, ACCOUNT, f"https://{number}.example.com/", "", 1, AT, AT, since | detail)

    digests = (
        failed(12),
        changed(AlertKind.WEBHOOK_FAILING, 7),
        changed(AlertKind.WEBHOOK_DISABLED, 8, reason="gone"),
        changed(AlertKind.WEBHOOK_RECOVERED, 9),
    )
    assert await allowed.send(notification(mailbox.url(), *digests)) is None
    (mail,) = mailbox.mails
    said = "1 webhook was disabled, 12 deliveries failed, 1 webhook is failing, 1 webhook delivers again"
    assert mail["subject"] == said
    assert "https://8.example.com/ was disabled: it answered 410." in text_of(mail)
    assert "https://9.example.com/ delivers again." in text_of(mail)


async def test_a_login_that_is_good_is_taken_and_a_wrong_one_is_said(allowed: ChannelSender) -> None:
    with Mailbox(needs_login=True) as mailbox:
        assert await allowed.send(notification(mailbox.url(user=USER, password=PASSWORD))) is None
        error = await allowed.send(notification(mailbox.url(user=USER, password="wrong-password")))
        assert error is not None
        assert error.startswith(f"127.0.0.1:{mailbox.port} refused the user name or password (535")
        assert "wrong-password" not in error
        error = await allowed.send(notification(mailbox.url()))
        assert error is not None
        assert "asks for a user name and password (530" in error
        assert len(mailbox.mails) == 1


@pytest.mark.parametrize("url", [{"user": "alerts", "password": "p%C3%A4ss"}, {"to": "j%C3%BCrgen%2Bx@example.com"}])
async def test_letters_that_a_mail_server_does_not_get_are_said(allowed: ChannelSender, url: dict[str, str]) -> None:
    with Mailbox(needs_login="user" in url) as mailbox:
        error = await allowed.send(notification(mailbox.url(**url)))
    assert error is not None
    assert error.endswith("has a letter beyond ASCII, and was not sent to the mail server: give it another.")


async def test_recipients_that_are_refused_are_said(allowed: ChannelSender) -> None:
    with Mailbox(refused={"nobody@example.com"}) as mailbox:
        error = await allowed.send(notification(mailbox.url(to="nobody@example.com")))
        assert error is not None
        assert "refused every recipient (550 5.1.1 nobody of this name)" in error
        assert await allowed.send(notification(mailbox.url(to="nobody@example.com,ops@example.com"))) is None
        assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    ("recipients", "left_out"),
    [
        ("to=ops@example.com,jürgen@example.com", "jürgen@example.com"),
        ("to=jürgen%2Bx@example.com", "jürgen+x@example.com"),
        ("to=ops@münchen.de,b@example.com", "ops@münchen.de"),
        ("to=ops@example.cöm", "ops@example.cöm"),
        ("to=ops@example.com,b@c", "b@c"),
        ("to=ops@example.com;b@example.com", "b@example.com"),
        ("to=O'Neil@example.com", "O'Neil@example.com"),
        ("to=ops@example.com&cc=b@example.com,@example.com", "@example.com"),
        ("to=ops@example.com&bcc=bé@example.com", "bé@example.com"),
    ],
)
async def test_no_recipient_is_left_out_in_silence(guarded: ChannelSender, recipients: str, left_out: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await guarded.check(f"mailtos://u:pass@smtp.example.com?from=a@example.com&{recipients}")
    assert refused.value.message.startswith(f"No mail can be sent to {left_out}: ")


@pytest.mark.parametrize(
    "recipients",
    [
        "to=ops+x@example.com,Jürgen <j@example.com>",
        'to="Doe, J"<j@example.com>,"b@example.com"&cc=c@d.de',
        "to=OPS@E.COM.",
    ],
)
async def test_recipients_have_names_and_what_addresses_may_have(guarded: ChannelSender, recipients: str) -> None:
    await guarded.check(f"mailtos://u:pass@smtp.example.com/a@example.com?from=a@example.com&{recipients}")


async def test_what_a_server_says_can_be_stored_and_shown(allowed: ChannelSender) -> None:
    """PostgreSQL takes no U+0000, and a terminal obeys what follows an escape."""
    with Mailbox(refused={"nobody@example.com"}, refusal="550 no\x00 such\x1b[2J \u202eone") as mailbox:
        error = await allowed.send(notification(mailbox.url(to="nobody@example.com")))
    assert error is not None
    assert "(550 no such [2J one)" in error
    assert error.isprintable()


@pytest.mark.parametrize("farewell", ["250 Bye", "421 closing"])
async def test_what_was_taken_is_not_sent_again_for_how_the_server_takes_leave(
    allowed: ChannelSender, farewell: str
) -> None:
    with Mailbox(farewell=farewell) as mailbox:
        assert await allowed.send(notification(mailbox.url())) is None
        assert len(mailbox.mails) == 1


async def test_a_server_that_hangs_ends_the_process_and_no_more() -> None:
    sender = sender_with(Rules(is_guarded=True, allow=LOOPBACK), max_seconds=1)
    with Mailbox(hangs=True) as hanging, Mailbox() as mailbox:
        assert await sender.send(notification(mailbox.url())) is None
        error = await sender.send(notification(hanging.url()))
        assert error is not None
        assert "see whether the server hangs" in error
        assert await sender.send(notification(mailbox.url())) is None
        assert len(mailbox.mails) == 2
        assert hanging.mails == []
    await sender.close()


async def _is_hanging(mailbox: Mailbox) -> int:
    return mailbox.hanging


async def test_what_hangs_takes_no_thread_that_others_need() -> None:
    """Schemas are checked in the threads that all of a process share, and whether Redis answers."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    sender = sender_with(Rules(is_guarded=True, allow=LOOPBACK))
    with Mailbox(hangs=True) as hanging:
        sending = asyncio.create_task(sender.send(notification(hanging.url())))
        await eventually_async(partial(_is_hanging, hanging), "the server hangs", 30)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "done")
        hanging.let_go()
        assert await sending is None
    await sender.close()


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("127.0.0.1:9", "Nothing listens at 127.0.0.1:9: check host and port."),
        ("nowhere.invalid", "The name nowhere.invalid leads to no address: check its spelling."),
    ],
)
async def test_a_server_that_is_not_there_is_said(allowed: ChannelSender, host: str, says: str) -> None:
    assert await allowed.send(notification(f"mailto://{host}?from=a@flux.example&to=b@example.com")) == says


async def test_a_server_that_speaks_no_tls_is_said(allowed: ChannelSender, mailbox: Mailbox) -> None:
    for mode in ("starttls", "ssl"):
        error = await allowed.send(notification(mailbox.url().replace("mode=insecure", f"mode={mode}")))
        assert error is not None
        assert "encryption (mode=)" in error
    assert mailbox.mails == []


async def test_a_server_that_hangs_up_is_said(allowed: ChannelSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        error = await allowed.send(notification(f"mailto://127.0.0.1:{port}?from=a@flux.example&to=b@example.com"))
    assert error is not None
    assert "hung up" in error
