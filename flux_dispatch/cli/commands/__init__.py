"""What all commands share: how they are grouped, what their help looks like, and the options that they share."""
