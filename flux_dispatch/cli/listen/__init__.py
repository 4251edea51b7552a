"""`flux listen`: brings what is sent to a temporary public URL to a server on this machine, and its answers back."""
