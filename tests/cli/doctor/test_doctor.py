"""What `flux doctor` says of real servers, well and broken ones."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from flux_dispatch import __version__
from flux_dispatch.cli.embedded import free_port
from tests.cli.conftest import Shop
from tests.conftest import _execute, with_database
from tests.support.api import ENCRYPTION_KEY
from tests.support.command import Command
from tests.support.installation import BASE_ENV, Installation

OTHER_KEY = "b" * 43 + "="


@pytest.fixture
def doctor(database_url: str, redis_url: str, tmp_path: Path) -> Command:
    """The command, with the settings of an installation of which only the servers run."""
    return Command(
        tmp_path,
        FLUX_DATABASE_URL=database_url,
        FLUX_REDIS_URL=redis_url,
        FLUX_ENCRYPTION_KEYS=ENCRYPTION_KEY,
        FLUX_API_PORT=str(free_port()),
        FLUX_FLOWER_PORT=str(free_port()),
    )


def examined(command: Command, *parts: str) -> dict[str, dict[str, str]]:
    """Return what was found in these parts, by the names of the checks."""
    ran = command("doctor", *parts, "--json")
    report = json.loads(ran.out)
    checks = {each["name"]: each for each in report["checks"]}
    assert len(checks) == len(report["checks"])
    is_wrong = any(each["state"] == "wrong" for each in checks.values())
    assert (ran.status, report["ok"], report["version"]) == (int(is_wrong), not is_wrong, __version__)
    assert all(each["mend"] for each in checks.values() if each["state"] in {"wrong", "warning"})
    return checks


def states(command: Command, *parts: str) -> dict[str, str]:
    return {name: each["state"] for name, each in examined(command, *parts).items()}


@contextmanager
def configured(url: str, **settings: str) -> Iterator[None]:
    with redis.Redis.from_url(url) as client:
        before = {name: client.config_get(name.replace("_", "-")) for name in settings}
        for name, value in settings.items():
            client.config_set(name.replace("_", "-"), value)
        try:
            yield
        finally:
            for each in before.values():
                for name, value in each.items():
                    client.config_set(name, value)


def test_an_installation_that_is_well(running: Installation, doctor: Command) -> None:
    well = doctor.with_settings(
        FLUX_DATABASE_URL=running.database_url,
        FLUX_REDIS_URL=running.redis_url,
        FLUX_ENCRYPTION_KEYS=BASE_ENV["FLUX_ENCRYPTION_KEYS"],
        FLUX_PUBLIC_URL=running.api_url,
    )
    found = examined(well)
    assert {name for name, each in found.items() if each["state"] != "ok"} == {"Flower", "alert URLs"}
    [worker] = [each for each in running.processes if each.name == "worker"]
    assert f"1 of release {__version__}: flux-{worker.process.pid}@" in found["workers"]["message"]
    terminal = well.terminal("doctor", columns=120)
    assert terminal.end() == 0
    assert "\x1b[32mok" in terminal.raw
    assert "All is well. To look at: Flower, alert URLs." in terminal.text


def test_without_settings_it_says_which(tmp_path: Path) -> None:
    found = examined(Command(tmp_path, FLUX_API_PORT=str(free_port()), FLUX_FLOWER_PORT=str(free_port())))
    assert "FLUX_DATABASE_URL is not set" in found["database"]["message"]
    assert "FLUX_REDIS_URL is not set" in found["Redis"]["message"]
    refused = Command(tmp_path).refused("doctor")
    assert refused.endswith("checks found something wrong: database, Redis.")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FLUX_DATABSE_URL", "postgresql://db/flux", "Did you mean FLUX_DATABASE_URL?"),
        ("FLUX_REDIS_URL", "http://sesame@host", "FLUX_REDIS_URL is wrong"),
        ("FLUX_ENCRYPTION_KEYS", "sesame", "FLUX_ENCRYPTION_KEYS is wrong"),
    ],
)
def test_settings_that_no_part_would_start_with(tmp_path: Path, name: str, value: str, words: str) -> None:
    found = examined(Command(tmp_path, **{name: value}))
    assert list(found) == ["settings"]
    assert words in found["settings"]["message"]
    assert "sesame" not in json.dumps(found)


def test_a_database_that_is_away(doctor: Command) -> None:
    url = "postgresql://flux:sesame@127.0.0.1:1/flux"
    found = examined(doctor.with_settings(FLUX_DATABASE_URL=url), "database", "redis")
    assert found["database"]["state"] == "wrong"
    assert {found[name]["state"] for name in ("schema", "clock", "encryption keys", "oldest due")} == {"unknown"}
    assert found["Redis"]["state"] == "ok", "what can be asked is asked"
    assert "sesame" not in json.dumps(found)


@pytest.mark.parametrize(
    ("statement", "state", "words"),
    [
        ("UPDATE alembic_version SET version_num = '0003'", "wrong", "Run `flux migrate`"),
        ("UPDATE alembic_version SET version_num = 'a1b2c3'", "wrong", "a database of its own"),
        ("UPDATE alembic_version SET version_num = '9999'", "ok", ""),
    ],
)
def test_a_schema_of_another_release(
    doctor: Command, database_url: str, statement: str, state: str, words: str
) -> None:
    asyncio.run(_execute(database_url, statement))
    found = examined(doctor, "database")
    assert found["schema"]["state"] == state
    assert words in found["schema"]["mend"]


def test_an_empty_database(doctor: Command, postgres: str) -> None:
    found = examined(doctor.with_settings(FLUX_DATABASE_URL=with_database(postgres, "template1")), "database")
    assert (found["schema"]["message"], found["schema"]["mend"]) == ("The database is empty.", "Run `flux migrate`.")


def test_keys_that_are_not_those_of_the_database(doctor: Command, shop: Shop) -> None:
    of_shop = doctor.with_settings(FLUX_DATABASE_URL=shop.database_url)
    # one webhook that this installation sealed
    Command(doctor.home, FLUX_API_URL=shop.api_url, FLUX_API_KEY=shop.new_key).done(
        "webhooks", "create", "https://a.example/"
    )
    assert states(of_shop, "database")["encryption keys"] == "ok"
    both = examined(of_shop.with_settings(FLUX_ENCRYPTION_KEYS=f"{OTHER_KEY},{ENCRYPTION_KEY}"), "database")[
        "encryption keys"
    ]
    assert (both["state"], "flux keys rotate-encryption" in both["mend"]) == ("warning", True)
    lost = examined(of_shop.with_settings(FLUX_ENCRYPTION_KEYS=OTHER_KEY), "database")["encryption keys"]
    assert (lost["state"], "which FLUX_ENCRYPTION_KEYS does not hold" in lost["message"]) == ("wrong", True)
    none = examined(of_shop.with_settings(FLUX_ENCRYPTION_KEYS=""), "database")["encryption keys"]
    assert (none["state"], "new-encryption-key" in none["mend"]) == ("wrong", True)


def test_what_has_been_due_for_long(doctor: Command, shop: Shop) -> None:
    command = Command(doctor.home, FLUX_API_URL=shop.api_url, FLUX_API_KEY=shop.new_key)
    command.done("webhooks", "create", "https://b.example/")
    event = command.done("trigger", "order.completed").fields["id"].removeprefix("evt_")
    late = "UPDATE deliveries SET due_at = flux_now() - interval '1 hour' WHERE event_id = "
    asyncio.run(_execute(shop.database_url, f"{late}'{event}'"))
    oldest = examined(doctor.with_settings(FLUX_DATABASE_URL=shop.database_url), "database")["oldest due"]
    assert (oldest["state"], "has been due for 1 h" in oldest["message"]) == ("wrong", True)


def test_a_redis_that_is_away(doctor: Command) -> None:
    found = examined(
        doctor.with_settings(FLUX_REDIS_URL=f"redis://:sesame@127.0.0.1:{free_port()}/0"), "redis", "workers"
    )
    assert found["Redis"]["state"] == "wrong"
    assert found["workers"]["state"] == "unknown"
    assert "sesame" not in json.dumps(found)


def test_what_could_not_be_asked_is_not_said_to_be_well(doctor: Command) -> None:
    ran = doctor.with_settings(FLUX_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")("doctor", "workers", "database")
    assert ran.status == 0
    assert "Nothing wrong was found, but not all is known: workers." in ran.err
    assert "All is well" not in ran.out + ran.err


def test_a_redis_that_throws_messages_out(doctor: Command, redis_url: str) -> None:
    with configured(redis_url, maxmemory_policy="allkeys-lru"):
        found = examined(doctor, "redis")["Redis eviction"]
    assert (found["state"], "CONFIG SET maxmemory-policy noeviction" in found["mend"]) == ("wrong", True)
    with configured(redis_url, maxmemory="1gb"):
        assert "of 1,074 MB" in examined(doctor, "redis")["Redis memory"]["message"]
    with configured(redis_url, maxmemory="1000"):
        found = examined(doctor, "redis")["Redis memory"]
    assert (found["state"], "refuses messages" in found["message"]) == ("wrong", True)


def test_persistence_is_told(doctor: Command, redis_url: str) -> None:
    assert "none is needed" in examined(doctor, "redis")["Redis persistence"]["message"]
    with configured(redis_url, appendonly="yes"):
        assert examined(doctor, "redis")["Redis persistence"]["message"] == "an append-only file"


def test_no_workers_and_no_web(doctor: Command) -> None:
    found = examined(doctor, "workers", "web", "machine")
    assert (found["workers"]["state"], "flux worker" in found["workers"]["mend"]) == ("wrong", True)
    assert found["API"]["state"] == "warning"
    assert "FLUX_PUBLIC_URL is not set" in found["public URL"]["message"]


def test_a_public_url_that_leads_elsewhere(doctor: Command, shop: Shop) -> None:
    nowhere = examined(doctor.with_settings(FLUX_PUBLIC_URL=f"http://127.0.0.1:{free_port()}"), "web")["public URL"]
    assert (nowhere["state"], "cannot be reached from here: " in nowhere["message"]) == ("wrong", True)
    other = examined(doctor.with_settings(FLUX_PUBLIC_URL=f"{shop.api_url}/docs"), "web")["public URL"]
    assert (other["state"], "is no Flux Dispatch" in other["message"]) == ("wrong", True)
    assert states(doctor.with_settings(FLUX_PUBLIC_URL=shop.api_url), "web")["public URL"] == "ok"


def test_beside_flux_up_it_needs_no_settings(database_url: str, redis_url: str, shop: Shop, tmp_path: Path) -> None:
    running = {
        "database_url": database_url,
        "redis_url": redis_url,
        "api_url": shop.api_url,
        "flower_url": shop.api_url,
    }
    (tmp_path / "up.json").write_text(json.dumps(running))
    (tmp_path / "encryption-key").write_text(ENCRYPTION_KEY + "\n")
    found = examined(Command(tmp_path))
    assert "those of `flux up`" in found["settings"]["message"]
    assert [name for name, each in found.items() if each["state"] == "wrong"] == ["workers"]


@pytest.mark.parametrize(
    ("urls", "state", "words"),
    [
        ("", "warning", "so no operator is told"),
        (
            "json://127.0.0.1:1/alerts, slack://aaaaaaaaa/bbbbbbbbb/cccccccccccccccccccccccc",
            "ok",
            "2, which can be used",
        ),
        (
            "json://127.0.0.1/a,mailto://u:sesame@127.0.0.1?from=a@x.org&to=a@x.org,jürgen@x.org",
            "wrong",
            "URL 2: No mail can be",
        ),
        ("nobody://sesame", "wrong", "URL 1: "),
    ],
)
def test_the_urls_by_which_operators_are_told(doctor: Command, urls: str, state: str, words: str) -> None:
    found = examined(doctor.with_settings(FLUX_ALERT_URLS=urls), "alerts")
    assert found["alert URLs"]["state"] == state
    assert words in found["alert URLs"]["message"]
    assert "sesame" not in json.dumps(found)
    assert ("alert messages" in found) == bool(urls)


def test_messages_to_operators_that_do_not_arrive(doctor: Command, database_url: str) -> None:
    told = doctor.with_settings(FLUX_ALERT_URLS="json://127.0.0.1:1/alerts")
    assert examined(told, "alerts")["alert messages"]["message"] == "none yet"
    sent = """
        INSERT INTO alert_channels (name, service, target, kinds, last_sent_at, last_error)
        VALUES ('', 'webhook', '127.0.0.1', ARRAY['platform_trouble'], now(), 'It hung up.')
    """
    asyncio.run(_execute(database_url, sent))
    assert examined(told, "alerts")["alert messages"]["message"] == "the last of each channel arrived"
    asyncio.run(_execute(database_url, "UPDATE alert_channels SET failing_since = now() - interval '3 hours'"))
    found = examined(told, "alerts")["alert messages"]
    assert (found["state"], found["message"]) == ("warning", "None to 127.0.0.1 has arrived for 3 h: It hung up.")
    away = told.with_settings(FLUX_DATABASE_URL="postgresql://flux:sesame@127.0.0.1:1/flux")
    assert examined(away, "alerts")["alert messages"]["state"] == "unknown"
