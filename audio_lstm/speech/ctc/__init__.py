"""What CTC outputs say: best paths, likelihoods, alignments, word times."""
