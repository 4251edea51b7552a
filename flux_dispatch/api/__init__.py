"""HTTP in: the /v1 API."""
