"""What is said when a server cannot be had on this machine."""


class ServerUnavailable(Exception):
    """A server cannot be had on this machine; the message is one line that says which setting to give instead."""
