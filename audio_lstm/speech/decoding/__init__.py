"""From log-probabilities to text: beam searches over letters and phonemes."""
