"""A wrong variable of OpenTelemetry's is named with its mend before anything starts, where its SDK would go on."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers

from config.settings import SettingsError, load_settings
from workers.tracing.environment import check_tracing, is_wanted, where_to

ON = load_settings({"FLUX_TRACING": "true"})
OFF = load_settings({})
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ENDPOINT, "http://collector:4318"),
        (ENDPOINT, "https://tempo.example.com/otlp/"),
        (ENDPOINT, "http://[::1]:4318"),
        (ENDPOINT, ""),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/v1/traces"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2.5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "512"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", " "),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20sesame==, X-Scope-OrgID = shop ,"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer sesame"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a=b, host.name=,"),
        # of another signal, or of somebody else
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "nonsense"),
        ("ENDPOINT", "nonsense"),
        ("TIMEOUT", "nonsense"),
    ],
)
def test_what_is_right_passes(name: str, value: str) -> None:
    check_tracing(ON, {name: value})


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        (ENDPOINT, "collector:4318", "http://collector:4318"),
        (ENDPOINT, "localhost", "http://collector:4318"),
        (ENDPOINT, "grpc://collector:4317", "http://collector:4318"),
        (ENDPOINT, "http://", "http://collector:4318"),
        (ENDPOINT, "http://collector:99999", "http://collector:4318"),
        (ENDPOINT, "http://[::1", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "none, gzip or deflate"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "a number of seconds"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "a number of seconds"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "a number of seconds"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "cannot be read"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "a whole number"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "a whole number"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "9" * 5000, "a whole number"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100", "at least OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "a whole number"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000", "at most OTEL_BSP_MAX_QUEUE_SIZE, 4096"),
        (ENDPOINT, "http://collector:4318 ", "http://collector:4318"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a,nonsense", "deployment.environment.name=production"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=a", "deployment.environment.name=production"),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(name: str, value: str, mend: str) -> None:
    with pytest.raises(SettingsError, match="^" + name) as refused:
        check_tracing(ON, {name: value})
    assert mend in str(refused.value)
    assert len(str(refused.value)) < 400
    check_tracing(OFF, {name: value})


@pytest.mark.parametrize(
    "value",
    [
        "authorization: Bearer sesame",
        "sesame",
        "a=b,sesame",
        "=sesame",
        "authorization=Bearer%20sesame%0D%0Ax",
        "authorization=sesame%00x",
        "authorization=sesame\u20ac",
        'authorization="sesame"',
        "authorization=Basic sesame;x",
        "a b=sesame",
        "a%0Ab=sesame",
    ],
)
def test_a_header_that_would_not_be_sent_is_refused_and_the_key_in_it_is_not_repeated(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        with pytest.raises(SettingsError, match=f"^{name} is wrong: it is written like authorization=") as refused:
            check_tracing(ON, {name: value})
        assert "sesame" not in str(refused.value) + caplog.text


@given(st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=20).map("a={}".format) | st.text())
def test_every_header_that_passes_is_sent(value: str) -> None:
    assume(value.strip())
    try:
        check_tracing(ON, {"OTEL_EXPORTER_OTLP_HEADERS": value})
    except SettingsError:
        return
    pairs = [pair for pair in value.split(",") if pair.strip()]
    names = {unquote(pair.partition("=")[0]).strip().lower() for pair in pairs}
    found = parse_env_headers(value, liberal=True)
    assert set(found) == names
    requests.Request("POST", "http://collector:4318", headers=dict(found)).prepare()


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        check_tracing(ON, {ENDPOINT: "grpc://me:sesame@collector"})
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["jaeger/{trace}", "http://jaeger/trace", "http:///{trace}", "http://[::1/{trace}", "file:{trace}"]
)
def test_a_link_to_traces_has_a_place_for_the_id(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLUX_TRACE_URL = .* http://jaeger:16686/trace/\{trace\}"):
        load_settings({"FLUX_TRACE_URL": url})
    assert load_settings({"FLUX_TRACE_URL": ""}).trace_url is None


def test_where_spans_go_is_said_without_a_password() -> None:
    assert where_to({}) == "http://localhost:4318"
    assert where_to({ENDPOINT: "https://me:sesame@tempo.example.com:4318/otlp?key=sesame"}) == (
        "https://tempo.example.com:4318"
    )


@pytest.mark.parametrize("value", ["true", "TRUE", " true "])
def test_opentelemetrys_own_switch_counts_too(value: str) -> None:
    assert is_wanted(ON, {})
    assert is_wanted(ON, {"OTEL_SDK_DISABLED": "false"})
    assert not is_wanted(ON, {"OTEL_SDK_DISABLED": value})


def test_an_installation_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    # a package of this name that has none of the parts stands before the installed one
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from config.settings import load_settings, SettingsError\n"
        "from workers.tracing.environment import check_tracing\n"
        "check_tracing(load_settings({}), {})\n"
        "try: check_tracing(load_settings({'FLUX_TRACING': '1'}), {})\n"
        "except SettingsError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert "pip install 'flux-dispatch[tracing]'" in done.stdout


def test_where_tracing_is_off_nothing_of_it_is_even_imported() -> None:
    # redis-py imports a part of OpenTelemetry by itself, where it is installed
    rest = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
    environment = rest | {"FLUX_REDIS_URL": "redis://127.0.0.1", "FLUX_DATABASE_URL": "postgresql://127.0.0.1/x"}
    code = (
        "import sys\n"
        "import workers.app, workers.tasks, workers.wiring.worker, workers.wiring.api, flux_dispatch.cli.serve\n"
        "ours = ('opentelemetry.exporter', 'workers.tracing.')\n"
        "print(sorted(name for name in sys.modules if name.startswith(ours)))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.strip() == "['workers.tracing.environment', 'workers.tracing.open', 'workers.tracing.traces']"
