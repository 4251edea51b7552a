"""Measurements: each figure beside the script that made it, the machine, and the raw result."""
