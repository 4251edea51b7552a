"""What is shipped for Prometheus and Grafana names what exists, and each rule fires when it should and is explained."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.promtool import promtool
from tests.support.tree import ROOT, read, relative
from workers.metrics.catalogue import CATALOGUE, Kind

PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RULES: Final[dict[str, dict[str, Any]]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(read("deploy/prometheus/rules.yml"))["groups"]
    for rule in group["rules"]
}
DASHBOARD: Final[dict[str, Any]] = json.loads(read("deploy/grafana/flux-dispatch.json"))
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
GAME_DAY: Final = ROOT / "docs" / "runbooks" / "README.md"
RUNBOOKS: Final = sorted(set(GAME_DAY.parent.glob("*.md")) - {GAME_DAY})
OF_HISTOGRAMS: Final = ("_bucket", "_sum", "_count")


def expressions() -> Iterator[tuple[str, str]]:
    for name, rule in RULES.items():
        yield name, rule["expr"]
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]


def series_in(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the metrics of ours that an expression selects, each with the labels that it is narrowed by."""
    for name, narrowed in re.findall(r"\b(flux_\w+)(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)(?:=~|!~|!=|=)", narrowed))


EXPRESSIONS: Final = [pytest.param(expression, id=f"{where}: {expression[:60]}") for where, expression in expressions()]


def metric_of(series: str) -> str:
    for suffix in OF_HISTOGRAMS:
        if (name := series.removesuffix(suffix)) in CATALOGUE and CATALOGUE[name].kind is Kind.HISTOGRAM:
            return name
    assert series not in CATALOGUE or CATALOGUE[series].kind is not Kind.HISTOGRAM, f"{series} has no value by itself"
    return series


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_rules_and_panels_name_metrics_and_labels_that_exist(expression: str) -> None:
    for series, labels in series_in(expression):
        name = metric_of(series)
        assert name in CATALOGUE
        ours = {*CATALOGUE[name].labels, "instance", "job", *(["le"] if name != series else [])}
        assert labels <= ours, name
        grouped = {each for by in re.findall(r"by \(([^)]*)\)", expression) for each in by.split(", ")}
        assert grouped <= ours | {
            label for other, _ in series_in(expression) for label in CATALOGUE[metric_of(other)].labels
        }


def test_every_expression_is_good_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"flux:number{number}", "expr": expression.replace("$__rate_interval", "5m").replace("$job", "flux")}
        for number, (_, expression) in enumerate(expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    check("check", "rules", str(file))


SUCCEEDED: Final = 'flux_attempts_total{outcome="succeeded",status="2xx"}'
TIMED_OUT: Final = 'flux_attempts_total{outcome="timeout",status="none"}'


@pytest.mark.parametrize(
    ("attempts", "part"),
    [
        ({}, None),
        ({SUCCEEDED: "7x20"}, None),
        ({SUCCEEDED: "0+60x20"}, 1),
        ({SUCCEEDED: "0+60x20", TIMED_OUT: "0+20x20"}, 0.75),
        ({TIMED_OUT: "0+20x20"}, 0),
    ],
)
def test_the_part_of_attempts_that_succeed_is_told_of_the_worst_day_too(
    attempts: dict[str, str], part: float | None, tmp_path: Path
) -> None:
    (panel,) = (each for each in PANELS if each["title"] == "Attempts that succeed")
    (target,) = panel["targets"]
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in attempts.items()],
        "promql_expr_test": [
            {
                "expr": target["expr"],
                "eval_time": "15m",
                "exp_samples": [] if part is None else [{"labels": "{}", "value": part}],
            }
        ],
    }
    file = tmp_path / "panel.yml"
    file.write_text(yaml.safe_dump({"tests": [case]}))
    check("test", "rules", str(file))


@pytest.mark.parametrize("arguments", [("check", "config", "prometheus.yml"), ("test", "rules", "rules.test.yml")])
def test_prometheus_takes_what_is_shipped_and_each_rule_fires_when_it_should(arguments: tuple[str, ...]) -> None:
    check(*arguments)


def test_every_rule_is_tested_both_ways() -> None:
    tested = yaml.safe_load(read("deploy/prometheus/rules.test.yml"))["tests"]
    cases = [case for each in tested for case in each["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == set(RULES)
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == set(RULES)


def test_every_rule_has_its_runbook_and_every_runbook_its_rule() -> None:
    urls = {name: rule["annotations"]["runbook_url"] for name, rule in RULES.items()}
    assert all(
        url.startswith("https://github.com/flux-dispatch/flux-dispatch/blob/main/docs/runbooks/")
        for url in urls.values()
    )
    titles = {path.name: path.read_text().partition("\n")[0] for path in RUNBOOKS}
    assert {url.rpartition("/")[2]: f"# {name}" for name, url in urls.items()} == titles


def test_every_rule_has_its_row_in_the_game_day() -> None:
    rows = re.findall(r"(?m)^\| \[(\w+)\]\(([\w-]+\.md)\) \| [^|]{20,} \| [^|]{20,} \|$", GAME_DAY.read_text())
    pages = {name: rule["annotations"]["runbook_url"].rpartition("/")[2] for name, rule in RULES.items()}
    assert dict(rows) == pages
    assert [name for name, _ in rows] == list(RULES), "in the order of the rules"


@pytest.mark.parametrize("path", [pytest.param(path, id=relative(path)) for path in RUNBOOKS])
def test_a_runbook_says_what_it_means_where_to_look_and_what_to_do(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"(?m)^## (.+)$", text) == ["What it means", "Look here", "Do this"]
    named = {name for name, _ in series_in(text)}
    assert {metric_of(name) for name in named} <= set(CATALOGUE)


def test_prometheus_scrapes_what_compose_runs() -> None:
    compose = yaml.safe_load(read("deploy/compose.yaml"))
    (job,) = yaml.safe_load(read("deploy/prometheus/prometheus.yml"))["scrape_configs"]
    (targets,) = job["dns_sd_configs"]
    assert targets["names"] == ["api", "worker"]
    for name in targets["names"]:
        environment = compose["services"][name]["environment"]
        assert environment["FLUX_METRICS_PORT"] == str(targets["port"])
        assert environment["FLUX_METRICS_HOST"] == "0.0.0.0"
        assert not [port for port in compose["services"][name].get("ports", ()) if str(targets["port"]) in port]
    mounted = [
        volume.partition(":")[0]
        for name in ("prometheus", "grafana")
        for volume in compose["services"][name]["volumes"]
        if volume.startswith("./")
    ]
    assert mounted
    assert [each for each in mounted if not (ROOT / "deploy" / each).exists()] == []


def test_a_rule_says_how_grave_it_is() -> None:
    assert {rule["labels"]["severity"] for rule in RULES.values()} == {"page", "ticket"}
    assert all({"summary", "description", "runbook_url"} == set(rule["annotations"]) for rule in RULES.values())


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["uid"] == "flux-dispatch"
    assert "id" not in DASHBOARD
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    sources = {json.dumps(found) for found in found_in(DASHBOARD, "datasource") if isinstance(found, dict)}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "job"]


def test_every_panel_says_what_it_shows_and_none_lies_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or len(panel["description"]) > 8, panel["title"]


def test_every_metric_is_watched_or_drawn() -> None:
    used = {metric_of(series) for _, expression in expressions() for series, _ in series_in(expression)}
    assert used == set(CATALOGUE)


def check(*arguments: str) -> None:
    run = subprocess.run([promtool(), *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def found_in(tree: Any, name: str) -> Iterator[Any]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if key == name:
            yield value
        if isinstance(value, dict | list):
            yield from found_in(value, name)
