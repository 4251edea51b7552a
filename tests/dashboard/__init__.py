"""The dashboard's pages in this process, on a real database and a real Redis, opened over real sockets."""
