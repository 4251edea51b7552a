"""The tunnel: what reaches a temporary public URL travels over a WebSocket to a command, and its answer comes back."""
