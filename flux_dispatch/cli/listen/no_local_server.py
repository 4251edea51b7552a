"""Stands in for the local server where nothing is forwarded: whatever comes is answered with an empty 200."""

from flux_dispatch.tunnel.frames import Answer, Failed, Request


class NoLocalServer:
    """See LocalServer."""

    def url_of(self, request: Request) -> str | None:  # noqa: ARG002 - it goes nowhere
        """Return None."""
        return None

    async def forward(self, request: Request) -> Answer | Failed:
        """Return an empty 200."""
        return Answer(request.id, 200, (), b"")
