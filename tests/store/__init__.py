"""The statements, on a real PostgreSQL."""
