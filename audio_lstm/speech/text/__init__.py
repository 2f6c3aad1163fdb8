"""Text: the symbols that a model writes, and written text as it is spoken."""
