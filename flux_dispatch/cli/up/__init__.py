"""`flux up`: everything on one machine, in one terminal."""
