"""The tests, on the real parts."""
