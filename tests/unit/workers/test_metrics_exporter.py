"""What is measured becomes text that Prometheus reads, and nothing is told that the catalogue does not list."""

import gzip
from collections.abc import Iterable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from flux_dispatch.engine.flow.meter import Histogram
from tests.support.metrics import Scraped
from workers.metrics.catalogue import CATALOGUE, Kind
from workers.metrics.exporter import Exporter, Measured

PLAIN = "text/plain;version=0.0.4"
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


def everything() -> Iterable[Measured]:
    """Something of each metric."""
    for metric in CATALOGUE.values():
        histogram = Histogram([0.1, 1])
        histogram.add(0.5)
        labels = tuple('a "b"\\\n' for _ in metric.labels)
        yield Measured(metric.name, histogram if metric.kind is Kind.HISTOGRAM else 7.5, labels)


def test_every_metric_is_told_with_its_kind_and_meaning() -> None:
    page = Exporter([everything]).page(PLAIN, "")
    told = Scraped(page.body.decode())
    for metric in CATALOGUE.values():
        family = told.families[metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name]
        assert family.type == metric.kind
        assert family.documentation == metric.meaning
    assert page.headers["Content-Type"].startswith("text/plain")
    assert told.value("flux_attempt_delay_seconds_bucket", le="0.1") == 0
    assert told.value("flux_attempt_delay_seconds_bucket", le="1") == 1
    assert told.value("flux_attempt_delay_seconds_bucket", le="+Inf") == 1
    assert told["flux_attempt_delay_seconds_sum"] == 0.5


def test_whoever_asks_for_open_metrics_gets_them() -> None:
    page = Exporter([everything]).page(OPEN_METRICS, "")
    assert page.headers["Content-Type"].startswith("application/openmetrics-text")
    assert len(list(text_string_to_metric_families(page.body.decode()))) >= len(CATALOGUE)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/html", "application/openmetrics-text;version=rubbish", "\x00", "q"]
)
def test_whatever_else_is_asked_for_gets_what_every_prometheus_reads(accept: str) -> None:
    assert b"flux_build_info" in Exporter([everything]).page(accept, "").body


def test_a_text_that_is_long_is_packed_where_that_is_taken() -> None:
    exporter = Exporter([everything])
    plain, packed = exporter.page(PLAIN, "identity"), exporter.page(PLAIN, "deflate, GZIP;q=0.5")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.body) < len(plain.body) / 3
    assert gzip.decompress(packed.body).count(b"\n") == plain.body.count(b"\n")


@pytest.mark.parametrize(
    "wrong",
    [
        Measured("flux_unheard_of", 1),
        Measured("flux_workers", Histogram([1])),
        Measured("flux_attempt_delay_seconds", 1.0),
    ],
)
def test_what_the_catalogue_does_not_know_is_an_error(wrong: Measured) -> None:
    with pytest.raises((LookupError, TypeError)):
        list(Exporter([lambda: [wrong]]).collect())


def test_what_was_not_measured_is_not_told() -> None:
    assert b"flux_" not in Exporter([]).page(PLAIN, "").body
