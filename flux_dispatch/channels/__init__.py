"""Where people are told of alerts: messages in words, and Apprise, kept apart in a process that is watched."""
