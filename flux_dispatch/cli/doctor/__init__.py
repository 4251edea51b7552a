"""`flux doctor`: looks at an installation as a server process would, and says of each part what is to be mended."""
