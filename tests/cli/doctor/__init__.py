"""`flux doctor`, against installations that are well and such that are not."""
