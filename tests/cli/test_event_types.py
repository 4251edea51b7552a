"""`flux event-types`: the catalogue, by hand and out of files."""

import json
from pathlib import Path

import pytest

from tests.support.command import Command, Ran
from tests.support.waiting import eventually

PAID = {"name": "invoice.paid", "description": "An invoice was paid.", "group": "Billing", "example": {"invoice": "7"}}
SCHEMA = {
    "type": "object",
    "properties": {"cents": {"type": "integer"}},
    "description": "How much.",
    "examples": [{"cents": 4999}],
}


def results(ran: Ran) -> dict[str, str]:
    return {line.split()[1]: line.split()[0] for line in ran.out.splitlines()}


def test_one_is_created_changed_and_archived(fresh: Command, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    command = ("event-types", "create", "invoice.paid", "--description", "Paid.", "--example", '{"cents": 1}')
    made = fresh.done(*command, "--schema", f"@{schema}")
    assert made.fields["description"] == "Paid."
    assert "flux trigger invoice.paid" in made.err
    found = fresh.done("event-types", "show", "invoice.paid")
    assert json.loads(found.fields["schema"]) == SCHEMA
    assert fresh.done("event-types", "update", "invoice.paid", "--group", "Billing").fields["group"] == "Billing"
    emptied = fresh.done("event-types", "update", "invoice.paid", "--schema", "", "--group", "", "--json")
    assert (json.loads(emptied.out)["schema"], json.loads(emptied.out)["group"]) == (None, None)
    assert "say --yes" in fresh.refused("event-types", "delete", "invoice.paid")
    fresh.done("event-types", "delete", "invoice.paid", "--yes")
    assert "invoice.paid" in {row[0] for row in fresh.done("event-types", "list", "--archived").rows}
    assert "invoice.paid" not in {row[0] for row in fresh.done("event-types", "list", "--active").rows}


def test_data_that_does_not_meet_a_schema_is_told_its_place(fresh: Command) -> None:
    fresh.done("event-types", "create", "invoice.paid", "--schema", json.dumps(SCHEMA))

    def refused(data: str) -> str:
        ran = fresh("events", "publish", "invoice.paid", "--data", data)
        return ran.err if ran.status == 1 else ""

    assert "flux: data.cents does not meet" in eventually(lambda: refused('{"cents": "many"}'), "the schema is felt")


def test_what_cannot_be_is_refused(fresh: Command) -> None:
    assert "--schema is no JSON" in fresh.refused("event-types", "create", "a.b", "--schema", "{")
    assert "Standard input can be one" in fresh.misused(
        "event-types", "create", "a.b", "--schema", "-", "--example", "-"
    )
    assert "Nothing was given" in fresh.misused("event-types", "update", "order.completed")
    assert "`flux event-types list` shows" in fresh.refused("event-types", "show", "nothing.here")


def test_a_catalogue_goes_out_and_in_again(fresh: Command, flux: Command) -> None:
    out = flux.done("event-types", "list", "--all", "--json").out
    names = [json.loads(line)["name"] for line in out.splitlines()]
    dry = fresh.done("event-types", "import", "-", "--dry-run", stdin=out.encode())
    assert "(dry run)" in dry.err
    assert "invoice.paid" not in fresh.done("event-types", "list").out
    first = fresh.done("event-types", "import", "-", stdin=out.encode())
    assert set(results(first)) == set(names)
    assert set(results(first).values()) <= {"created", "kept", "unchanged"}
    again = fresh.done("event-types", "import", "-", "--update", "--json", stdin=out.encode())
    assert {json.loads(line)["result"] for line in again.out.splitlines()} <= {"unchanged", "updated"}
    assert again.err == ""


def test_what_is_there_is_kept_unless_told(fresh: Command, tmp_path: Path) -> None:
    file = tmp_path / "types.json"
    file.write_text(json.dumps([PAID, {"name": "invoice.sent"}]))
    assert results(fresh.done("event-types", "import", str(file))) == {
        "invoice.paid": "created",
        "invoice.sent": "created",
    }
    file.write_text(json.dumps({"object": "list", "data": [PAID | {"group": "Money"}, {"name": "invoice.sent"}]}))
    kept = fresh.done("event-types", "import", str(file))
    assert results(kept) == {"invoice.paid": "kept", "invoice.sent": "unchanged"}
    assert "--update changes it" in kept.err
    assert results(fresh.done("event-types", "import", str(file), "--update"))["invoice.paid"] == "updated"
    assert fresh.done("event-types", "show", "invoice.paid").fields["group"] == "Money"


def test_a_folder_holds_schemas_that_are_called_like_their_types(fresh: Command, tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "invoice.paid.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "deeper" / "invoice.sent.schema.json").write_text(json.dumps({"title": "Sent", "properties": {}}))
    (tmp_path / "more.jsonl").write_text('{"name": "a.b"}\n\n{"name": "a.c", "group": "A"}\n')
    (tmp_path / "README.md").write_text("not one")
    ran = fresh.done("event-types", "import", str(tmp_path))
    assert results(ran) == dict.fromkeys(("invoice.sent", "invoice.paid", "a.b", "a.c"), "created")
    paid = json.loads(fresh.done("event-types", "show", "invoice.paid", "--json").out)
    assert (paid["description"], paid["example"], paid["schema"]) == ("How much.", {"cents": 4999}, SCHEMA)


def test_one_that_the_api_refuses_holds_up_no_other(fresh: Command, tmp_path: Path) -> None:
    file = tmp_path / "types.json"
    file.write_text(json.dumps([{"name": "a.bad", "schema": {"type": "nonsense"}}, {"name": "a.good"}]))
    ran = fresh("event-types", "import", str(file))
    assert ran.status == 1
    assert results(ran) == {"a.bad": "refused", "a.good": "created"}
    assert f"{file}, number 1: schema" in ran.out
    assert ran.err.endswith("flux: 1 of 2 were refused; the lines above say why.\n")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("types.json", "[{]", "types.json is no JSON: line 1, column 3"),
        ("types.jsonl", '{"name": "a.b"}\n{"name": }', "types.jsonl, line 2 is no JSON"),
        ("types.json", "[7]", "types.json, number 1 is no object"),
        ("types.json", "[]", "holds no event type"),
        ("types.json", '[{"name": "a.b"}, {"name": "a.b"}]', "a.b is there twice"),
        ("types.json", '{"name": "a b"}', 'a "name" like order.completed is needed'),
        ("types.json", '{"name": "a.b", "descripton": "x"}', "'descripton' is no field of an event type"),
        ("types.json", '{"name": "a.b", "schema": true}', "schema of a.b is to be an object"),
        ("my types.json", '{"type": "object"}', "its file is not called like a type"),
        ("types.json", "\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_changes_nothing(flux: Command, tmp_path: Path, name: str, text: str, words: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="latin-1")
    assert words in flux.refused("event-types", "import", str(file))


def test_a_file_that_is_not_there_is_named(flux: Command) -> None:
    assert flux.refused("event-types", "import", "nowhere/") == "flux: There is no nowhere."
