"""The HTTP API in this process, on a real database and a real Redis, called over real sockets."""
