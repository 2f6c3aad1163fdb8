"""What a piece of music is, and what can be said of one from its notes alone."""
