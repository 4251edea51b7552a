"""Whole runs: real processes, real servers, real faults."""
