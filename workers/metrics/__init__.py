"""Metrics: what the parts have counted, in Prometheus's words, and the port that they are read at."""
