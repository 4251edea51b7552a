"""What people were told, held against what happened: each failure and each change of a webhook, by all who asked."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from flux_dispatch.domain.alert_channel import AlertKind
from tests.faults.channels import Channel, Message, Told
from tests.faults.testbed import Testbed


@dataclass
class Telling:
    """How many failures and changes of webhooks one channel was told of and was not, and which copies came."""

    told: int = 0
    lost: int = 0
    repeated: int = 0
    wrong: list[str] = field(default_factory=list)


def read_tellings(testbed: Testbed) -> list[Telling]:
    """Return what each channel was told, now that nothing is left to be told."""
    happened: Told = Counter()
    for row in testbed.installation.rows(_HAPPENED):
        happened[row["url"], AlertKind(row["kind"])] += row["times"]
    return [hold_against(happened, channel, channel.taken()) for channel in testbed.channels]


def hold_against(happened: Told, channel: Channel, messages: Sequence[Message]) -> Telling:
    """Return what a channel was told, each message counted once, against all that it asked for."""
    versions: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        versions[message.id].append(message)
    told: Told = sum((copies[0].tells for copies in versions.values()), Counter())
    asked = Counter({what: times for what, times in happened.items() if what[1] in channel.kinds})
    telling = Telling((asked & told).total(), (asked - told).total(), len(messages) - len(versions))
    for (url, kind), times in (asked - told).items():
        telling.wrong.append(f"{channel.name} was not told {times} times: {kind} of {url}")
    for (url, kind), times in (told - asked).items():
        telling.wrong.append(f"{channel.name} was told {times} times too often: {kind} of {url}")
    if any(len({each.text for each in copies}) > 1 for copies in versions.values()):
        telling.wrong.append(f"{channel.name} got a message twice that was not the same")
    return telling


_HAPPENED = """
    SELECT url, 'delivery_failed' AS kind, count(*) AS times
    FROM alerts JOIN webhooks ON webhooks.id = webhook_id GROUP BY url
    UNION ALL
    SELECT url, 'webhook_' || health, count(*)
    FROM health_changes JOIN webhooks ON webhooks.id = webhook_id GROUP BY url, health
"""
