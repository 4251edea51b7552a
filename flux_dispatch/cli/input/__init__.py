"""What commands are given beyond plain words: JSON from three places, times, and pairs."""
