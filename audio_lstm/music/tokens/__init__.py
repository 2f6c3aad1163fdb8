"""Scores as tokens: what music models read and write."""
