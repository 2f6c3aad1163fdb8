"""Writing pieces: token by token, under constraints."""
