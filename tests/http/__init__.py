"""The sender against real sockets, hostile ones among them."""
