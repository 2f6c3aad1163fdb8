"""Scores as sound: the synthesiser, sound fonts, and sound files."""
