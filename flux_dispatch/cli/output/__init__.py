"""What commands print: tables and details for people, lines for pipes, JSON for programs."""
