"""When the words of a known text are said."""
