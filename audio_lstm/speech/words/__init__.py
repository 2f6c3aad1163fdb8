"""Which words are likely: language models, grammars, hot words, pronunciations."""
