"""The SDK stands alone: it brings nothing of the server, needs httpx only, and runs on every Python it promises."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import interpreter
from tests.support.tree import PRODUCT, ROOT, SDK, read

PACKAGE = "flux_webhooks"
PROJECT = tomllib.loads(read(f"{SDK}/pyproject.toml"))
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
OLDEST_MINOR = 9
NEWEST_MINOR = 14
SLOWEST_SECONDS = {"SignatureError, verify": 0.05, "Flux": 0.15, "AsyncFlux": 0.15}
"""How long the processor may work for an import of these names."""
# says what an import costs and loads, what else could be imported, and what verify() makes of every vector
PROGRAM = """
import sys, time
NAMES = sys.argv[2]
sys.path[:0] = sys.argv[3:]
before, began = set(sys.modules), time.process_time()
exec("from flux_webhooks import " + NAMES)
seconds, loaded = time.process_time() - began, set(sys.modules) - before

import importlib.util, json
from flux_webhooks import SignatureError, verify
def outcome(case):
    options = {"now": case["now"], "tolerance_seconds": case.get("tolerance_seconds", 300)}
    try:
        return verify(case["body"], case["flux_signature"], case["secrets"], **options)
    except SignatureError as error:
        return error.code
with open(sys.argv[1], encoding="utf-8") as file:
    vectors = json.load(file)
print(json.dumps({
    "seconds": seconds,
    "loaded": sorted({name.partition(".")[0] for name in loaded}),
    "server": [name for name in ("flux_dispatch", "workers", "config") if importlib.util.find_spec(name)],
    "outcomes": [outcome(case) for case in vectors["accepted"] + vectors["refused"]],
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's wheel, built from the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT / SDK)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    tops = {name.partition("/")[0].partition("-")[0] for name in names}
    assert tops == {PACKAGE}
    assert f"{PACKAGE}/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    needed = message_from_string(metadata).get_all("Requires-Dist") or []
    assert [each for each in needed if "extra ==" not in each] == ["httpx>=0.27"]
    assert message_from_string(metadata)["Requires-Python"] == f">=3.{OLDEST_MINOR}"


@pytest.mark.parametrize("minor", range(OLDEST_MINOR, NEWEST_MINOR + 1))
def test_every_python_that_is_found_verifies_without_any_other_package(minor: int, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(minor)
    target = ("--target", tmp_path, "--python-version", f"3.{minor}", "--only-binary", ":all:")
    _run(*PIP, "install", "--no-index", "--no-deps", *target, wheel)
    vectors = json.loads(read("sdks/vectors.json"))
    accepted = [json.loads(case["body"]) for case in vectors["accepted"]]
    report = _report(python, "Flux, SignatureError, verify", tmp_path)
    assert report["outcomes"] == accepted + [case["code"] for case in vectors["refused"]]
    assert report["server"] == []
    assert PACKAGE in report["loaded"]


@pytest.mark.parametrize("names", SLOWEST_SECONDS)
def test_importing_it_is_quick_and_loads_no_library_though_all_are_there(names: str) -> None:
    reports = [_report(Path(sys.executable), names, ROOT / SDK) for _ in range(3)]
    assert set(reports[0]["server"]) == set(PRODUCT)
    assert set(reports[0]["loaded"]) <= sys.stdlib_module_names | {PACKAGE}
    assert min(report["seconds"] for report in reports) < SLOWEST_SECONDS[names]


def test_the_client_that_blocks_is_written_from_the_one_that_does_not() -> None:
    _run(sys.executable, ROOT / SDK / "unasync.py", "--check")


@pytest.mark.parametrize("file", ["Makefile", "README.md", "deploy/Dockerfile"])
def test_whoever_installs_the_server_takes_the_sdk_from_here_too(file: str) -> None:
    lines = read(file).replace("$(SDK)", SDK).splitlines()
    takes_server = re.compile(r"""(install|wheel) .*(?<= )"?\.(\[embedded\])?"?( |$)""")
    commands = [line for line in lines if takes_server.search(line)]
    assert len(commands) == 1
    assert f" ./{SDK} " in commands[0]


def test_the_linter_and_the_metadata_promise_the_same_oldest_python() -> None:
    assert PROJECT["project"]["requires-python"] == f">=3.{OLDEST_MINOR}"
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{OLDEST_MINOR}"


def test_the_licence_is_that_of_the_project() -> None:
    assert read(f"{SDK}/LICENSE") == read("LICENSE")


def _report(python: Path, names: str, *paths: Path) -> dict[str, Any]:
    return dict(json.loads(_run(python, "-I", "-c", PROGRAM, ROOT / "sdks" / "vectors.json", names, *paths)))


def _run(*command: str | Path) -> str:
    # away from the project's root, so that nothing is found there by chance
    run = subprocess.run(command, cwd=Path(sys.prefix), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
