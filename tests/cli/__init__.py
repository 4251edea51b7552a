"""The `flux` command: what it prints, where, and its exit status, mostly against a real API."""
