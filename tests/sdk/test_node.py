"""The Node SDK passes its own tests against a real API, is a package that installs, and is what the reference shows."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from flux_dispatch.api.openapi.document import document
from flux_dispatch.api.reference.samples import node as node_sample
from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.api.reference.sections import sections_of
from flux_dispatch.api.routes import ROUTES
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.web.samples import VERIFYING
from tests.support.api import Caller
from tests.support.installation import Installation
from tests.support.listening import flux_listen
from tests.support.nodejs import node
from tests.support.tree import ROOT, read
from tests.support.waiting import eventually

SOURCE = ROOT / "sdks" / "node"
MADE_HERE = ("node_modules", "dist")
"""What working on the SDK leaves beside its sources."""

DOCUMENT = document(ROUTES, "https://flux.example")
CALLS = {
    operation["operationId"]: Call.of("https://flux.example", method.upper(), path, operation, "Answer")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
CHECK = """
const {Flux, verify} = LOAD
const event = new Flux().webhooks.verify(
  '{"test": 2432232314}',
  't=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964',
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  { now: 1614265330 },
)
console.log(event.test, typeof verify)
"""
RECORDER = """
const asked = []
globalThis.fetch = async (url, { method, headers, body }) => {
  asked.push([method, url, headers, body])
  const error = { type: 'not_found_error', code: 'not_found', message: 'No.' }
  return Response.json({ error }, { status: 404 })
}
for (let index = 0; index < COUNT; index += 1) {
  try {
    await import(`./${index}.mjs`)
  } catch (error) {
    if (error.code !== 'not_found') throw error
  }
}
console.log(JSON.stringify(asked))
"""
# the page that describes the product, word for word where it says something
CREATE = """
import { Flux } from '@flux/node'
const flux = new Flux()

const webhook = await flux.webhooks.create({
  url: process.env.RECEIVER,
  events: ['order.completed', 'user.signup']
});
console.log('Webhook created:', webhook.id);
console.log('Signing secret:', webhook.secret);
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the SDK with what its tests need, built; the one place where the network is asked for something."""
    sdks = tmp_path_factory.mktemp("sdks")
    shutil.copy(ROOT / "sdks" / "vectors.json", sdks)
    folder = Path(shutil.copytree(SOURCE, sdks / "node", ignore=shutil.ignore_patterns(*MADE_HERE)))
    node().run_npm("ci", "--prefer-offline", "--ignore-scripts", cwd=folder)
    node().run_npm("run", "build", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def tarball(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is published."""
    folder = tmp_path_factory.mktemp("packed")
    node().run_npm("pack", "--ignore-scripts", "--pack-destination", folder, cwd=built)
    (packed,) = folder.glob("*.tgz")
    return packed


@pytest.fixture
def project(tarball: Path, tmp_path: Path) -> Path:
    """An empty project that has installed the package, without a network."""
    (tmp_path / "package.json").write_text("{}")
    node().run_npm("install", "--offline", tarball, cwd=tmp_path)
    return tmp_path


async def test_its_own_tests_pass_against_a_real_api(built: Path, api: str, tenant: Caller, platform_key: str) -> None:
    environment = {"FLUX_API_URL": api, "FLUX_API_KEY": tenant.key, "FLUX_PLATFORM_KEY": platform_key}
    said = await asyncio.to_thread(node().run_npm, "run", "test:built", cwd=built, env=environment)
    counts = dict(re.findall(r"(?m)^\S* ?(pass|fail|skipped|todo) (\d+)$", said))
    assert counts == {"pass": counts["pass"], "fail": "0", "skipped": "0", "todo": "0"}, said
    assert int(counts["pass"]) > 300


def test_the_package_holds_what_was_built_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {each.removeprefix("package/") for each in archive.getnames()}
    assert {each for each in names if not each.startswith("dist/")} == {"LICENSE", "README.md", "package.json"}
    assert {"dist/node.mjs", "dist/cjs/index.js", "dist/cjs/index.d.ts", "dist/esm/edge.js"} <= names
    assert read("sdks/node/LICENSE") == read("LICENSE")


@pytest.mark.parametrize(
    ("file", "load"), [("program.mjs", "await import('@flux/node')"), ("program.cjs", "require('@flux/node')")]
)
def test_it_installs_in_an_empty_project_and_loads_both_ways(project: Path, file: str, load: str) -> None:
    (project / file).write_text(CHECK.replace("LOAD", load))
    assert node().run(file, cwd=project) == "2432232314 function\n"
    assert [each.name for each in (project / "node_modules").iterdir() if each.is_dir()] == ["@flux"]


@pytest.mark.parametrize(
    "example", ["sdks/node/examples/express-receiver.js", "sdks/python/examples/fastapi_receiver.py"]
)
def test_the_page_for_receivers_shows_examples_that_are_tested(example: str) -> None:
    assert f"\n{read(example)}```\n" in read("docs/receive-webhooks.md")


def test_a_lock_names_no_registry() -> None:
    lock = json.loads(read("sdks/node/package-lock.json"))
    assert all("resolved" not in each for each in lock["packages"].values())
    assert all("integrity" in each for name, each in lock["packages"].items() if name)


def test_what_the_reference_shows_of_each_call_sends_that_call(built: Path) -> None:
    asked = _asked_by(built, [node_sample.sample(each) for each in CALLS.values()])
    for (name, call), (method, url, headers, body) in zip(CALLS.items(), asked, strict=True):
        assert (method, url) == (call.method, call.url + ("?limit=10" if call.query else "")), name
        assert headers["Authorization"] == "Bearer sk_live_x", name
        assert headers.get("Idempotency-Key") == call.idempotency_key, name
        assert (json.loads(body) if body else None) == call.body, name


def test_what_the_reference_shows_beside_its_text_runs_as_written(built: Path) -> None:
    shown = {
        each.id: [sample.code for sample in each.samples if sample.name == "Node"] for each in sections_of(DOCUMENT)
    }
    assert shown["introduction"] == ["npm install @flux/node"]
    flux = 'import { Flux } from "@flux/node";\nconst flux = new Flux({ apiUrl: "https://flux.example" });\n'
    (keys,), (lists,) = shown["keys"], shown["lists"]
    (verify,) = [each.code for each in VERIFYING if each.name == "Node"]
    asked = _asked_by(built, [f"{keys}\nawait customer.events.list();", flux + lists, verify])
    assert [(url, headers.get("Flux-Account")) for _, url, headers, _ in asked] == [
        ("https://flux.example/v1/events", "ext:cus_42"),
        ("https://flux.example/v1/events?status=failed", None),
    ]


def test_an_event_is_delivered_to_the_example_with_express_and_through_flux_listen(
    built: Path, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    port = free_port()
    with Installation(database_url, redis_url, tmp_path) as installation:
        installation.start_api()
        installation.start_worker()
        ours = {"FLUX_API_URL": installation.api_url, "FLUX_API_KEY": installation.key}
        environment = {**ours, "RECEIVER": f"http://127.0.0.1:{port}/webhooks/flux"}
        said = node().run("--input-type=module", "--eval", CREATE, cwd=built, env=environment)
        webhook, secret = re.findall(r": (\w+.*)", said)
        assert installation.call("GET", f"/v1/webhooks/{webhook}")["events"] == ["order.completed", "user.signup"]
        with _receiver(built, port, secret, tmp_path / "receiver.log") as log:
            event = installation.publish("order.completed", orderId="ord_8x7kj2")
            eventually(lambda: f"{event} order.completed {{ orderId: 'ord_8x7kj2' }}" in log.read_text(), "it arrives")
            eventually(lambda: installation.event(event)["status"] == "delivered", "it is answered with a 204")
        installation.call("DELETE", f"/v1/webhooks/{webhook}")
        with (
            flux_listen(tmp_path, "--forward-to", f"localhost:{port}/webhooks/flux", **ours) as listening,
            _receiver(built, port, listening.secret, tmp_path / "listening.log") as log,
        ):
            event = installation.publish("order.completed", orderId="ord_9")
            listening.until(f"<-- 204  POST http://localhost:{port}/webhooks/flux .* {event}")
            assert f"{event} order.completed {{ orderId: 'ord_9' }}" in log.read_text()


@contextmanager
def _receiver(built: Path, port: int, secret: str, log: Path) -> Iterator[Path]:
    """Run the example with Express, and yield the file with what it says."""
    environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret}
    with log.open("w") as said:
        command = [node().program, "examples/express-receiver.js"]
        process = subprocess.Popen(command, cwd=built, env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: _answers(port), "the example answers")
        yield log
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code > 0
    except httpx.HTTPError:
        return False


def _asked_by(built: Path, programs: list[str]) -> list[Any]:
    """Run programs one after the other, and return the requests that they make; each is answered with a 404."""
    folder = built / "shown"
    folder.mkdir()
    try:
        for index, program in enumerate(programs):
            (folder / f"{index}.mjs").write_text(program)
        (folder / "all.mjs").write_text(RECORDER.replace("COUNT", str(len(programs))))
        asked = json.loads(node().run(folder / "all.mjs", cwd=built, env={"FLUX_API_KEY": "sk_live_x"}))
    finally:
        shutil.rmtree(folder)
    assert isinstance(asked, list)
    return asked
