"""The nouns and decisions of webhook delivery: pure, standard library only, no clock, no await, no environment."""
