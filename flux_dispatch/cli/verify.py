"""`flux verify`: is this request signed as it should be? For whoever wonders why their own check says no."""

from typing import Annotated

import typer

from flux_dispatch.cli.commands.group import Group

app = Group()


@app.command(
    examples="""
    flux verify --secret whsec_... --header 'flux-signature: t=1705314600,v1=5f2c...' < body.json
    flux verify --webhook wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --header 't=1705314600,v1=5f2c...' < body.json
    """
)
def verify(
    *,
    header: Annotated[
        list[str],
        typer.Option("--header", metavar="HEADER", help="The header flux-signature, with its name or without."),
    ],
    secret: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="SECRET", help="The webhook's secret, whsec_…; several may be given."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="Ask the API for the secret of this webhook instead.")
    ] = None,
    tolerance: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="How far its time may be from now. For an old one, give more.")
    ] = 300,
) -> None:
    """Check the signature of one request, whose raw body comes on standard input; say what is wrong with it.

    Exits 0 if it is valid, else 1, with the code that the SDKs give: missing_header, malformed, no_match, too_old,
    too_new or bad_secret.
    """
    from flux_dispatch.cli.client.signature import check_signature, read_body, signature_of

    if bool(secret) == bool(webhook):
        raise typer.BadParameter("Give --secret or --webhook, one of them.", param_hint="--secret")
    check_signature(read_body(), signature_of(header), secret or [], webhook, tolerance)
