"""Music models: the networks, their export, and the loaded model."""
