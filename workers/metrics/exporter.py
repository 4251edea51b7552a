"""Writes what was measured as text that Prometheus reads; of a metric that the catalogue does not know it says so."""

import gzip
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from flux_dispatch.engine.flow.meter import Histogram
from workers.metrics.catalogue import CATALOGUE, Kind, Metric

GZIP_FROM: Final = 4096
"""A shorter text would hardly become shorter."""

OPEN_METRICS: Final = "application/openmetrics-text"

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Measured(NamedTuple):
    """One value of a metric; its labels in the order of the catalogue."""

    name: str
    value: float | Histogram
    labels: tuple[str, ...] = ()


Source: TypeAlias = Callable[[], Iterable[Measured]]
"""Says what was measured so far. It is called in a thread, and reads what a loop writes: it copies before it iterates.
"""


class Page(NamedTuple):
    """What a scrape is answered with."""

    body: bytes
    headers: dict[str, str]


class Exporter(Collector):
    """Asks the sources, and writes what they say.

    Args:
        sources: each tells of a part of this process.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self._registry)

    def collect(self) -> Iterable[Family]:
        """Return all families, in the order of the catalogue.

        Raises:
            LookupError: something was measured that the catalogue does not know.
        """
        families: dict[str, Family] = {name: _family(metric) for name, metric in CATALOGUE.items()}
        for source in self._sources:
            for name, value, labels in source():
                _add(families[name], value, labels)
        return [family for family in families.values() if family.samples]

    def page(self, accept: str, accept_encoding: str) -> Page:
        """Return what a scraper that takes this is answered with; it takes milliseconds, so call it in a thread."""
        # of a version that is none it makes an exception
        encode, content_type = choose_encoder(OPEN_METRICS if OPEN_METRICS in accept else "")
        body = encode(self._registry)
        headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
        if len(body) >= GZIP_FROM and "gzip" in accept_encoding.lower():
            return Page(gzip.compress(body, compresslevel=1), headers | {"Content-Encoding": "gzip"})
        return Page(body, headers)


def _family(metric: Metric) -> Family:
    kinds: dict[Kind, type[Family]] = {
        Kind.COUNTER: CounterMetricFamily,
        Kind.GAUGE: GaugeMetricFamily,
        Kind.HISTOGRAM: HistogramMetricFamily,
    }
    return kinds[metric.kind](metric.name, metric.meaning, labels=metric.labels)


def _add(family: Family, value: float | Histogram, labels: tuple[str, ...]) -> None:
    if isinstance(family, HistogramMetricFamily):
        if not isinstance(value, Histogram):
            raise TypeError(f"{family.name} is a histogram.")
        bounds = [*(f"{bound:.6g}" for bound in value.bounds), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(list(value.counts)), strict=True)), value.total)
    elif isinstance(value, Histogram):
        raise TypeError(f"{family.name} is no histogram.")
    else:
        family.add_metric(labels, value)
