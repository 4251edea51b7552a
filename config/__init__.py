"""What an operator sets: read once, checked at once, and a stranger to the code that uses it."""
