"""Training music models: corpora, tasks, evaluation."""
