"""What is wrong with a setting, said to who set it."""


class SettingsError(Exception):
    """A setting is unknown or wrong; the message names it and says how to mend it, one line for each."""
