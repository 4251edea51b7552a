"""The docs say what the code does: settings, states, error classes, dependencies, commands and links."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from config.settings import PREFIX, Settings
from docs import generated
from flux_dispatch.api import health, metrics
from flux_dispatch.api.openapi.operation import template_of
from flux_dispatch.api.reference.routes import reference_routes
from flux_dispatch.api.routes import ROUTES
from flux_dispatch.cli import main
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.web.static_files import STATIC_FILES
from tests.support.tree import ROOT, read, relative

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(page for page in (ROOT / "sdks").rglob("*.md") if "node_modules" not in page.parts),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PROJECT = tomllib.loads(read("pyproject.toml"))
EVERY_PAGE = [pytest.param(path, id=relative(path)) for path in PAGES]


def test_what_is_drawn_from_the_code_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert generated.main(["--check"]) == 0, capsys.readouterr().err


def test_a_part_that_is_out_of_date_is_noticed() -> None:
    marked = "before\n<!-- generated: x -->\nold\n<!-- end: x -->\nafter"
    assert generated.renewed(marked, "x", "new") == marked.replace("old", "new")
    with pytest.raises(LookupError, match="is missing"):
        generated.renewed("no marks", "x", "new")


def test_every_setting_is_documented_with_its_meaning() -> None:
    listed = re.findall(rf"(?m)^\| `({PREFIX}[A-Z_]+)` \|.*\| .{{10,}} \|$", read("docs/configuration.md"))
    assert listed == [PREFIX + name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_every_setting_that_a_page_names_exists(path: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*\b", path.read_text()))
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_error_class_is_documented() -> None:
    section = read("docs/api.md").partition("error classes:")[2].partition("## Alerts")[0]
    assert re.findall(r"(?m)^\| `(\w+)` \|", section) == list(ErrorClass)


def test_every_endpoint_is_documented_and_every_documented_one_exists() -> None:
    tables = (health.routes, metrics.routes, reference_routes(ROUTES), STATIC_FILES.routes(), *ROUTES)
    routes = {f"{route.method} {template_of(route)}" for table in tables for route in table}
    assert set(re.findall(r"`((?:GET|POST|PATCH|PUT|DELETE) /[^`]*)`", read("docs/api.md"))) == routes


def test_every_scope_is_documented() -> None:
    section = read("docs/api.md").partition("| scope |")[2].partition("## Webhooks")[0]
    assert re.findall(r"(?m)^\| `([a-z_:]+)` \|", section) == list(Scope)


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_every_flux_command_of_a_page_exists(path: Path) -> None:
    commands = _commands(get_command(main.app))
    said = re.findall(r"(?m)(?:`|^    (?:\.venv/bin/)?)flux ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", path.read_text())
    # what follows a command that is no group is what it is given
    assert [
        " ".join(each) for each in said if each[1] not in commands.get(each[0], ()) and commands.get(each[0]) != {""}
    ] == []


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [
        *PROJECT["project"]["dependencies"],
        *(each for group in extras.values() for each in group),
        *PROJECT["build-system"]["requires"],
        "editables",
    ]
    names = {re.split(r"[\[>=<; ]", each, maxsplit=1)[0] for each in needed}
    reasons = dict(re.findall(r"(?m)^\| `([^`]+)` \| (.{10,}) \|$", read("docs/dependencies.md")))
    assert set(reasons) == names


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text())
    broken = [link for link in links if not link.startswith("http") and not _exists(path, link)]
    assert broken == []


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_every_make_command_of_a_page_is_a_target(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", read("Makefile")))
    assert set(re.findall(r"(?m)(?:^    |`)make ([a-z]+)", path.read_text())) <= targets


def test_ci_makes_what_people_make() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert re.findall(r"(?m)^make (\w+)$", read(".ci/run")) == ["check", "test"]


def test_help_lists_every_target_that_people_call() -> None:
    makefile = read("Makefile")
    phony = re.search(r"(?m)^\.PHONY: (.+)$", makefile)
    assert phony
    assert re.findall(r"(?m)^([a-z]+):.*## .{10,}$", makefile) != []
    assert set(re.findall(r"(?m)^([a-z]+):.*## .{10,}$", makefile)) == set(phony[1].split())


def test_make_help_prints_one_line_for_each(tmp_path: Path) -> None:
    run = subprocess.run(
        ["make", "--no-print-directory", "-f", ROOT / "Makefile", "help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(re.fullmatch(r"make [a-z]+ +\S.{10,90}", line) for line in run.stdout.splitlines())
    assert {"up", "test", "check", "bench", "faults", "help"} <= set(re.findall(r"(?m)^make (\w+)", run.stdout))


@pytest.mark.parametrize("path", [pytest.param(each, id=each.stem) for each in DECISIONS])
def test_a_decision_says_why_and_what_else_there_was(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"(?m)^## (.+)$", text) == ["Context", "Decision", "Consequences", "Alternatives"]
    assert text.startswith(f"# {int(path.name[:4])}. ")


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    first, *_ = re.findall(r"(?m)^## (.+)$", read("CHANGELOG.md"))
    assert first == "Unreleased"


def _commands(root: Any) -> dict[str, set[str]]:
    """Return the words that may follow each command; the empty one stands for nothing more."""
    return {name: {"", *getattr(command, "commands", {})} for name, command in root.commands.items()}


def _exists(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    if not file.exists():
        return False
    headings = re.findall(r"(?m)^#+ (.+)$", file.read_text()) if anchor else []
    return not anchor or anchor in {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in headings}
