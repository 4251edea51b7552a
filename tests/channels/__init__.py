"""What sends alerts, against real servers, and against those who would misuse it."""
