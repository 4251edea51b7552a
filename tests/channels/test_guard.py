"""Whatever a customer's URL says, nothing that is not public is reached, no file is read, no program runs."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flux_dispatch.channels import apart
from flux_dispatch.channels.apart import ApartSenders, Rules, TookTooLongError
from flux_dispatch.channels.guard import BLOCKED, Guard
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.channels.services import SERVICES
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest
from tests.channels.conftest import LOOPBACK, notification, sender_with
from tests.support.mailbox import Mailbox
from tests.support.receiver import Receiver
from tests.support.waiting import eventually


@dataclass
class Listener:
    """Notes who connects to a private address; nobody may."""

    connections: list[str] = field(default_factory=list)
    port: int = 0

    def listen(self, server: socket.socket) -> None:
        while True:
            try:
                made, peer = server.accept()
            except OSError:
                return
            self.connections.append(str(peer))
            made.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener.port = server.getsockname()[1]
        threading.Thread(target=listener.listen, args=[server], daemon=True).start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)


AT_HOST = [
    "jsons://{host}/x",
    "json://{host}/x",
    "mailto://{host}?from=a@flux.example&to=b@example.com",
    "mailtos://u:p@{host}?from=a@flux.example&to=b@example.com&mode=ssl",
    "mmosts://{host}/abcdefghijklmnopqrstuvwxyz",
    "rockets://user:password@{host}/#alerts",
    "gotifys://{host}/abcdefghijklmno",
    "ntfys://{host}/topic",
    "workflows://{host}/abc/def",
]


async def test_no_plugin_reaches_a_private_address(guarded: ChannelSender, listener: Listener) -> None:
    for url in AT_HOST:
        for name in ("127.0.0.1", "localhost", "0.0.0.0"):
            error = await guarded.send(notification(url.format(host=f"{name}:{listener.port}")))
            assert error is not None, url
        assert listener.connections == [], url


TWO_ADDRESSES = """
import socket
from flux_dispatch.channels.process import main
known = socket.getaddrinfo
def two(host, *more, **named):
    found = known("127.0.0.1" if host == "two.example" else host, *more, **named)
    private = known("10.0.0.1", *more, **named) if host == "two.example" else []
    return private + found
socket.getaddrinfo = two
main()
"""
"""The process as it is, where a name leads to a private address first, and then to one that is permitted."""


async def test_what_is_sent_by_another_address_of_its_host_is_not_said_to_be_blocked(
    allowed: ChannelSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-P", "-B", "-c", TWO_ADDRESSES))
    with Mailbox(refused={"nobody@example.com"}) as mailbox:
        by_two = mailbox.url().replace("127.0.0.1", "two.example")
        assert await allowed.send(notification(by_two)) is None
        for url in (mailbox.url(), by_two):
            error = await allowed.send(notification(url.replace("ops@", "nobody@")))
            assert error is not None
            assert "refused every recipient" in error


async def test_the_address_is_said_to_be_what_is_wrong(guarded: ChannelSender, listener: Listener) -> None:
    error = await guarded.send(notification(f"jsons://127.0.0.1:{listener.port}/x"))
    assert error == BLOCKED
    error = await guarded.send(notification(f"mailto://localhost:{listener.port}?from=a@flux.example&to=b@example.com"))
    assert error == BLOCKED


async def test_a_redirect_leads_to_no_private_address(listener: Listener) -> None:
    with Receiver(answer=lambda _: 307) as receiver:
        receiver.reply = lambda _: ({"Location": f"http://127.0.0.2:{listener.port}/"}, "")
        sender = sender_with(Rules(is_guarded=True, allow=("127.0.0.1/32",)))
        error = await sender.send(notification(f"json://{receiver.url.removeprefix('http://')}/x"))
        await sender.close()
    assert len(receiver.requests) == 1
    assert error == BLOCKED
    assert listener.connections == []


async def test_denied_networks_are_not_reached_though_public() -> None:
    sender = sender_with(Rules(is_guarded=True, allow=LOOPBACK, deny=("127.0.0.1/32",)))
    with Receiver() as receiver:
        assert await sender.send(notification(f"json://{receiver.url.removeprefix('http://')}/x")) == BLOCKED
        assert receiver.requests == []
    await sender.close()


REFUSED = [
    *("file:///etc/passwd", "syslog://", "rsyslog://127.0.0.1", "dbus://", "windows://", "gnome://", "macosx://"),
    *("exec://id", "growl://127.0.0.1", "mqtt://127.0.0.1/a", "xmpp://u:p@127.0.0.1", "apprise://127.0.0.1/x"),
    *("config://127.0.0.1", "include://x", "gopher://127.0.0.1", "ftp://127.0.0.1", "tcp://127.0.0.1:6379"),
    *("http://127.0.0.1/", "https://127.0.0.1/", "javascript:alert(1)", "smpp://u:p@127.0.0.1/1/2", "", "x" * 999),
    "workflows://example.com/abc/def?template=/etc/passwd",
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd",
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=http://127.0.0.1/",
    "mailtos://u:p@example.com?pgp=encrypt&pgppub=/etc/passwd",
    "mailtos://u:p@example.com?wkd=yes",
    "jsons://example.com/?verify=no",
    "jsons://example.com/?cto=600&rto=600",
]


async def test_what_is_not_listed_is_refused_with_a_reason(guarded: ChannelSender) -> None:
    for url in REFUSED:
        with pytest.raises(InvalidRequest) as refused:
            await guarded.check(url)
        assert refused.value.param == "url"
        assert len(refused.value.message) > 20
        assert "/etc/passwd" not in refused.value.message


async def test_secrets_go_nowhere_in_the_clear_where_https_is_required() -> None:
    sender = sender_with(Rules(is_guarded=True, require_https=True))
    for scheme in ("json", "mmost", "gotify", "rocket"):
        with pytest.raises(InvalidRequest, match=f"write {scheme}s://"):
            await sender.check(f"{scheme}://example.com/abcdefghijklmnopqrstuvwxyz")
    with pytest.raises(InvalidRequest, match="mailtos://"):
        await sender.check("mailto://u:password@smtp.example.com?from=a@example.com&to=b@example.com")
    await sender.close()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it
def test_what_was_blocked_before_is_not_said_of_the_next_message() -> None:
    from flux_dispatch.channels.plugin import plugin_of
    from flux_dispatch.channels.process import _sent

    guard, url = Guard(AddressPolicy()), "json://127.0.0.1:1/x"
    guard.has_blocked_address = True  # as after a message that another of its recipients took
    plugin = plugin_of(url, is_customers=True, require_https=False)
    message = {"id": "ntf_1", "title": "Test", "text": "Test", "tone": "info"}
    said = _sent(plugin, {"url": url, "message": message}, guard)
    assert "Webhook" in said["trouble"]
    assert said["trouble"] != BLOCKED


async def test_whoever_would_get_no_mail_is_named(guarded: ChannelSender) -> None:
    for people in ("to=a@b.de,+c@d.de", "to=a@b.de,%20+c@d.de", "to=a@b.de&cc=+c@d.de", "to=a@b.de&bcc=e@f.de,+c@d.de"):
        with pytest.raises(InvalidRequest, match=r"^No mail can be sent to \+c@d\.de: correct the address"):
            await guarded.check(f"mailtos://smtp.example.com?from=a@example.com&{people}")
    for people in ("to=A%20B%20%3Ca%2Bb@C.de%3E,c@d.de", "to=a@b.de%20c@d.de&cc=a@b.de,A@b.de&bcc=c@d.de"):
        assert (await guarded.check(f"mailtos://smtp.example.com?from=a@example.com&{people}")).service == "email"


TOLD = [
    ("mailtos://u:p%40ss@smtp.example.com?to=ops@example.com", "email", "ops@example.com by smtp.example.com:587"),
    ("mailtos://u:p@gmail.com?to=a@b.de,c@d.de,e@f.de", "email", "a@b.de, c@d.de and 1 more by smtp.gmail.com:587"),
    ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack", "slack://T...2/…"),
    ("jsons://user:password@example.com:8443/secret/path", "webhook", "jsons://example.com:8443/…"),
    ("pagerduty://integrationkey@apikey", "pagerduty", "pagerduty://****@****/…"),
    ("ntfys://a-secret-topic", "ntfy", "ntfys://ntfy.sh/…"),
    ("tgram://123456789:abcdefg_hijklmnop/12315544/", "telegram", "tgram://1...p/…"),
]


async def test_of_a_url_only_what_is_no_secret_is_told(guarded: ChannelSender) -> None:
    for url, service, target in TOLD:
        checked = await guarded.check(url)
        assert (checked.service, checked.target) == (service, target)


async def test_every_listed_service_is_one_of_apprise(guarded: ChannelSender) -> None:
    """Its example is not always whole, but its scheme is known: nobody is told that alerts do not go there."""
    for service in SERVICES:
        for scheme in service.schemes:
            try:
                await guarded.check(f"{scheme}://")
            except InvalidRequest as error:
                assert "not sent to" not in error.message, scheme  # noqa: PT017 - one may be whole like this


async def test_what_a_server_says_shows_no_secret_of_the_url(allowed: ChannelSender) -> None:
    with Receiver(answer=lambda _: 401) as receiver:
        host = receiver.url.removeprefix("http://")
        error = await allowed.send(notification(f"json://user:hunter2-hunter2@{host}/token-token-token"))
    assert error is not None
    assert "401" in error
    assert "hunter2" not in error
    assert "token-token" not in error


async def test_a_webhook_gets_the_message_with_its_id(allowed: ChannelSender) -> None:
    with Receiver() as receiver:
        assert await allowed.send(notification(f"json://{receiver.url.removeprefix('http://')}/x")) is None
    (request,) = receiver.requests
    assert request.headers["idempotency-key"] == f"ntf_{2:032x}"
    assert b"dlv_" in request.body


async def test_a_process_that_dies_is_made_anew() -> None:
    senders = ApartSenders(Rules(is_guarded=True))
    assert "service" in await senders.ask({"url": "jsons://example.com/x"})
    process = senders._idle[0]._process
    assert process
    process.kill()
    with pytest.raises(TookTooLongError):
        await senders.ask({"url": "jsons://example.com/x"})
    assert "service" in await senders.ask({"url": "jsons://example.com/x"})
    await senders.close()
    assert senders._idle == []


async def test_a_process_begins_where_the_operator_allows_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    less = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({1 << 30}, {1 << 30}))"
    ordinary = "from flux_dispatch.channels.process import main; main()"
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-P", "-B", "-c", f"{less}\n{ordinary}"))
    senders = ApartSenders(Rules(is_guarded=True))
    assert "service" in await senders.ask({"url": "jsons://example.com/x"})
    await senders.close()


def test_a_process_ends_with_whoever_asked_it_however_that_ended(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import asyncio, os\n"
        "from flux_dispatch.channels.apart import ApartSenders, Rules\n"
        "async def main():\n"
        "    senders = ApartSenders(Rules(is_guarded=True))\n"
        "    await senders.ask({'url': 'jsons://example.com/x'})\n"
        "    print(senders._idle[0]._process.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        parent.kill()
    eventually(lambda: not child.exists() or "Z" in (child / "stat").read_text().split()[2], "it has ended")


ACTS = {
    "connect": "import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
    "connect_ex": "import socket; socket.socket().connect_ex(('127.0.0.1', {port}))",
    "name": "import socket; socket.socket().connect(('localhost', {port}))",
    "sendto": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
    "sendmsg": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', {port}))",
    "unix": "import socket; socket.socket(socket.AF_UNIX).connect('/tmp/x')",
    "mapped": "import socket; socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', {port}))",
    "bind": "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "read": "open('/etc/passwd').read()",
    "read_dots": "open({prefix!r} + '/../../../../../../../../../../etc/passwd').read()",
    "os_open": "import os; os.open('/etc/passwd', os.O_RDONLY)",
    "write": "open('/tmp/flux-guard-test', 'w')",
    "path": "import pathlib; pathlib.Path('/etc/hosts').read_text()",
    "popen": "import subprocess; subprocess.run(['true'])",
    "system": "import os; os.system('true')",
    "fork": "import os; os.fork()",
    "spawn": "import os; os.posix_spawn('/bin/true', ['true'], {{}})",
    "remove": "import os; os.remove('/tmp/flux-guard-test')",
}


@pytest.mark.parametrize("act", ACTS)
def test_the_guard_refuses_each_act_by_itself(act: str, listener: Listener, tmp_path: Path) -> None:
    code = ACTS[act].format(port=listener.port, prefix=sys.prefix)
    program = tmp_path / "act.py"
    program.write_text(
        "import subprocess, pathlib, socket\n"
        "from flux_dispatch.channels.guard import Blocked, Guard\n"
        "from flux_dispatch.domain.address import AddressPolicy\n"
        "Guard(AddressPolicy()).install()\n"
        f"try:\n    {code}\nexcept Blocked:\n    raise SystemExit(42)\n"
    )
    run = subprocess.run([sys.executable, program], capture_output=True, check=False, timeout=20)
    assert run.returncode == 42, run.stderr.decode()
    assert listener.connections == []
