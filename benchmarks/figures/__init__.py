"""One file a figure: each says what it measures, and returns numbers."""
