"""What describes the API, to programs and to people."""
