"""Sealing: what must not be read in the database is stored encrypted, bound to its place."""
