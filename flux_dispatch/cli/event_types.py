"""`flux event-types`: the catalogue of what events mean and what their data must be, over the API."""

from typing import Annotated, Any

import typer

from flux_dispatch.cli.client.completion import event_types
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.input.confirm import confirm
from flux_dispatch.cli.input.json_input import read_object

app = Group("The catalogue: what events mean, examples, and schemas.")

Name = Annotated[str, typer.Argument(metavar="TYPE", help="Like order.completed.", autocompletion=event_types)]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What happened; up to 500 characters.")]
GroupName = Annotated[str | None, typer.Option("--group", metavar="TEXT", help="Under which heading it is listed.")]
Example = Annotated[
    str | None, typer.Option(metavar="JSON", help="Data as it may be: an object, @file, or - for standard input.")
]
Schema = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="JSON Schema (2020-12) that data must meet: an object, @file, or -."),
]


@app.listing(examples="flux event-types list\nflux event-types list --all --json > catalogue.jsonl")
def list_event_types(
    archived: Annotated[
        bool | None, typer.Option("--archived/--active", help="Only those that are archived, or are not.")
    ] = None,
) -> None:
    """List the catalogue."""
    from flux_dispatch.cli.views.event_types import COLUMNS, EMPTY

    show_list(COLUMNS, lambda flux, limit: flux.event_types.list(archived=archived, limit=limit), empty=EMPTY)


@app.command(examples="flux event-types show order.completed")
def show(name: Name) -> None:
    """Show an event type, with its example and its schema."""
    from flux_dispatch.cli.views.event_types import fields, say_objects

    with connected() as flux:
        found = flux.event_types.get(name)
    show_one(found, fields(found))
    say_objects(found)


@app.command(
    examples="""
    flux event-types create invoice.paid --description 'An invoice was paid.' --example '{"invoice": "inv_7"}'
    flux event-types create invoice.paid --schema @invoice.schema.json
    """
)
def create(
    name: Name,
    *,
    description: Description = None,
    group: GroupName = None,
    example: Example = None,
    schema: Schema = None,
) -> None:
    """Put an event type into the catalogue. With a schema, data that does not meet it is refused from then on."""
    from flux_dispatch.cli.views.event_types import fields

    given = _objects(example, schema)
    with connected() as flux:
        made = flux.event_types.create(name, description=description, group=group, **given)
    show_one(made, fields(made))
    if made.example:
        tell("", "To publish its example:", f"  flux trigger {made.name}")


@app.command(
    examples="""
    flux event-types update invoice.paid --group Billing
    flux event-types update invoice.paid --schema ''
    """
)
def update(
    name: Name,
    *,
    description: Description = None,
    group: GroupName = None,
    example: Example = None,
    schema: Schema = None,
) -> None:
    """Change what is given; '' takes the group, the example or the schema away."""
    from flux_dispatch.cli.views.event_types import fields

    change: dict[str, Any] = {**_objects(example, schema)}
    if description is not None:
        change["description"] = description
    if group is not None:
        change["group"] = group or None
    if not change:
        raise typer.BadParameter("Nothing was given that shall change.")
    with connected() as flux:
        changed = flux.event_types.update(name, **change)
    show_one(changed, fields(changed))


@app.command(examples="flux event-types delete invoice.paid --yes")
def delete(name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Archive an event type. It stays readable, and its data is no longer checked."""
    with connected() as flux:
        found = flux.event_types.get(name)
        confirm(f"Archive {found.name}? Its data is no longer checked then.", yes=yes)
        flux.event_types.archive(found.name)
    tell(f"{found.name} is archived; `flux event-types create {found.name}` makes it anew.")


@app.command(
    "import",
    examples="""
    flux event-types import catalogue.jsonl
    flux event-types import schemas/ --update --dry-run
    """,
)
def import_event_types(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="JSON or JSON lines of event types, as list --json prints them; a JSON Schema, whose file name is the "
            "type (order.completed.json); a folder of such; or - for standard input.",
        ),
    ],
    update_existing: Annotated[bool, typer.Option("--update", help="Change those that are there, and differ.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Put many event types into the catalogue, and say what was done with each.

    What is there already stays as it is, unless --update is given. All files are read
    before anything is sent. Exits 1 if the API refused one; the others are done.
    """
    from flux_dispatch.cli.client.catalogue import import_all
    from flux_dispatch.cli.input.catalogue_files import read_catalogue

    wanted = read_catalogue(source)
    with connected() as flux:
        import_all(flux, wanted, update=update_existing, dry_run=dry_run)


def _objects(example: str | None, schema: str | None) -> dict[str, Any]:
    """Return the objects that were given; an empty text stands for none."""
    given = {"example": example, "schema": schema}
    if list(given.values()).count("-") > 1:
        raise typer.BadParameter("Standard input can be one of the two.", param_hint="--schema")
    return {name: read_object(text, f"--{name}") if text else None for name, text in given.items() if text is not None}
