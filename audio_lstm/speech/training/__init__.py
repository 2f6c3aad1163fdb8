"""Training speech models: corpora, tasks, tuning, evaluation, export."""
