"""The pages on which people manage webhooks, see what arrived, and find out why something did not."""
