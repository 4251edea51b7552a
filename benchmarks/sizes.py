"""How much is measured: the whole programme, or the quick one, whose rounds are as many but smaller."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts are of deliveries or events, rates of events a second, durations in seconds."""

    rounds: int
    drained: int
    textbook: int
    end_to_end_seconds: float
    latency_rates: tuple[int, ...]
    latency_seconds: float
    isolation: int
    parked_few: int
    parked_many: int
    due_retries: int
    outage: int
    outage_seconds: float
    memory: int
    idle_seconds: float
    stored: int
    finished: int
    webhooks: int
    fan_out: int
    flood: int
    fairness_seconds: float
    adversary_seconds: float
    tunnel_seconds: float
    scraped_seconds: float
    failures: int


FULL: Final = Sizes(
    rounds=3,
    drained=20_000,
    textbook=2_000,
    end_to_end_seconds=15,
    latency_rates=(100, 500),
    latency_seconds=20,
    isolation=20_000,
    parked_few=10_000,
    parked_many=1_000_000,
    due_retries=5_000,
    outage=100_000,
    outage_seconds=15,
    memory=100_000,
    idle_seconds=60,
    stored=20_000,
    finished=1_000_000,
    webhooks=10_000,
    fan_out=10_000,
    flood=20_000,
    fairness_seconds=15,
    adversary_seconds=10,
    tunnel_seconds=20,
    scraped_seconds=30,
    failures=100_000,
)

QUICK: Final = Sizes(
    rounds=3,
    drained=10_000,
    textbook=600,
    end_to_end_seconds=5,
    latency_rates=(100,),
    latency_seconds=5,
    isolation=8_000,
    parked_few=10_000,
    parked_many=100_000,
    due_retries=2_000,
    outage=10_000,
    outage_seconds=5,
    memory=20_000,
    idle_seconds=10,
    stored=5_000,
    finished=50_000,
    webhooks=1_000,
    fan_out=1_000,
    flood=5_000,
    fairness_seconds=5,
    adversary_seconds=4,
    tunnel_seconds=5,
    scraped_seconds=15,
    failures=10_000,
)
