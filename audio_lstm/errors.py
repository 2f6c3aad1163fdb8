"""The errors that users see: each message says what was expected, what came, where, and the way out."""

__all__ = [
    "AudioError",
    "AudioLSTMError",
    "ConfigError",
    "DataError",
    "MissingDependencyError",
    "ModelError",
    "ScoreError",
    "TrainingError",
]


class AudioLSTMError(Exception):
    """Any failure that the caller can do something about; the command line prints it as one line."""


class AudioError(AudioLSTMError):
    """A recording that cannot be read: missing, empty, damaged, truncated, too long, not audio."""


class ScoreError(AudioLSTMError):
    """A music file or score that cannot be used: damaged, empty, too large, outside the vocabulary."""


class ModelError(AudioLSTMError):
    """A model that cannot be found, read or trusted, or that belongs to the other wing."""


class DataError(AudioLSTMError):
    """A data set (manifest, corpus folder, roll file) that is missing, malformed or inconsistent."""


class ConfigError(AudioLSTMError, ValueError):
    """An option or configuration value outside what is allowed."""


class TrainingError(AudioLSTMError):
    """Training cannot go on: non-finite loss, a checkpoint of another run, a lost worker."""


class MissingDependencyError(AudioLSTMError, ImportError):
    """An optional package is needed for this call; the message gives the pip line that brings it."""
