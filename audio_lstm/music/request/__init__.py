"""What is asked of a piece, what it starts from, and whether the result keeps to it."""
