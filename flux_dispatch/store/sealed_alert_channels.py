"""What of an alert channel is sealed: its URL, which holds passwords and tokens."""

from uuid import UUID

from flux_dispatch.domain.ids import Prefix, format_id
from flux_dispatch.sealing.keyring import Keyring


class ChannelSeals:
    """Seals and opens the URLs of channels."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.head = keyring.head

    def seal(self, channel: UUID, url: str) -> bytes:
        """Return a URL as its row holds it."""
        return self._keyring.seal(url, _url_of(channel))

    def unseal(self, channel: UUID, sealed: bytes) -> str:
        """Return the URL.

        Raises:
            CannotUnseal: it does not open.
        """
        return self._keyring.unseal(sealed, _url_of(channel))


def _url_of(channel: UUID) -> str:
    return f"alert_channels.sealed_url of {format_id(Prefix.ALERT_CHANNEL, channel.hex)}"
