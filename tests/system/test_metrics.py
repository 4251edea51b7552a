"""What is scraped of a real API and a real worker agrees with the database, and is good Prometheus text."""

import re
import subprocess

import pytest

from flux_dispatch.cli.embedded import free_port
from tests.support.installation import Installation
from tests.support.metrics import Scraped, metrics_url, scrape
from tests.support.promtool import promtool
from tests.support.receiver import Receiver
from tests.support.server_in_thread import HANG
from tests.support.waiting import eventually
from workers.bootstep import SIDE_WORK
from workers.metrics.catalogue import CATALOGUE, OF_EACH, OF_WORKERS, Kind

TOKEN = "a-token-of-tests-0123456789"
ANSWERS = {"/good": 200, "/broken": 500, "/slow": HANG, "/gone": 410}


def start(installation: Installation) -> tuple[str, str]:
    """Start an API and a worker; return where their metrics are."""
    installation.settings |= {"FLUX_METRICS_PORT": "0", "FLUX_DELIVERY_TIMEOUT": "1", "FLUX_RETRY_DELAYS": "0,0.2"}
    api, worker = installation.start_api(), installation.start_worker()
    return metrics_url(api), metrics_url(worker)


def attempts_of(told: Scraped) -> dict[tuple[str, ...], float]:
    return told.all_of("flux_attempts_total")


def test_what_was_delivered_and_what_was_not_is_counted_as_the_database_has_it(installation: Installation) -> None:
    with Receiver(answer=lambda request: ANSWERS[request.path]) as receiver:
        api_url, worker_url = start(installation)
        before = scrape(worker_url)
        assert attempts_of(before) == {}
        assert before["flux_delivery_latency_seconds_count"] == 0
        for path in ANSWERS:
            installation.webhook(receiver.url + path)
        for number in range(3):
            installation.publish(number=number)
        eventually(installation.is_drained, "everything has ended")
        receiver.let_go()
        worker, api = scrape(worker_url), scrape(api_url)
    rows = installation.rows(
        "SELECT coalesce(error, 'succeeded') AS outcome, coalesce(status / 100 || 'xx', 'none') AS status, count(*) "
        "FROM attempts GROUP BY 1, 2"
    )
    assert attempts_of(worker) == {(outcome, status): count for outcome, status, count in rows}
    assert attempts_of(worker)["succeeded", "2xx"] == 3
    assert attempts_of(worker)["timeout", "none"] == 6
    ((attempts, seconds),) = installation.rows("SELECT count(*), sum(duration_seconds) FROM attempts")
    assert worker["flux_attempt_duration_seconds_count"] == attempts
    assert worker["flux_attempt_duration_seconds_sum"] == pytest.approx(seconds, rel=0.01)
    assert worker["flux_attempt_delay_seconds_count"] == attempts
    assert worker["flux_delivery_latency_seconds_count"] == 3
    assert 0 < worker["flux_delivery_latency_seconds_sum"] < 6
    ((alerts,),) = installation.rows("SELECT count(*) FROM alerts")
    assert worker.value("flux_alerts_total", kind="delivery_failed") == alerts > 0
    assert api.value("flux_events_accepted_total", source="api") == 3
    assert api.value("flux_api_requests_total", route="/v1/events", method="POST", status="2xx") == 3
    assert api.value("flux_api_request_duration_seconds_count", route="/v1/webhooks", method="POST") == len(ANSWERS)
    assert api["flux_workers"] == 1
    ((version,),) = installation.rows("SELECT version_num FROM alembic_version")
    assert api["flux_schema_version"] == int(version)
    assert api["flux_database_up"] == api["flux_broker_up"] == 1
    assert api.all_of("flux_queue_messages").keys() >= {("deliver",), ("bulk",), ("retry",), ("control",)}


def test_what_is_told_is_what_the_catalogue_lists_and_good_prometheus_text(installation: Installation) -> None:
    api_url, worker_url = start(installation)
    steps = {(step,) for step in ("sweep", *SIDE_WORK)}
    eventually(lambda: set(scrape(worker_url).all_of("flux_step_age_seconds")) == steps, "each step is begun")
    told = {"worker": scrape(worker_url), "api": scrape(api_url)}
    for process, scraped in told.items():
        command = [promtool(), "check", "metrics"]
        run = subprocess.run(command, input=scraped.text, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout + run.stderr) == (0, ""), process
        assert scraped.value("flux_build_info", process=process, version=version_of(scraped)) == 1
    names = {name for scraped in told.values() for name in re.findall(r"(?m)^# HELP (flux_\w+) ", scraped.text)}
    assert names <= set(CATALOGUE)
    of_worker = set(re.findall(r"(?m)^# HELP (flux_\w+) ", told["worker"].text))
    always = {each.name for each in (*OF_EACH, *OF_WORKERS) if each.kind is not Kind.COUNTER or not each.labels}
    assert of_worker >= always


def version_of(scraped: Scraped) -> str:
    (sample,) = scraped.families["flux_build_info"].samples
    return str(sample.labels["version"])


def test_several_processes_share_a_machine_and_one_that_finds_no_port_works_without(installation: Installation) -> None:
    port = free_port()
    taken = {"FLUX_METRICS_PORT": str(port)}
    first, second = (installation.start_worker(**taken) for _ in range(2))
    assert metrics_url(first) == f"http://127.0.0.1:{port}/metrics"
    assert metrics_url(second) != metrics_url(first)
    assert scrape(metrics_url(second))["flux_posts_in_flight"] == 0
    lost = installation.start_worker(FLUX_METRICS_PORT="0", FLUX_METRICS_HOST="192.0.2.1")
    assert lost.logged("metrics.not_served")
    assert lost.logged("FLUX_METRICS_HOST")
    assert "Traceback" not in lost.log.read_text()
    for each in (first, second):
        each.stop()
    installation.start_api()
    with Receiver() as receiver:
        installation.webhook(receiver.url)
        installation.publish()
        eventually(installation.is_drained, "it is delivered all the same")


def test_metrics_leave_the_apis_port_to_the_api(installation: Installation) -> None:
    port = free_port()
    installation.settings |= {"FLUX_API_PORT": str(port), "FLUX_METRICS_PORT": str(port - 1)}
    workers = [installation.start_worker() for _ in range(2)]
    api = installation.start("api", "api", FLUX_METRICS_PORT=str(port))
    eventually(lambda: api.logged("api.listening"), "the API has its port, though workers came first")
    assert api.logged(f'http://127.0.0.1:{port}"')
    taken = {metrics_url(each) for each in (api, *workers)}
    assert len(taken) == 3
    assert f"http://127.0.0.1:{port}/metrics" not in taken
    assert scrape(metrics_url(api))["flux_database_up"] == 1
