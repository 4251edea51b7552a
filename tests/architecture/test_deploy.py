"""What is shipped for production is well formed, refers to what exists, and keeps what it must."""

import json
import re
import shlex
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.main import get_command

from config.settings import PREFIX, Settings
from flux_dispatch.cli import main
from tests.support.tree import ROOT, read

COMPOSE: dict[str, Any] = yaml.safe_load(read("deploy/compose.yaml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "flux-dispatch"]


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile as pairs of instruction and arguments, with continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", read("deploy/Dockerfile")))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def test_the_compose_file_meets_the_specification() -> None:
    schema = json.loads(read("tests/architecture/compose-spec.json"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(COMPOSE)] == []


def test_workers_can_be_multiplied() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])
    assert all("container_name" not in service for service in SERVICES.values())


def test_a_worker_is_given_the_time_to_finish_what_it_sends() -> None:
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    longest_timeout = 60
    assert grace >= longest_timeout + 15


def test_every_service_starts_again_and_says_how_it_is() -> None:
    assert all("restart" in service for service in SERVICES.values())
    silent = {name for name in SERVICES if "healthcheck" not in SERVICES[name]}
    assert silent == {"api"}, "the API's check is the image's own"


def test_a_service_waits_for_what_can_tell_that_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], f"{name} waits for the health of {other}"
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_redis_never_evicts_and_saves_nothing() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--save  --appendonly no" in command


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_settings_that_exist(name: str) -> None:
    # traces go where OpenTelemetry's own variables say
    names = [each for each in SERVICES[name]["environment"] if not each.startswith("OTEL_")]
    given = {each.removeprefix(PREFIX).lower() for each in names}
    assert given <= set(Settings.model_fields)


def test_every_setting_of_a_server_can_be_given() -> None:
    of_flower = {each for each in Settings.model_fields if each.startswith("flower_") and each != "flower_url"}
    not_of_servers = {"home", "api_url", "api_key"}
    # the image has them; and the Prometheus beside asks without a token
    settled = {"api_host", "api_port", "log_format", "metrics_token"}
    given = {each.removeprefix(PREFIX).lower() for each in SERVICES["api"]["environment"]}
    assert given >= set(Settings.model_fields) - of_flower - not_of_servers - settled


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist(name: str) -> None:
    (command,) = SERVICES[name]["command"]
    assert command in get_command(main.app).commands  # type: ignore[attr-defined]


def test_the_example_names_every_variable_and_only_those() -> None:
    asked = set(re.findall(r"\$\{(\w+)", read("deploy/compose.yaml")))
    passed = {name for name, value in COMPOSE["x-environment"].items() if value is None}
    assert set(re.findall(r"(?m)^#?([A-Z_]+)=", read("deploy/.env.example"))) == asked | passed


def test_no_secret_has_a_default() -> None:
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_BASIC_AUTH", "ENCRYPTION_KEYS"):
        assert set(re.findall(rf"\$\{{{name}([^}}]{{0,2}})", read("deploy/compose.yaml"))) == {":?"}


def test_the_image_is_made_of_files_that_exist_and_are_let_in() -> None:
    let_in = set(re.findall(r"(?m)^!(\S+)$", read("deploy/Dockerfile.dockerignore")))
    copied = [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in shlex.split(rest)[:-1]
    ]
    assert {source.rstrip("/") for source in copied} == let_in
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_installs_by_hash_what_production_needs_and_no_more() -> None:
    installed = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    locks = re.findall(r"(\S+) --requirement (\S+)", " ".join(installed))
    assert locks == [("--require-hashes", f"requirements/{name}.txt") for name in ("build", "runtime")]


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    words = [word for word, _ in instructions()]
    last_stage = instructions()[len(words) - 1 - words[::-1].index("FROM") :]
    assert dict(last_stage)["USER"] not in {"", "0", "root"}
    assert "HEALTHCHECK" in dict(last_stage)
    assert json.loads(dict(last_stage)["ENTRYPOINT"]) == ["flux"]
    assert words.count("FROM") == 2


def test_the_environment_of_the_image_is_made_of_settings_that_exist() -> None:
    names = [each.partition("=")[0] for word, rest in instructions() if word == "ENV" for each in shlex.split(rest)]
    assert {name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX)} <= set(
        Settings.model_fields
    )
