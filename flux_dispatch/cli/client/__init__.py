"""How commands that call the API find it, connect to it, and tell what it refuses."""
