"""The commands of the command line, one module a subject; `audio_lstm/cli.py` puts them together."""
