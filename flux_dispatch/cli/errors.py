"""A refusal: a command cannot do what was asked, and says in one line why and what to do."""


class CliError(Exception):
    """Ends a command with exit status 1; its message is all that the user sees."""
