"""Flux Dispatch delivers a company's events to its customers' HTTP endpoints."""

__version__ = "0.1.0"
