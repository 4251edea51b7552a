"""HTTP out: the sender that POSTs to customers, and the guard that keeps it off private addresses."""
