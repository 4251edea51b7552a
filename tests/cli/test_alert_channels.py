"""`flux alert-channels`: where people are told, and whether it arrives there."""

import json

from tests.support.command import Command
from tests.support.mailbox import PASSWORD, USER, Mailbox

URL = "mailtos://user:a-password@smtp.example.com?to=ops@example.com"


def test_one_is_made_looked_at_changed_and_deleted(fresh: Command) -> None:
    made = fresh.done(
        "alert-channels", "create", URL, "--name", "On call", "--kinds", "delivery_failed,webhook_failing"
    )
    channel = made.fields["id"]
    assert (made.fields["service"], made.fields["target"]) == ("email", "ops@example.com by smtp.example.com:587")
    assert f"flux alert-channels test {channel}" in made.err
    assert [row[:3] for row in fresh.done("alert-channels", "list").rows] == [[channel, "enabled", "email"]]
    changed = fresh.done("alert-channels", "update", channel, "--kinds", "webhook_disabled", "--status", "disabled")
    assert (changed.fields["kinds"], changed.fields["disabled_reason"]) == ("webhook_disabled", "by_hand")
    shown = fresh.done("alert-channels", "show", f"{channel[:12]}…{channel[-6:]}", "--json").out
    assert json.loads(shown)["name"] == "On call"
    assert "a-password" not in made.out + made.err + shown
    assert "Nothing was given" in fresh.misused("alert-channels", "update", channel)
    assert "say --yes" in fresh.refused("alert-channels", "delete", channel)
    fresh.done("alert-channels", "delete", channel, "--yes")
    assert "`flux alert-channels list` shows" in fresh.refused("alert-channels", "show", channel)


def test_a_url_may_come_where_nobody_sees_it(fresh: Command) -> None:
    made = fresh.done("alert-channels", "create", "-", stdin=URL.encode() + b"\n")
    other = URL.replace("ops@", "dev@").encode()
    changed = fresh.done("alert-channels", "update", made.fields["id"], "--url", "-", stdin=other)
    assert changed.fields["target"].startswith("dev@example.com")


def test_what_cannot_be_is_refused(fresh: Command) -> None:
    assert "url: " in fresh.refused("alert-channels", "create", "file:///etc/passwd")
    assert "url: " in fresh.refused("alert-channels", "create", "-")
    assert "is no kind of alert" in fresh.refused("alert-channels", "create", URL, "--kinds", "weather")


def test_a_test_says_whether_it_was_taken(fresh: Command) -> None:
    with Mailbox(needs_login=True) as mailbox:
        wrong = mailbox.url(user=USER, password="wrong-password")
        channel = fresh.done("alert-channels", "create", wrong).fields["id"]
        refused = fresh.refused("alert-channels", "test", channel)
        assert "It was not taken: " in refused
        assert "535" in refused
        assert "wrong-password" not in refused
        ran = fresh("alert-channels", "test", channel, "--json")
        assert (ran.status, json.loads(ran.out)["status"]) == (1, "failed")
        right = mailbox.url(user=USER, password=PASSWORD)
        fresh.done("alert-channels", "update", channel, "--url", "-", stdin=right.encode())
        assert "took the message" in fresh.done("alert-channels", "test", channel).err
    assert len(mailbox.mails) == 1
