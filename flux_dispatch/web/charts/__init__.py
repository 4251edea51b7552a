"""Charts as SVG that the server writes, with classes for the stylesheet, and the same numbers as a table."""
