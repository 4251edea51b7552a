"""Faults: each a repeatable run on real processes, judged from three records. `make faults` runs them all."""
