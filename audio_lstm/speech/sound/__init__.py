"""Samples: features, voice activity, and what training adds to a recording."""
