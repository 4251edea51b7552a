"""What becomes of an event is one trace, from whoever published it to the receiver's own, in whatever process."""

import time
from typing import Any

import pytest
from celery import Celery

from tests.support import otlp
from tests.support.installation import Installation
from tests.support.receiver import Receiver, Request
from tests.support.server_in_thread import HANG
from tests.support.waiting import eventually

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{SPAN}-01"
SECRET_URL = "/hooks/T0KEN1?key=K3Y"


def fails_once(request: Request) -> int:
    return 500 if request.path == "/twice" and request.attempt == 1 else 200


def test_an_event_its_retry_and_its_receivers_are_one_trace(installation: Installation) -> None:
    with otlp.Collector() as collector, Receiver(fails_once) as receiver:
        installation.settings |= collector.settings
        installation.settings |= {"FLUX_TRACING_TO_RECEIVERS": "true", "FLUX_RETRY_DELAYS": "0,1"}
        api = installation.start_api()
        worker = installation.start_worker()
        webhook = installation.webhook(f"{receiver.url}/twice", "order.completed")
        body = {"type": "order.completed", "data": {"n": 1}}
        event = installation.call("POST", "/v1/events", body, traceparent=CALLER, **{"Idempotency-Key": "k"})["id"]
        again = installation.call("POST", "/v1/events", body, **{"Idempotency-Key": "k"})["id"]
        assert again == event
        trace = event.removeprefix("evt_")
        eventually(lambda: len(collector.of(trace, "POST")) == 2, "both attempts are recorded")

        (published,) = collector.of(trace, "publish order.completed")
        assert (published.id, published.parent, published.kind) == (trace[16:], "", "PRODUCER")
        assert published.service == "flux-api"
        assert published.attributes["messaging.message.id"] == event
        first, second = collector.of(trace, "POST")
        check_attempts(first, second, published, webhook["id"], receiver)

        (request,) = collector.of(TRACE)
        assert (request.name, request.parent, request.kind) == ("POST /v1/events", SPAN, "SERVER")
        assert request.links == [(trace, published.id)]
        assert published.links == [(TRACE, request.id)]
        assert request.attributes["http.response.status_code"] == 202
        assert request.attributes["flux.request.id"].startswith("req_")
        (replayed,) = [each for each in collector.spans if each.links == [(trace, published.id)] and each != request]
        assert replayed.trace not in {trace, TRACE}

        told = [each.headers["traceparent"] for each in receiver.at("/twice")]
        assert told == [f"00-{trace}-{each.id}-01" for each in (first, second)]
        # what was recorded last arrives, though the processes end
        assert (api.stop(), worker.stop()) == (0, 0)
        assert not any(process.logged("tracing.spans_lost") for process in installation.processes)


def check_attempts(first: otlp.Seen, second: otlp.Seen, published: otlp.Seen, webhook: str, receiver: Receiver) -> None:
    for each in (first, second):
        assert (each.parent, each.kind, each.service) == (published.id, "CLIENT", "flux-worker")
        assert each.began >= published.began
        assert each.attributes["server.port"] == int(receiver.url.rpartition(":")[2])
        assert each.attributes["flux.webhook.id"] == webhook
    assert second.began - first.ended >= 1_000_000_000
    assert [each.attributes["http.response.status_code"] for each in (first, second)] == [500, 200]
    assert [each.attributes["flux.attempt.number"] for each in (first, second)] == [1, 2]
    assert [each.attributes.get("http.request.resend_count") for each in (first, second)] == [None, 1]
    assert (first.failed, first.attributes["error.type"], first.message) == (True, "500", "")
    assert (second.failed, "error.type" in second.attributes) == (False, False)
    assert first.id != second.id


def test_every_way_of_publishing_begins_a_trace_and_none_tells_secrets(installation: Installation) -> None:
    with otlp.Collector() as collector, Receiver() as receiver:
        installation.settings |= collector.settings
        installation.start_api()
        installation.start_worker()
        webhook = installation.webhook(receiver.url + SECRET_URL, "*")
        (row,) = installation.rows("SELECT id FROM accounts")
        account = f"acct_{row['id'].hex}"

        batch = [{"type": "of.batch", "data": {"n": number}} for number in range(3)]
        batched = [each["id"] for each in installation.call("POST", "/v1/events/batch", {"events": batch})["data"]]
        message = {"account": account, "type": "of.celery", "data": {}}
        with Celery("shop", broker=installation.redis_url) as producer:
            producer.send_task("flux.publish", kwargs=message, headers={"traceparent": CALLER})
            producer.send_task("flux.publish", kwargs=message | {"type": "no..type"}, headers={"traceparent": 17})
        (written,) = installation.rows("SELECT event FROM flux_publish($1, 'of.outbox', '{}')", account)
        installation.call("POST", f"/v1/webhooks/{webhook['id']}/test", {"type": "of.test"})

        ways = {"of.batch": 3, "of.celery": 1, "of.outbox": 1, "of.test": 1}
        for event_type, count in ways.items():
            name = f"publish {event_type}"
            eventually(lambda name=name, count=count: len(named(collector, name)) == count, f"{name} is recorded")
        eventually(lambda: len(named(collector, "POST")) == 6, "every attempt is recorded")
        for attempt in named(collector, "POST"):
            (published,) = [each for each in collector.of(attempt.trace) if each.name.startswith("publish")]
            assert (attempt.parent, published.parent) == (published.id, "")
            assert published.attributes["messaging.message.id"] == f"evt_{attempt.trace}"

        check_causes(collector, batched)
        assert [each.trace for each in named(collector, "publish of.outbox")] == [written["event"].removeprefix("evt_")]
        shown = repr(collector.spans)
        for secret in ("T0KEN1", "K3Y", webhook["secret"], webhook["secret"].removeprefix("whsec_"), installation.key):
            assert secret not in shown
        assert receiver.requests[0].headers.get("traceparent") is None


def check_causes(collector: otlp.Collector, batched: list[str]) -> None:
    """What publishes is linked with what it published, both ways, and goes on with its caller's trace if it has one."""
    (request,) = named(collector, "POST /v1/events/batch")
    published = named(collector, "publish of.batch")
    assert {f"evt_{trace}" for trace, _ in request.links} == {f"evt_{each.trace}" for each in published} == set(batched)
    assert all(each.links == [(request.trace, request.id)] for each in published)
    worked, refused = sorted(named(collector, "process flux.publish"), key=lambda each: each.failed)
    (from_celery,) = named(collector, "publish of.celery")
    assert (worked.trace, worked.parent, worked.kind) == (TRACE, SPAN, "CONSUMER")
    assert (worked.links, from_celery.links) == ([(from_celery.trace, from_celery.id)], [(TRACE, worked.id)])
    assert (refused.parent, refused.attributes["error.type"]) == ("", "InvalidRequest")


def named(collector: otlp.Collector, name: str) -> list[otlp.Seen]:
    return [each for each in list(collector.spans) if each.name == name]


def test_a_hanging_collector_delays_neither_a_delivery_nor_the_end(installation: Installation) -> None:
    with otlp.Collector(HANG) as collector, Receiver() as receiver:
        installation.settings |= collector.settings
        installation.start_api()
        worker = installation.start_worker()
        installation.webhook(receiver.url)
        eventually(lambda: collector.requests, "it is asked")
        events = {installation.publish(n=number) for number in range(50)}
        eventually(lambda: len(receiver.requests) == 50, "all are delivered", 10)
        assert {each.event for each in receiver.requests} == events
        eventually(installation.is_drained, "all is settled")
        began = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - began < 8
        assert worker.logged("tracing.spans_lost")
        assert "Traceback" not in worker.log.read_text()


def test_what_is_not_recorded_is_told_to_receivers_as_such(installation: Installation) -> None:
    with otlp.Collector() as collector, Receiver() as receiver:
        installation.settings |= collector.settings
        installation.settings |= {"FLUX_TRACING_TO_RECEIVERS": "true", "FLUX_TRACING_RATIO": "0"}
        installation.start_api()
        installation.start_worker()
        own = {"url": receiver.url + "/own", "events": ["*"], "headers": {"TraceParent": "mine"}}
        installation.call("POST", "/v1/webhooks", own)
        installation.webhook(receiver.url + "/told")
        event = installation.publish()
        eventually(lambda: len(receiver.requests) == 2, "both are delivered")
        (told,) = receiver.at("/told")
        version, trace, span, flags = told.headers["traceparent"].split("-")
        assert (version, f"evt_{trace}", len(span), flags) == ("00", event, 16, "00")
        (of_its_own,) = receiver.at("/own")
        assert of_its_own.headers.getall("traceparent") == ["mine"]  # type: ignore[attr-defined]
        assert installation.processes[1].stop() == 0
        assert collector.spans == []


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_wrong_variable_of_opentelemetry_is_one_line(command: str, installation: Installation) -> None:
    wrong: dict[str, Any] = {"FLUX_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}
    refused = installation.start(command, command, **wrong)
    assert refused.process.wait(20) == 1
    assert refused.log.read_text().startswith("flux: OTEL_EXPORTER_OTLP_ENDPOINT is wrong: ")
    assert len(refused.log.read_text().splitlines()) == 1
