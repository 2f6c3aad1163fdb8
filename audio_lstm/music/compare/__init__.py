"""Pieces beside other pieces: measures of sets, and what is copied."""
