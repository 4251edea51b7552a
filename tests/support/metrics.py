"""Reads metrics as Prometheus does: over HTTP, from the text."""

import json
from collections.abc import Iterable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.installation import Process


class Scraped:
    """What one scrape told."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> float:
        """Return the value of a series without labels."""
        return self.value(name)

    def value(self, name: str, **labels: str) -> float:
        """Return the value of one series."""
        return self._values[name, frozenset(labels.items())]

    def has(self, name: str, **labels: str) -> bool:
        """Say whether there is such a series."""
        return (name, frozenset(labels.items())) in self._values

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum of all series of this name that have these labels."""
        return sum(
            value
            for (each, theirs), value in self._values.items()
            if each == name and frozenset(labels.items()) <= theirs
        )

    def all_of(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the series of this name, each by the values of its labels in the order of the labels' names."""
        return {
            tuple(value for _, value in sorted(labels)): value
            for (each, labels), value in self._values.items()
            if each == name
        }


def scrape(url: str, token: str | None = None) -> Scraped:
    """Return what is told at this address."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.get(url, headers=headers, timeout=10, trust_env=False)
    assert answer.status_code == 200, answer.text
    return Scraped(answer.text)


def scrape_all(urls: Iterable[str]) -> list[Scraped]:
    """Return what each of several processes tells."""
    return [scrape(url) for url in urls]


def metrics_url(part: Process) -> str:
    """Return where a process says that its metrics are."""
    lines = [json.loads(line) for line in part.log.read_text().splitlines() if "metrics.listening" in line]
    return str(lines[-1]["url"])
