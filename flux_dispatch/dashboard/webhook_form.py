"""The form of a webhook: what its fields say, and the webhook that they ask for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from multidict import MultiMapping

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.webhook import NewWebhook

ALL = "*"


@dataclass(frozen=True, slots=True)
class WebhookForm:
    """What somebody typed; `headers` is one a line, `Name: value`, and `metadata` is kept as it was."""

    url: str = ""
    description: str = ""
    events: Sequence[str] = ()
    headers: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: MultiMapping[object]) -> "WebhookForm":
        """Return what was sent: event types that were ticked, and those that were typed, with commas between them."""
        typed = str(form.get("more", "")).replace(",", " ").split()
        ticked = [str(each) for each in form.getall("event", [])]
        events = list(dict.fromkeys([*ticked, *typed]))
        return cls(
            url=str(form.get("url", "")).strip(),
            description=str(form.get("description", "")).strip(),
            events=[ALL] if ALL in events else events,
            headers=str(form.get("headers", "")).replace("\r\n", "\n"),
        )

    def wanted(self) -> NewWebhook:
        """Return the webhook that is asked for.

        Raises:
            InvalidRequest: no event type was chosen, or a line of the headers is none.
        """
        if not self.events:
            raise InvalidRequest("Choose at least one event type, or all of them.", param="events")
        return NewWebhook(self.url, tuple(self.events), self.description, self.header_map(), self.metadata)

    def header_map(self) -> dict[str, str]:
        """Return the headers by their names.

        Raises:
            InvalidRequest: a line is none, or a name comes twice.
        """
        headers: dict[str, str] = {}
        for line in filter(str.strip, self.headers.split("\n")):
            name, colon, value = line.partition(":")
            if not colon or name.strip() in headers:
                why = "comes twice" if colon else "has no colon"
                raise InvalidRequest(
                    f"{line.strip()[:60]!r} {why}: write one header a line, as Name: value.", param="headers"
                )
            headers[name.strip()] = value.strip()
        return headers
