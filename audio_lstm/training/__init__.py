"""Training: one loop for both wings, on plain torch and torchrun."""
