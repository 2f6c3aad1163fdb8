"""Polyphonic music as frames of keys: models, scores, training."""
